/* The widgets for everything in ReplaceSettings, and the model that they name. */
#ifndef MOA_UI_SETTINGS_PANEL_H
#define MOA_UI_SETTINGS_PANEL_H

#include "control_combo.h"

#include "plugin/settings.h"

#include <gtk/gtk.h>

typedef struct _SettingsPanel SettingsPanel;

typedef struct {
  ControlHooks control;                  /* where pictures to follow come from */
  void (*model_changed) (gpointer data); /* another model is there, or none */
  void (*edited) (gpointer data);        /* any setting is another one */
  gpointer data;
} SettingsHooks;

SettingsPanel *settings_panel_new (const SettingsHooks *hooks);
void settings_panel_free (SettingsPanel *panel);
GtkWidget *settings_panel_get_widget (SettingsPanel *panel);

/* What most users need not touch. */
GtkWidget *settings_panel_get_advanced (SettingsPanel *panel);

void settings_panel_set (SettingsPanel *panel, const ReplaceSettings *settings);

/* (transfer full).  A number that is the model's own counts as left to the model.  roll: a new seed
 * if the user wants a random one. */
ReplaceSettings *settings_panel_get (SettingsPanel *panel, gboolean roll);

/* Call when layers may have come and gone. */
void settings_panel_refresh (SettingsPanel *panel);

/* (transfer none); NULL with the reason in problem. */
MoaModel *settings_panel_get_model (SettingsPanel *panel, const char **problem);

#endif
