/* Subjects of command lines and JSON, loaded: see jobs/subject-text.h. */
#include "cli/cli.h"

#include "base/error.h"

#include <string.h>

/* ---- Loading ---- */

static gboolean
load_file (MoaSubject *subject, GPtrArray *photos, const char *path, GError **error)
{
  if (g_str_has_suffix (path, ".safetensors"))
    {
      if (subject->saved)
        return moa_fail (error, MOA_ERROR_ARGUMENT,
                         "%s: a subject has at most one saved subject or face embedding",
                         path);
      subject->saved = moa_saved_subject_load (path, error);
      return subject->saved != NULL;
    }
  g_autoptr (GdkPixbuf) pixbuf = moa_cli_load (path, error);
  MoaImage *photo = pixbuf ? moa_cli_image (pixbuf, NULL) : NULL;
  if (photo)
    g_ptr_array_add (photos, photo);
  else if (pixbuf)
    moa_fail (error, MOA_ERROR_MEMORY, "%s: no memory for this picture", path);
  return photo != NULL;
}

static void
clear_subject (MoaSubject *subject)
{
  for (int k = 0; k < subject->n_photos; k++)
    moa_image_free ((MoaImage *) subject->photos[k]);
  g_free ((gpointer) subject->photos);
  moa_saved_subject_free ((MoaSavedSubject *) subject->saved);
  moa_image_free ((MoaImage *) subject->mask);
  *subject = (MoaSubject){ NULL };
}

static gboolean load_subject (MoaSubject *subject, const json_t *value, const MoaCli *cli, GError **error);

/* One end of a blend, as a saved subject. */
static MoaSavedSubject *
load_end (const json_t *value, const MoaCli *cli, GError **error)
{
  MoaSubject subject = { NULL };
  MoaSavedSubject *saved = NULL;
  MoaRun quiet = cli->run;
  quiet.progress = NULL;
  if (load_subject (&subject, value, cli, error))
    saved = moa_saved_subject_of (cli->model, &subject, &quiet, error);
  clear_subject (&subject);
  return saved;
}

static gboolean
load_blend (MoaSubject *subject, const json_t *value, const MoaCli *cli, GError **error)
{
  MoaSavedSubject *from = load_end (json_object_get (value, "from"), cli, error);
  MoaSavedSubject *to = from ? load_end (json_object_get (value, "to"), cli, error) : NULL;
  double share = json_number_value (json_object_get (value, "share"));
  if (to)
    subject->saved = moa_saved_subject_blend (from, to, share, error);
  moa_saved_subject_free (from);
  moa_saved_subject_free (to);
  return subject->saved != NULL;
}

static gboolean
load_subject (MoaSubject *subject, const json_t *value, const MoaCli *cli, GError **error)
{
  if (json_is_object (value))
    return load_blend (subject, value, cli, error);
  if (json_is_string (value))
    return subject->keep = TRUE;
  GPtrArray *photos = g_ptr_array_new ();
  gboolean ok = TRUE;
  for (size_t i = 0; ok && i < json_array_size (value); i++)
    ok = load_file (subject, photos, json_string_value (json_array_get (value, i)), error);
  subject->n_photos = photos->len;
  subject->photos = (const MoaImage *const *) g_ptr_array_free (photos, FALSE);
  return ok;
}

gboolean
moa_cli_load_subjects (MoaCliSubjects *subjects, const json_t *list, const MoaCli *cli, GError **error)
{
  int n = json_array_size (list);
  subjects->subjects = g_new0 (MoaSubject, n + 1);
  for (int i = 0; i < n; i++)
    {
      subjects->n_subjects = i + 1;
      if (!load_subject (&subjects->subjects[i], json_array_get (list, i), cli, error))
        return FALSE;
    }
  return TRUE;
}

gboolean
moa_cli_load_subject_masks (MoaCliSubjects *subjects, char *const *masks, int width, int height,
                            const MoaRect *area, GError **error)
{
  int n = masks ? g_strv_length ((char **) masks) : 0;
  if (n > 0 && n != subjects->n_subjects)
    return moa_fail (error, MOA_ERROR_ARGUMENT,
                     "There are %d subjects and %d --subject-mask; give one for each",
                     subjects->n_subjects, n);
  for (int i = 0; i < n; i++)
    {
      MoaImage *mask = moa_cli_load_mask (masks[i], error);
      if (!mask)
        return FALSE;
      subjects->subjects[i].mask = mask;
      if (!area)
        continue;
      if (mask->width != width || mask->height != height)
        return moa_fail (error, MOA_ERROR_ARGUMENT,
                         "%s: the mask is %d x %d pixels, the picture %d x %d; they must be alike",
                         masks[i], mask->width, mask->height, width, height);
      subjects->subjects[i].mask = moa_cli_crop_mask (mask, area);
      moa_image_free (mask);
      if (!subjects->subjects[i].mask)
        return moa_fail (error, MOA_ERROR_MEMORY, "%s: no memory for this picture", masks[i]);
    }
  return TRUE;
}

void
moa_cli_clear_subjects (MoaCliSubjects *subjects)
{
  for (int i = 0; i < subjects->n_subjects; i++)
    clear_subject (&subjects->subjects[i]);
  g_free (subjects->subjects);
  *subjects = (MoaCliSubjects){ NULL };
}
