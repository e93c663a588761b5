/* Where the new persons go, as the dialog of Replace Person shows it: the work area, what may change in it,
 * and the numbers of its persons. */
#include "replace_private.h"

#include "plugin/intl.h"

#include <string.h>

gboolean
replace_where_finds (ReplaceDialog *dialog)
{
  const char *problem;
  MoaModel *model = settings_panel_get_model (dialog->panel, &problem);
  g_autoptr (ReplaceSettings) settings = settings_panel_get (dialog->panel, FALSE);

  return settings->params.find && !(model && replace_work_needs_areas (model));
}

void
replace_where_say (ReplaceDialog *dialog)
{
  const MoaRect *area = &dialog->area.area;
  const char *problem;
  MoaModel *model = settings_panel_get_model (dialog->panel, &problem);
  int side = model ? moa_model_get_info (model)->side : 0;
  g_autoptr (GString) text = g_string_new (NULL);

  if (dialog->area.layer >= 0)
    {
      g_string_append_printf (text, _("Work area: %d × %d pixels at %d, %d."), area->width, area->height,
                              area->x, area->y);
      if (side && MAX (area->width, area->height) > side)
        g_string_append_printf (text, _(" The model draws it at about %d × %d."), side, side);
      g_string_append_c (text, ' ');
      if (dialog->area.selection)
        g_string_append (text, _("Only the selected part can change."));
      else if (dialog->n_found > 0)
        g_string_append_printf (text, ngettext ("Nothing is selected: %d person was found, tinted on the "
                                                "preview. Paint to change that.",
                                                "Nothing is selected: %d persons were found, tinted on the "
                                                "preview. Paint to change that.", dialog->n_found),
                                dialog->n_found);
      else if (preview_is_painted (dialog->view.preview))
        g_string_append (text, _("Nothing is selected: what is painted says what can change."));
      else if (dialog->n_found == 0)
        g_string_append (text, _("Nothing is selected and nobody was found: paint on the preview where the "
                                 "person is, or the whole layer is worked on."));
      else if (replace_where_finds (dialog))
        g_string_append (text, _("Nothing is selected: the person will be looked for."));
      else
        g_string_append (text, _("Nothing is selected: paint on the preview where the person is, or the whole "
                                 "layer is worked on."));
    }
  gtk_label_set_text (GTK_LABEL (dialog->view.where), text->str);
}

/* Where persons may be drawn, of the preview's size; NULL: everywhere. */
static MoaImage *
get_limit (ReplaceDialog *dialog)
{
  const MoaImage *picture = dialog->area.picture;
  MoaImage *painted = preview_get_paint (dialog->view.preview);
  MoaImage *limit = picture ? replace_area_get_limit (&dialog->area, dialog->area.selection, painted,
                                                      picture->width, picture->height)
                            : NULL;

  moa_image_free (painted);
  return limit;
}

/* The numbers that the rows of the list speak of: of the persons who were found, or of the areas. */
void
replace_where_show_marks (ReplaceDialog *dialog)
{
  const char *problem;
  MoaModel *model = settings_panel_get_model (dialog->panel, &problem);
  int n = subject_list_get_n_rows (dialog->view.subjects);
  PersonMark marks[MOA_MAX_SUBJECTS];

  if (dialog->area.selection || dialog->n_found < n)
    {
      MoaImage *limit = get_limit (dialog);

      if (n > 1 && model && replace_work_needs_areas (model))
        n = persons_split (limit, NULL);
      persons_find (limit, n, marks);
      moa_image_free (limit);
    }
  else
    {
      n = dialog->n_found;
      memcpy (marks, dialog->marks, sizeof marks);
    }
  preview_set_marks (dialog->view.preview, marks, dialog->area.layer >= 0 ? n : 0);
}

gboolean
replace_where_check (ReplaceDialog *dialog, MoaModel *model, GError **error)
{
  MoaImage *limit = get_limit (dialog);
  gboolean success = replace_work_check_areas (model, limit, subject_list_get_n_rows (dialog->view.subjects),
                                               error);

  moa_image_free (limit);
  return success;
}

void
replace_where_show (ReplaceDialog *dialog)
{
  const ReplaceArea *area = &dialog->area;

  preview_set_picture (dialog->view.preview, area->picture, area->area.width,
                       _("There is nothing to work on: choose a layer of this image."));
  preview_set_limit (dialog->view.preview, area->selection);
  preview_set_tint (dialog->view.preview, area->selection ? NULL : area->found, FALSE);
  map_grid_set_picture (dialog->view.maps, area->picture);
  replace_where_show_marks (dialog);
  replace_where_say (dialog);
}
