/* The router maps of all blocks over a picture, step by step; blocks to choose, maps to paint on.
 * Knows neither GIMP nor a job. */
#ifndef MOA_UI_MAP_GRID_H
#define MOA_UI_MAP_GRID_H

#include "moa.h"

#include <gtk/gtk.h>

#define MAP_GRID_MAX_LAYERS 64

typedef struct _MapGrid MapGrid;

/* changed: the blocks chosen, or what is painted, are others.  NULL: there is nothing to choose and
 * to paint, only to look at. */
MapGrid *map_grid_new (void (*changed) (gpointer data), gpointer data);
void map_grid_free (MapGrid *grid);
GtkWidget *map_grid_get_widget (MapGrid *grid);

/* Starts anew: no maps, all blocks chosen.  names: of the blocks, in running order. */
void map_grid_set_layers (MapGrid *grid, const char *const *names, int n_layers);

/* What the maps lie over. */
void map_grid_set_picture (MapGrid *grid, const MoaImage *picture);

/* Forgets the maps of all steps, not what was chosen or painted. */
void map_grid_clear (MapGrid *grid);

/* Adds the maps of a step, or of the mean with maps->step -1, and shows them if the slider was at
 * the last step.  They are copied. */
void map_grid_add (MapGrid *grid, const MoaRouterMaps *maps, int n_steps);

int map_grid_get_n_steps (MapGrid *grid);

/* Which step is shown, counted as they were added. */
void map_grid_show_step (MapGrid *grid, int index);

/* One block large, or all of them with -1. */
void map_grid_enlarge (MapGrid *grid, int layer);

/* Bit i: block i makes the mask. */
guint64 map_grid_get_chosen (MapGrid *grid);
void map_grid_set_chosen (MapGrid *grid, guint64 chosen);

/* By how much to multiply the personalised weight: 1 channel of the picture's size, 1 where
 * nothing was painted, 0 where less, 2 where more.  (transfer full); NULL when nothing was. */
MoaImage *map_grid_get_factor (MapGrid *grid);

/* The personalised weight of a block, as it is shown; NULL: no maps.  (transfer none) */
const MoaImage *map_grid_get_map (MapGrid *grid, int layer);

#endif
