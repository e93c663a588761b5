/* Mnemonics without clashes, whatever the language.
 *
 * Some labels come from GIMP's own translations, others from ours: no translator sees all that meet in
 * one window. */
#include "mnemonics.h"

#include <gdk/gdkkeysyms.h>

/* "Ad_vanced" without the underscore, "a __ b" with one. */
static char *
strip (const char *label)
{
  GString *plain = g_string_new (NULL);

  for (const char *c = label; *c; c++)
    {
      if (*c == '_' && c[1])
        c++;
      g_string_append_c (plain, *c);
    }
  return g_string_free (plain, FALSE);
}

static void
settle (GtkWidget *widget, gpointer taken)
{
  if (GTK_IS_LABEL (widget) && gtk_label_get_use_underline (GTK_LABEL (widget)))
    {
      guint key = gtk_label_get_mnemonic_keyval (GTK_LABEL (widget));

      if (key != GDK_VoidSymbol && !g_hash_table_add (taken, GUINT_TO_POINTER (key)))
        {
          g_autofree char *plain = strip (gtk_label_get_label (GTK_LABEL (widget)));

          gtk_label_set_use_underline (GTK_LABEL (widget), FALSE);
          gtk_label_set_text (GTK_LABEL (widget), plain);
        }
    }
  else if (GTK_IS_CONTAINER (widget))
    gtk_container_forall (GTK_CONTAINER (widget), settle, taken);
}

void
mnemonics_settle (GtkWidget *root)
{
  GHashTable *taken = g_hash_table_new (NULL, NULL);

  if (GTK_IS_DIALOG (root))
    {
      settle (gtk_dialog_get_action_area (GTK_DIALOG (root)), taken);

      GList *children = gtk_container_get_children (GTK_CONTAINER (gtk_dialog_get_content_area (
        GTK_DIALOG (root))));

      for (GList *child = children; child; child = child->next)
        if (child->data != gtk_dialog_get_action_area (GTK_DIALOG (root)))
          settle (child->data, taken);
      g_list_free (children);
    }
  else
    settle (root, taken);
  g_hash_table_unref (taken);
}

void
mnemonics_take_typed (GtkWidget *window)
{
  GtkWidget *focus = gtk_window_get_focus (GTK_WINDOW (window));

  if (GTK_IS_SPIN_BUTTON (focus))
    gtk_spin_button_update (GTK_SPIN_BUTTON (focus));
}
