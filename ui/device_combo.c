/* Where to compute, as a choice: automatic, the processor, and each GPU with 32 or 16 bits. */
#include "device_combo.h"

#include "plugin/intl.h"

#include "moa.h"

#include <atk/atk.h>

enum { NAME, TITLE, N_COLUMNS };

static void
add (GtkListStore *store, const char *name, const char *title)
{
  gtk_list_store_insert_with_values (store, NULL, -1, NAME, name, TITLE, title, -1);
}

static void
add_gpu (GtkListStore *store, const MoaDeviceInfo *info)
{
  g_autofree char *half = g_strconcat (info->name, ":f16", NULL);
  g_autofree char *title = g_strdup_printf (_("%s, 16 bits"), info->title);

  add (store, info->name, info->title);
  add (store, half, title);
}

GtkWidget *
device_combo_new (void)
{
  GtkListStore *store = gtk_list_store_new (N_COLUMNS, G_TYPE_STRING, G_TYPE_STRING);
  GtkWidget *combo = gtk_combo_box_new_with_model (GTK_TREE_MODEL (store));
  GtkCellRenderer *cell = gtk_cell_renderer_text_new ();
  g_autofree char *why = NULL;
  g_autoptr (GArray) gpus = moa_device_list (&why);
  int n_usable = 0;

  add (store, "", _("Automatic"));
  add (store, "cpu", _("Processor"));
  for (guint i = 0; i < gpus->len; i++)
    {
      const MoaDeviceInfo *info = &g_array_index (gpus, MoaDeviceInfo, i);

      if (*info->problem)
        {
          g_free (why);
          why = g_strdup_printf ("%s: %s", info->title, info->problem);
          continue;
        }
      add_gpu (store, info);
      n_usable++;
    }
  g_object_unref (store);

  g_autofree char *tip = n_usable ? g_strdup (_("Where the model runs. Automatic: on a GPU if there is one. With 16 bits it is faster and takes less "
                             "memory."))
                         : g_strdup_printf (_("Where the model runs. No GPU can be used: %s."), why ? why : "");

  g_object_set (cell, "ellipsize", PANGO_ELLIPSIZE_END, NULL);
  gtk_cell_layout_pack_start (GTK_CELL_LAYOUT (combo), cell, TRUE);
  gtk_cell_layout_add_attribute (GTK_CELL_LAYOUT (combo), cell, "text", TITLE);
  gtk_widget_set_tooltip_text (combo, tip);
  atk_object_set_name (gtk_widget_get_accessible (combo), _("Compute on"));
  gtk_combo_box_set_active (GTK_COMBO_BOX (combo), 0);
  return combo;
}

char *
device_combo_get (GtkWidget *combo)
{
  GtkTreeIter iter;
  char *name = NULL;

  if (gtk_combo_box_get_active_iter (GTK_COMBO_BOX (combo), &iter))
    gtk_tree_model_get (gtk_combo_box_get_model (GTK_COMBO_BOX (combo)), &iter, NAME, &name, -1);
  return name ? name : g_strdup ("");
}

void
device_combo_set (GtkWidget *combo, const char *device)
{
  GtkTreeModel *model = gtk_combo_box_get_model (GTK_COMBO_BOX (combo));
  int n = gtk_tree_model_iter_n_children (model, NULL);

  for (int i = 0; i < n; i++)
    {
      g_autofree char *name = NULL;

      gtk_combo_box_set_active (GTK_COMBO_BOX (combo), i);
      name = device_combo_get (combo);
      if (!g_strcmp0 (name, device))
        return;
    }
  add (GTK_LIST_STORE (model), device, device);
  gtk_combo_box_set_active (GTK_COMBO_BOX (combo), n);
}
