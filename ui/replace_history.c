/* The earlier results of a picture, in the dialog of Replace Person.
 *
 * They are the layer groups that the plug-in added to the image, which keep their settings and
 * survive with it; before them, the variations of the last run, which are not in the image yet. */
#include "replace_private.h"

#include "pixels.h"

#include "plugin/control.h"
#include "plugin/history.h"
#include "plugin/intl.h"
#include "plugin/record.h"
#include "plugin/result.h"

#include <libgimp/gimp.h>
#include <libgimp/gimpui.h>

#define THUMBNAIL 64

static const ReplaceEntry *
get_entry (ReplaceDialog *dialog, int i)
{
  return i >= 0 && i < (int) dialog->entries->len ? &g_array_index (dialog->entries, ReplaceEntry, i) : NULL;
}

/* ---- Filling ------------------------------------------------------------- */

static void
add_variation (ReplaceDialog *dialog, int i)
{
  const MoaVariation *variation = &dialog->last_result->variations[i];
  ReplaceEntry entry = { -1, i };
  GdkPixbuf *thumbnail = pixels_to_thumbnail (variation->composite, THUMBNAIL);
  g_autofree char *number = g_strdup_printf ("%" G_GUINT64_FORMAT, variation->seed);
  g_autofree char *title = g_strdup_printf (_("Seed %s"), number);

  g_array_append_val (dialog->entries, entry);
  history_strip_add (dialog->view.history, thumbnail, title, _("Not in the image yet"));
  g_object_unref (thumbnail);
}

static void
add_group (ReplaceDialog *dialog, gint32 group)
{
  ReplaceEntry entry = { group, 0 };
  g_autoptr (ReplaceSettings) settings = record_read_settings (group, NULL, NULL, NULL);
  GdkPixbuf *thumbnail = gimp_drawable_get_thumbnail (group, THUMBNAIL, THUMBNAIL, GIMP_PIXBUF_SMALL_CHECKS);

  if (settings && thumbnail)
    {
      g_autofree char *name = gimp_item_get_name (group);
      g_autofree char *number = g_strdup_printf ("%" G_GUINT64_FORMAT, settings->params.seed);
      g_autofree char *title = g_strdup_printf (_("Seed %s"), number);
      g_autofree char *tip = g_markup_printf_escaped (_("%s: seed %u, %d steps, guidance %.1f, freedom %.2f"),
                                                      name, (guint) settings->params.seed,
                                                      settings->params.steps, settings->params.guidance,
                                                      settings->params.freedom);

      g_array_append_val (dialog->entries, entry);
      history_strip_add (dialog->view.history, thumbnail, title, tip);
    }
  g_clear_object (&thumbnail);
}

static void
add_groups (ReplaceDialog *dialog, int n_items, const int *items)
{
  for (int i = 0; i < n_items; i++)
    if (result_find_group (items[i]) == items[i])
      add_group (dialog, items[i]);
    else if (gimp_item_is_group (items[i]))
      {
        int n_children;
        g_autofree int *children = gimp_item_get_children (items[i], &n_children);

        add_groups (dialog, n_children, children);
      }
}

void
replace_history_fill (ReplaceDialog *dialog)
{
  int n_layers;
  g_autofree int *layers = gimp_image_get_layers (dialog->image, &n_layers);

  g_array_set_size (dialog->entries, 0);
  history_strip_clear (dialog->view.history);
  for (int i = 0; dialog->last_result && i < dialog->last_result->n_variations; i++)
    add_variation (dialog, i);
  add_groups (dialog, n_layers, layers);
}

/* ---- What can be done ---------------------------------------------------- */

/* The work area's picture with the group over it. */
static MoaImage *
draw_over (const ReplaceArea *area, gint32 group)
{
  MoaImage *picture = moa_image_copy (area->picture);
  double scale = (double) picture->width / area->area.width;
  int x, y, left, top;

  gimp_drawable_offsets (area->layer, &x, &y);
  gimp_drawable_offsets (group, &left, &top);

  /* The group's part of the work area, in the group's coordinates. */
  GdkRectangle whole = { 0, 0, gimp_drawable_width (group), gimp_drawable_height (group) };
  GdkRectangle part = { x + area->area.x - left, y + area->area.y - top, area->area.width,
                        area->area.height };

  if (!gdk_rectangle_intersect (&whole, &part, &part))
    return picture;

  int to_x = (part.x + left - x - area->area.x) * scale, to_y = (part.y + top - y - area->area.y) * scale;
  GdkPixbuf *pixbuf = gimp_drawable_get_sub_thumbnail (group, part.x, part.y, part.width, part.height,
                                                       MAX (part.width * scale, 1),
                                                       MAX (part.height * scale, 1), GIMP_PIXBUF_KEEP_ALPHA);
  MoaImage *over = pixbuf ? pixels_from_pixbuf (pixbuf) : NULL;

  for (int v = 0; over && v < MIN (over->height, picture->height - to_y); v++)
    for (int u = 0; u < MIN (over->width, picture->width - to_x); u++)
      {
        const float *from = over->data + (v * over->width + u) * over->channels;
        float *to = picture->data + ((v + to_y) * picture->width + u + to_x) * picture->channels;
        float alpha = over->channels == 4 ? from[3] : 1;

        for (int c = 0; c < 3; c++)
          to[c] += alpha * (from[c] - to[c]);
      }
  moa_image_free (over);
  g_clear_object (&pixbuf);
  return picture;
}

void
replace_history_compare (int i, gpointer data)
{
  ReplaceDialog *dialog = data;
  const ReplaceEntry *entry = get_entry (dialog, i);
  MoaImage *over = NULL;

  if (!dialog->area.picture || replace_runs_is_full (dialog))
    return;
  if (!entry)
    preview_set_after (dialog->view.preview, NULL);
  else if (entry->group < 0)
    preview_set_after (dialog->view.preview, dialog->last_result->variations[entry->variation].composite);
  else if (gimp_item_is_valid (entry->group))
    preview_set_after (dialog->view.preview, over = draw_over (&dialog->area, entry->group));
  moa_image_free (over);
}

void
replace_history_restore (int i, gpointer data)
{
  ReplaceDialog *dialog = data;
  const ReplaceEntry *entry = get_entry (dialog, i);
  g_autoptr (ReplaceSettings) settings = NULL;

  if (!entry)
    return;
  if (entry->group >= 0)
    settings = gimp_item_is_valid (entry->group) ? record_read_settings (entry->group, NULL, NULL, NULL) : NULL;
  else
    {
      settings = replace_settings_copy (dialog->last_work->task->settings);
      settings->params.seed = dialog->last_result->variations[entry->variation].seed;
    }
  if (settings && entry->group >= 0)
    history_load_machine (settings);
  if (settings)
    {
      control_find_layer (settings, dialog->image, NULL);
      settings_panel_set (dialog->panel, settings);
    }
}

gboolean
replace_history_write (ReplaceDialog *dialog, int variation, GError **error)
{
  ReplaceTask *task = dialog->last_work->task;
  MoaReplaceResult one = *dialog->last_result;

  one.variations += variation;
  one.n_variations = 1;
  task->settings->params.seed = one.variations->seed;
  task->settings->params.variations = 1;

  gboolean success = result_write (task, &one, error) >= 0;

  gimp_displays_flush ();
  dialog->success |= success;
  return success;
}

void
replace_history_apply (int i, gpointer data)
{
  ReplaceDialog *dialog = data;
  const ReplaceEntry *entry = get_entry (dialog, i);
  g_autoptr (GError) error = NULL;

  if (!entry)
    return;
  if (entry->group >= 0)
    progress_row_say (&dialog->view.row, GIMP_ICON_DIALOG_INFORMATION, _("This result is in the image already."));
  else if (replace_history_write (dialog, entry->variation, &error))
    {
      replace_history_fill (dialog);
      progress_row_say (&dialog->view.row, GIMP_ICON_DIALOG_INFORMATION,
                        _("The result is in the image, as a layer group. One Undo removes it."));
    }
  else
    progress_row_say (&dialog->view.row, GIMP_ICON_DIALOG_ERROR, error->message);
}
