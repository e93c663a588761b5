/* The persons of a SubjectList as the engine takes them, with all pixels read. */
#include "subject_set.h"

#include "sources.h"

#include <glib/gstdio.h>

#define KEPT "moa-photos" /* of the list's widget: the photos of files, by their paths */

/* ---- Photos -------------------------------------------------------------- */

/* Counts its references, as a set may be in use in another thread while the next one is made. */
typedef struct {
  MoaImage *pixels;
  GStatBuf file;
} Photo;

static void
photo_clear (gpointer data)
{
  moa_image_free (((Photo *) data)->pixels);
}

static void
photo_unref (gpointer data)
{
  g_atomic_rc_box_release_full (data, photo_clear);
}

static gboolean
is_same_file (const GStatBuf *a, const GStatBuf *b)
{
  return a->st_ino == b->st_ino && a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec
         && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* The source's photo or saved subject.  before, now: the photos of files that the list keeps, up to now and
 * from now on.  A large photo takes a second, in which nothing is drawn. */
static gboolean
read_source (const char *source, GHashTable *before, GHashTable *now, Photo **photo, MoaSavedSubject **saved,
             GError **error)
{
  GStatBuf file = { 0 };
  gboolean is_file = g_path_is_absolute (source) && g_stat (source, &file) == 0;
  Photo *known = is_file && before ? g_hash_table_lookup (before, source) : NULL;
  MoaImage *pixels = NULL;

  *photo = NULL;
  *saved = NULL;
  if (known && is_same_file (&known->file, &file))
    *photo = g_atomic_rc_box_acquire (known);
  else if (!source_read (source, &pixels, saved, error))
    return FALSE;
  if (pixels)
    {
      *photo = g_atomic_rc_box_new0 (Photo);
      **photo = (Photo){ pixels, file };
    }
  if (is_file)
    g_hash_table_replace (now, g_strdup (source), g_atomic_rc_box_acquire (*photo));
  return TRUE;
}

/* ---- The set ------------------------------------------------------------- */

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
read_row (SubjectSet *set, const SubjectRow *row, GHashTable *before, GHashTable *now, GError **error)
{
  MoaSubject *subject = &set->subjects[set->n_subjects];
  const MoaImage **photos = g_new0 (const MoaImage *, row->sources->len + 1);

  g_ptr_array_add (set->arrays, photos);
  for (guint k = 0; k < row->sources->len; k++)
    {
      Photo *photo;
      MoaSavedSubject *saved;

      if (!read_source (g_ptr_array_index (row->sources, k), before, now, &photo, &saved, error))
        return FALSE;
      if (photo)
        {
          g_ptr_array_add (set->photos, photo);
          photos[subject->n_photos++] = photo->pixels;
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
  GObject *widget = G_OBJECT (subject_list_get_widget (list));
  GHashTable *before = g_object_get_data (widget, KEPT);
  GHashTable *now = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, photo_unref);
  gboolean success = TRUE;

  set->photos = g_ptr_array_new_with_free_func (photo_unref);
  set->saved = g_ptr_array_new_with_free_func ((GDestroyNotify) moa_saved_subject_free);
  set->arrays = g_ptr_array_new_with_free_func (g_free);
  for (int i = 0; success && i < subject_list_get_n_rows (list); i++)
    {
      const SubjectRow *row = subject_list_get_row (list, i);

      if (keep || !row->keep)
        success = read_row (set, row, before, now, error);
    }
  g_object_set_data_full (widget, KEPT, now, (GDestroyNotify) g_hash_table_unref);
  if (!success)
    g_clear_pointer (&set, subject_set_free);
  return set;
}
