/* The router maps of all blocks over a picture.
 *
 * A page with all blocks, four to a row, and a page with one of them large, on which the user
 * paints.  A map is the prior's weight; it is shown as what it leaves to the person: orange. */
#include "map_grid.h"

#include "pixels.h"
#include "preview.h"
#include "wrapped_label.h"

#include "plugin/intl.h"

#include <atk/atk.h>
#include <stdio.h>
#include <string.h>

#define COLUMNS 4
#define CELL 92

typedef struct {
  GtkWidget *button, *area, *check;
  char *name;
  MapGrid *grid;
  int index;
} Cell;

/* The maps of one step, cut to the picture. */
typedef struct {
  int step, timestep;
  int n_layers;
  MoaImage *layers[MAP_GRID_MAX_LAYERS];
} Step;

struct _MapGrid
{
  GtkWidget *box, *pages, *table, *empty, *slider, *slider_label, *back, *title;
  Preview *large;
  Cell cells[MAP_GRID_MAX_LAYERS];
  int n_layers;
  GPtrArray *steps; /* of Step */
  int n_steps;      /* that the run has */
  int shown, enlarged;
  cairo_surface_t *picture;
  gboolean setting;
  void (*changed) (gpointer data);
  gpointer data;
};

/* ---- Steps --------------------------------------------------------------- */

static void
step_free (gpointer data)
{
  Step *step = data;

  for (int i = 0; i < step->n_layers; i++)
    moa_image_free (step->layers[i]);
  g_free (step);
}

/* Without the columns and rows by which the picture was filled up. */
static MoaImage *
cut (const MoaImage *map, double width_share, double height_share)
{
  int width = width_share > 0 ? CLAMP (map->width * width_share + 0.5, 1, map->width) : map->width;
  int height = height_share > 0 ? CLAMP (map->height * height_share + 0.5, 1, map->height) : map->height;
  MoaImage *part = moa_image_new (width, height, 1);

  for (int y = 0; part && y < height; y++)
    memcpy (part->data + (gsize) y * width, map->data + (gsize) y * map->width, sizeof (float) * width);
  return part;
}

static Step *
step_new (const MoaRouterMaps *maps)
{
  Step *step = g_new0 (Step, 1);

  step->step = maps->step;
  step->timestep = maps->timestep;
  step->n_layers = MIN (maps->n_layers, MAP_GRID_MAX_LAYERS);
  for (int i = 0; i < step->n_layers; i++)
    step->layers[i] = cut (maps->layers[i], maps->width_share, maps->height_share);
  return step;
}

static Step *
get_step (MapGrid *grid)
{
  return grid->shown >= 0 && grid->shown < (int) grid->steps->len
         ? g_ptr_array_index (grid->steps, grid->shown) : NULL;
}

const MoaImage *
map_grid_get_map (MapGrid *grid, int layer)
{
  Step *step = get_step (grid);

  return step && layer < step->n_layers ? step->layers[layer] : NULL;
}

static void
name_step (MapGrid *grid)
{
  Step *step = get_step (grid);
  g_autofree char *text = NULL;

  if (!step)
    text = g_strdup ("");
  else if (step->step < 0)
    text = g_strdup (_("Mean of the late steps"));
  else
    text = g_strdup_printf (_("Step %d of %d"), step->step + 1, grid->n_steps);
  gtk_label_set_text (GTK_LABEL (grid->slider_label), text);
}

static void
show_step (MapGrid *grid)
{
  const MoaImage *map = grid->enlarged >= 0 ? map_grid_get_map (grid, grid->enlarged) : NULL;

  name_step (grid);
  preview_set_tint (grid->large, map, TRUE);
  gtk_widget_set_visible (grid->empty, grid->steps->len == 0);
  gtk_widget_set_visible (grid->table, grid->steps->len > 0);
  gtk_widget_set_sensitive (grid->slider, grid->steps->len > 1);
  gtk_widget_queue_draw (grid->table);
}

static void
set_slider (MapGrid *grid)
{
  grid->setting = TRUE;
  gtk_range_set_range (GTK_RANGE (grid->slider), 0, MAX (grid->steps->len, 2) - 1);
  gtk_range_set_value (GTK_RANGE (grid->slider), MAX (grid->shown, 0));
  grid->setting = FALSE;
  show_step (grid);
}

static void
on_slider (GtkRange *range, MapGrid *grid)
{
  if (grid->setting)
    return;
  grid->shown = gtk_range_get_value (range) + 0.5;
  show_step (grid);
}

void
map_grid_clear (MapGrid *grid)
{
  g_ptr_array_set_size (grid->steps, 0);
  grid->shown = -1;
  set_slider (grid);
}

void
map_grid_add (MapGrid *grid, const MoaRouterMaps *maps, int n_steps)
{
  gboolean follow = grid->shown == (int) grid->steps->len - 1;

  g_ptr_array_add (grid->steps, step_new (maps));
  grid->n_steps = n_steps;
  if (follow)
    grid->shown = grid->steps->len - 1;
  set_slider (grid);
}

int
map_grid_get_n_steps (MapGrid *grid)
{
  return grid->steps->len;
}

void
map_grid_show_step (MapGrid *grid, int index)
{
  grid->shown = CLAMP (index, -1, (int) grid->steps->len - 1);
  set_slider (grid);
}

/* ---- Cells --------------------------------------------------------------- */

/* "down_blocks.1.attentions.0.transformer_blocks.0" is called "Down 2.1". */
static char *
shorten_name (const char *name, int index)
{
  int block, attention;

  if (sscanf (name, "down_blocks.%d.attentions.%d", &block, &attention) == 2)
    return g_strdup_printf (_("Down %d.%d"), block + 1, attention + 1);
  if (sscanf (name, "up_blocks.%d.attentions.%d", &block, &attention) == 2)
    return g_strdup_printf (_("Up %d.%d"), block + 1, attention + 1);
  if (g_str_has_prefix (name, "mid_block"))
    return g_strdup (_("Middle"));
  return g_strdup_printf (_("Block %d"), index + 1);
}

static void
draw_map (cairo_t *cairo, const MoaImage *map, int width, int height)
{
  if (!map)
    return;

  cairo_surface_t *mask = pixels_from_mask (map, TRUE);

  cairo_set_source_rgba (cairo, 1, 0.55, 0.1, 0.85);
  pixels_draw_mask (cairo, mask, width, height);
  cairo_surface_destroy (mask);
}

static gboolean
on_expose (GtkWidget *widget, GdkEventExpose *event, Cell *cell)
{
  const MoaImage *map = map_grid_get_map (cell->grid, cell->index);
  cairo_surface_t *picture = cell->grid->picture;
  GtkAllocation size;
  cairo_t *cairo = gdk_cairo_create (gtk_widget_get_window (widget));

  gtk_widget_get_allocation (widget, &size);
  if (!gtk_widget_get_has_window (widget))
    cairo_translate (cairo, size.x, size.y);
  cairo_rectangle (cairo, 0, 0, size.width, size.height);
  cairo_clip (cairo);
  if (picture)
    {
      int width = cairo_image_surface_get_width (picture);
      int height = cairo_image_surface_get_height (picture);
      double scale = MIN ((double) size.width / width, (double) size.height / height);

      cairo_translate (cairo, (size.width - width * scale) / 2, (size.height - height * scale) / 2);
      cairo_scale (cairo, scale, scale);
      cairo_set_source_surface (cairo, picture, 0, 0);
      cairo_paint (cairo);
      draw_map (cairo, map, width, height);
    }
  else
    draw_map (cairo, map, size.width, size.height);
  cairo_destroy (cairo);
  return TRUE;
}

static void
on_cell_clicked (GtkButton *button, Cell *cell)
{
  map_grid_enlarge (cell->grid, cell->index);
}

static void
on_changed (gpointer data)
{
  MapGrid *grid = data;

  if (grid->changed && !grid->setting)
    grid->changed (grid->data);
}

static void
on_checked (GtkToggleButton *button, MapGrid *grid)
{
  on_changed (grid);
}

static void
create_cell (MapGrid *grid, int i, const char *name)
{
  Cell *cell = &grid->cells[i];
  GtkWidget *box = gtk_vbox_new (FALSE, 0);
  g_autofree char *enlarge = NULL, *use = NULL;

  cell->grid = grid;
  cell->index = i;
  cell->name = shorten_name (name, i);
  enlarge = g_strdup_printf (_("Show the map of %s large: %s"), cell->name, name);
  use = g_strdup_printf (_("Let %s make the mask"), cell->name);

  cell->area = gtk_drawing_area_new ();
  gtk_widget_set_size_request (cell->area, CELL, CELL);
  g_signal_connect (cell->area, "expose-event", G_CALLBACK (on_expose), cell);
  cell->button = gtk_button_new ();
  gtk_button_set_relief (GTK_BUTTON (cell->button), GTK_RELIEF_NONE);
  gtk_container_add (GTK_CONTAINER (cell->button), cell->area);
  gtk_widget_set_tooltip_text (cell->button, enlarge);
  atk_object_set_name (gtk_widget_get_accessible (cell->button), enlarge);
  g_signal_connect (cell->button, "clicked", G_CALLBACK (on_cell_clicked), cell);

  cell->check = gtk_check_button_new_with_label (cell->name);
  gtk_toggle_button_set_active (GTK_TOGGLE_BUTTON (cell->check), TRUE);
  gtk_widget_set_tooltip_text (cell->check, use);
  atk_object_set_name (gtk_widget_get_accessible (cell->check), use);
  g_signal_connect (cell->check, "toggled", G_CALLBACK (on_checked), grid);

  gtk_box_pack_start (GTK_BOX (box), cell->button, TRUE, TRUE, 0);
  if (!grid->changed)
    {
      gtk_box_pack_start (GTK_BOX (box), gtk_label_new (cell->name), FALSE, FALSE, 0);
      gtk_widget_set_no_show_all (cell->check, TRUE);
    }
  gtk_box_pack_start (GTK_BOX (box), cell->check, FALSE, FALSE, 0);
  gtk_widget_show_all (box);
  gtk_table_attach (GTK_TABLE (grid->table), box, i % COLUMNS, i % COLUMNS + 1, i / COLUMNS,
                    i / COLUMNS + 1, GTK_FILL | GTK_EXPAND, GTK_FILL | GTK_EXPAND, 0, 0);
}

void
map_grid_set_layers (MapGrid *grid, const char *const *names, int n_layers)
{
  map_grid_enlarge (grid, -1);
  for (int i = 0; i < grid->n_layers; i++)
    {
      gtk_widget_destroy (gtk_widget_get_parent (grid->cells[i].check));
      g_clear_pointer (&grid->cells[i].name, g_free);
    }
  grid->n_layers = MIN (n_layers, MAP_GRID_MAX_LAYERS);
  for (int i = 0; i < grid->n_layers; i++)
    create_cell (grid, i, names[i]);
  map_grid_clear (grid);
}

guint64
map_grid_get_chosen (MapGrid *grid)
{
  guint64 chosen = 0;

  for (int i = 0; i < grid->n_layers; i++)
    if (gtk_toggle_button_get_active (GTK_TOGGLE_BUTTON (grid->cells[i].check)))
      chosen |= G_GUINT64_CONSTANT (1) << i;
  return chosen;
}

void
map_grid_set_chosen (MapGrid *grid, guint64 chosen)
{
  grid->setting = TRUE;
  for (int i = 0; i < grid->n_layers; i++)
    gtk_toggle_button_set_active (GTK_TOGGLE_BUTTON (grid->cells[i].check), chosen >> i & 1);
  grid->setting = FALSE;
}

static void
on_all (GtkButton *button, MapGrid *grid)
{
  map_grid_set_chosen (grid, G_MAXUINT64);
  on_changed (grid);
}

/* ---- One block large ----------------------------------------------------- */

void
map_grid_enlarge (MapGrid *grid, int layer)
{
  grid->enlarged = layer < grid->n_layers ? layer : -1;
  if (grid->enlarged >= 0)
    gtk_label_set_text (GTK_LABEL (grid->title), grid->cells[layer].name);
  gtk_notebook_set_current_page (GTK_NOTEBOOK (grid->pages), grid->enlarged >= 0);
  show_step (grid);
}

static void
on_back (GtkButton *button, MapGrid *grid)
{
  map_grid_enlarge (grid, -1);
}

MoaImage *
map_grid_get_factor (MapGrid *grid)
{
  MoaImage *factor = preview_get_paint (grid->large);

  for (gsize i = 0; factor && i < (gsize) factor->width * factor->height; i++)
    factor->data[i] += 1;
  return factor;
}

void
map_grid_set_picture (MapGrid *grid, const MoaImage *picture)
{
  g_clear_pointer (&grid->picture, cairo_surface_destroy);
  if (picture)
    grid->picture = pixels_from_image (picture);
  preview_set_picture (grid->large, picture, 0, NULL);
  show_step (grid);
}

/* ---- Widgets ------------------------------------------------------------- */

static GtkWidget *
create_grid_page (MapGrid *grid)
{
  GtkWidget *box = gtk_vbox_new (FALSE, 4), *scrolled = gtk_scrolled_window_new (NULL, NULL);
  GtkWidget *row = gtk_hbox_new (FALSE, 6);
  GtkWidget *all = gtk_button_new_with_mnemonic (_("All blocks"));
  GtkWidget *label = wrapped_label_new (grid->changed ? _("Orange: what a block leaves to the new person. "
                                                          "Ticked blocks make the mask.")
                                                      : _("Orange: what a block leaves to the new person."),
                                        3 * CELL);

  grid->table = gtk_table_new (COLUMNS, COLUMNS, TRUE);
  gtk_widget_set_no_show_all (grid->table, TRUE);
  grid->empty = gtk_label_new (_("The router maps appear here while a replacement runs: they show, for "
                                 "each block of the model, where it draws the new person."));
  gtk_label_set_line_wrap (GTK_LABEL (grid->empty), TRUE);
  gtk_label_set_justify (GTK_LABEL (grid->empty), GTK_JUSTIFY_CENTER);
  gtk_widget_set_size_request (grid->empty, 4 * CELL, -1);

  GtkWidget *inside = gtk_vbox_new (FALSE, 0);
  gtk_box_pack_start (GTK_BOX (inside), grid->table, TRUE, TRUE, 0);
  gtk_box_pack_start (GTK_BOX (inside), grid->empty, TRUE, FALSE, 0);
  gtk_scrolled_window_set_policy (GTK_SCROLLED_WINDOW (scrolled), GTK_POLICY_AUTOMATIC,
                                  GTK_POLICY_AUTOMATIC);
  gtk_scrolled_window_add_with_viewport (GTK_SCROLLED_WINDOW (scrolled), inside);
  gtk_viewport_set_shadow_type (GTK_VIEWPORT (gtk_bin_get_child (GTK_BIN (scrolled))),
                                GTK_SHADOW_NONE);

  gtk_widget_set_tooltip_text (all, _("Lets all blocks make the mask again"));
  g_signal_connect (all, "clicked", G_CALLBACK (on_all), grid);
  gtk_box_pack_start (GTK_BOX (row), label, TRUE, TRUE, 0);
  gtk_box_pack_start (GTK_BOX (row), all, FALSE, FALSE, 0);
  gtk_widget_set_no_show_all (all, !grid->changed);
  gtk_box_pack_start (GTK_BOX (box), scrolled, TRUE, TRUE, 0);
  gtk_box_pack_start (GTK_BOX (box), row, FALSE, FALSE, 0);
  return box;
}

static GtkWidget *
create_large_page (MapGrid *grid)
{
  PreviewSpec spec = {
    .add = grid->changed ? _("More person") : NULL, .remove = _("Less person"),
    .add_tip = _("Paint where more of the new person is wanted, in all blocks"),
    .remove_tip = _("Paint where the picture is to stay, in all blocks"),
    .name = _("Router map"), .width = 3 * CELL, .height = 2 * CELL,
    .painted = on_changed, .data = grid,
  };
  GtkWidget *box = gtk_vbox_new (FALSE, 4), *row = gtk_hbox_new (FALSE, 12);

  grid->back = gtk_button_new_with_mnemonic (_("All maps"));
  gtk_button_set_image (GTK_BUTTON (grid->back), gtk_image_new_from_stock (GTK_STOCK_GO_BACK,
                                                                           GTK_ICON_SIZE_MENU));
  g_signal_connect (grid->back, "clicked", G_CALLBACK (on_back), grid);
  grid->title = gtk_label_new (NULL);
  grid->large = preview_new (&spec);
  gtk_box_pack_start (GTK_BOX (row), grid->back, FALSE, FALSE, 0);
  gtk_box_pack_start (GTK_BOX (row), grid->title, FALSE, FALSE, 0);
  gtk_box_pack_start (GTK_BOX (box), row, FALSE, FALSE, 0);
  gtk_box_pack_start (GTK_BOX (box), preview_get_widget (grid->large), TRUE, TRUE, 0);
  return box;
}

static GtkWidget *
create_slider (MapGrid *grid)
{
  GtkWidget *row = gtk_hbox_new (FALSE, 6);

  grid->slider_label = gtk_label_new (NULL);
  gtk_misc_set_alignment (GTK_MISC (grid->slider_label), 0, 0.5);
  gtk_label_set_width_chars (GTK_LABEL (grid->slider_label), 24);
  grid->slider = gtk_hscale_new_with_range (0, 1, 1);
  gtk_scale_set_draw_value (GTK_SCALE (grid->slider), FALSE);
  gtk_widget_set_tooltip_text (grid->slider, _("Which step's maps are shown"));
  atk_object_set_name (gtk_widget_get_accessible (grid->slider), _("Step"));
  g_signal_connect (grid->slider, "value-changed", G_CALLBACK (on_slider), grid);
  gtk_widget_set_no_show_all (grid->slider, !grid->changed); /* one step alone */
  gtk_box_pack_start (GTK_BOX (row), grid->slider, TRUE, TRUE, 0);
  gtk_box_pack_start (GTK_BOX (row), grid->slider_label, FALSE, FALSE, 0);
  return row;
}

MapGrid *
map_grid_new (void (*changed) (gpointer data), gpointer data)
{
  MapGrid *grid = g_new0 (MapGrid, 1);

  grid->changed = changed;
  grid->data = data;
  grid->shown = grid->enlarged = -1;
  grid->steps = g_ptr_array_new_with_free_func (step_free);
  grid->pages = gtk_notebook_new ();
  gtk_notebook_set_show_tabs (GTK_NOTEBOOK (grid->pages), FALSE);
  gtk_notebook_set_show_border (GTK_NOTEBOOK (grid->pages), FALSE);
  gtk_notebook_append_page (GTK_NOTEBOOK (grid->pages), create_grid_page (grid), NULL);
  gtk_notebook_append_page (GTK_NOTEBOOK (grid->pages), create_large_page (grid), NULL);

  grid->box = gtk_vbox_new (FALSE, 4);
  gtk_box_pack_start (GTK_BOX (grid->box), grid->pages, TRUE, TRUE, 0);
  gtk_box_pack_start (GTK_BOX (grid->box), create_slider (grid), FALSE, FALSE, 0);
  gtk_widget_show_all (grid->box);
  set_slider (grid);
  return grid;
}

void
map_grid_free (MapGrid *grid)
{
  g_ptr_array_unref (grid->steps);
  for (int i = 0; i < grid->n_layers; i++)
    g_free (grid->cells[i].name);
  g_clear_pointer (&grid->picture, cairo_surface_destroy);
  preview_free (grid->large);
  g_free (grid);
}

GtkWidget *
map_grid_get_widget (MapGrid *grid)
{
  return grid->box;
}
