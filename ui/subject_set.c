/* The persons of a SubjectList as the engine takes them, with all pixels read. */
#include "subject_set.h"

#include "sources.h"

void
subject_set_free (SubjectSet *set)
{
  if (!set)
    return;
  for (int i = 0; i < MOA_MAX_SUBJECTS; i++)
    g_free (set->names[i]);
  g_ptr_array_unref (set->arrays);
  g_ptr_array_unref (set->photos);
  g_ptr_array_unref (set->saved);
  g_free (set);
}

static gboolean
read_row (SubjectSet *set, const SubjectRow *row, GError **error)
{
  MoaSubject *subject = &set->subjects[set->n_subjects];
  const MoaImage **photos = g_new0 (const MoaImage *, row->sources->len + 1);

  g_ptr_array_add (set->arrays, photos);
  for (guint k = 0; k < row->sources->len; k++)
    {
      MoaImage *photo = NULL;
      MoaSavedSubject *saved = NULL;

      if (!source_read (g_ptr_array_index (row->sources, k), &photo, &saved, error))
        return FALSE;
      if (photo)
        {
          g_ptr_array_add (set->photos, photo);
          photos[subject->n_photos++] = photo;
        }
      if (saved)
        {
          g_ptr_array_add (set->saved, saved);
          subject->saved = saved;
        }
    }
  subject->photos = photos;
  subject->keep = row->keep;
  set->order[set->n_subjects] = row->person;
  set->names[set->n_subjects++] = g_strdup (row->name);
  return TRUE;
}

SubjectSet *
subject_set_new (SubjectList *list, gboolean keep, GError **error)
{
  SubjectSet *set = g_new0 (SubjectSet, 1);

  set->photos = g_ptr_array_new_with_free_func ((GDestroyNotify) moa_image_free);
  set->saved = g_ptr_array_new_with_free_func ((GDestroyNotify) moa_saved_subject_free);
  set->arrays = g_ptr_array_new_with_free_func (g_free);
  for (int i = 0; i < subject_list_get_n_rows (list); i++)
    {
      const SubjectRow *row = subject_list_get_row (list, i);

      if ((keep || !row->keep) && !read_row (set, row, error))
        {
          subject_set_free (set);
          return NULL;
        }
    }
  return set;
}
