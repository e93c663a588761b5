/* The picture that a ControlNet follows, as a choice. */
#ifndef MOA_UI_CONTROL_COMBO_H
#define MOA_UI_CONTROL_COMBO_H

#include <gtk/gtk.h>

/* As of SubjectHooks; all NULL: there are no layers. */
typedef struct {
  gboolean (*look) (const char *source, int side, GdkPixbuf **thumbnail, char **label, gpointer data);
  char **(*list_layers) (gpointer data);
  gpointer data;
} ControlHooks;

/* A combo box with none, all layers and a file. */
GtkWidget *control_combo_new (const ControlHooks *hooks);

/* "": none; the id of a layer; "file:PATH"; another text becomes a choice of its own, so that it is not lost. */
void control_combo_set (GtkWidget *combo, const char *source);

/* (transfer full) */
char *control_combo_get (GtkWidget *combo);

/* Call when layers may have come and gone, or have other names. */
void control_combo_refresh (GtkWidget *combo);

/* Calls changed when another one is chosen. */
void control_combo_watch (GtkWidget *combo, void (*changed) (gpointer data), gpointer data);

#endif
