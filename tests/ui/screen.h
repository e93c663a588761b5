/* What the tests of widgets share: a window, events, the pixels that are seen, pictures. */
#ifndef MOA_TEST_SCREEN_H
#define MOA_TEST_SCREEN_H

#include "moa.h"

#include <gdk/gdkkeysyms.h>
#include <gtk/gtk.h>

/* gtk_init() and g_test_init(); the locale is the environment's. */
void screen_init (int *argc, char ***argv);

/* A shown window around the widget, drawn once. */
GtkWidget *screen_show (GtkWidget *widget, int width, int height);

/* Until nothing is left to be drawn or done. */
void screen_settle (void);

/* The same, and timeouts of the next milliseconds. */
void screen_wait (int milliseconds);

/* The colour that is seen at a point of the widget, 0xrrggbb; and the whole widget into
 * $MOA_TEST_OUT/NAME.png, to be looked at. */
guint32 screen_get_pixel (GtkWidget *widget, int x, int y);
void screen_save (GtkWidget *widget, const char *name);

/* The first widget of the type whose accessible name, label or tooltip is name; NULL: any name. */
GtkWidget *screen_find (GtkWidget *root, GType type, const char *name);

void screen_press (GtkWidget *widget, double x, double y, guint button);
void screen_move (GtkWidget *widget, double x, double y);
void screen_release (GtkWidget *widget, double x, double y, guint button);
void screen_drag (GtkWidget *widget, double x0, double y0, double x1, double y1);
void screen_scroll (GtkWidget *widget, double x, double y, GdkScrollDirection direction);
void screen_key (GtkWidget *widget, guint keyval);

/* Fails unless every control under root that is shown can be named by a screen reader, and no two
 * that are shown have the same mnemonic. */
void screen_check_access (GtkWidget *root);

/* Fails if a text that is shown has less room than it needs. */
void screen_check_clipping (GtkWidget *root);

/* A picture of one colour, or a mask of one value. */
MoaImage *screen_plain (int width, int height, float r, float g, float b);
MoaImage *screen_mask (int width, int height, float value);

#endif
