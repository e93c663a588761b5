/* Who comes in: see people.h. */
#include "people.h"

#include "drawable.h"
#include "intl.h"
#include "options.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define ENDING ".safetensors"

People *
people_new (void)
{
  return g_new0 (People, 1);
}

void
people_free (People *people)
{
  if (!people)
    return;
  for (int k = 0; k < people->n_subjects; k++)
    {
      MoaSubject *subject = &people->subjects[k];

      for (int i = 0; i < subject->n_photos; i++)
        moa_image_free ((MoaImage *) subject->photos[i]);
      g_free ((gpointer) subject->photos);
      moa_saved_subject_free ((MoaSavedSubject *) subject->saved);
      moa_image_free ((MoaImage *) subject->mask);
      g_free (people->names[k]);
    }
  g_free (people);
}

/* The place for one more person, or NULL. */
static MoaSubject *
add (People *people, char *name, GError **error)
{
  if (people->n_subjects == MOA_MAX_SUBJECTS)
    {
      options_fail (error, _("too many subjects were given; there may be %d at most"),
                    MOA_MAX_SUBJECTS);
      g_free (name);
      return NULL;
    }
  people->names[people->n_subjects] = name;
  return &people->subjects[people->n_subjects++];
}

/* photo: (transfer full); NULL does nothing and gives FALSE. */
static gboolean
add_photo (MoaSubject *subject, MoaImage *photo)
{
  if (!photo)
    return FALSE;

  const MoaImage **photos = g_renew (const MoaImage *, (gpointer) subject->photos,
                                     subject->n_photos + 1);

  photos[subject->n_photos++] = photo;
  subject->photos = photos;
  return TRUE;
}

/* "layer (image)" */
static char *
name_layer (gint32 layer)
{
  g_autofree char *name = gimp_item_get_name (layer);
  g_autofree char *image = gimp_image_get_name (gimp_item_get_image (layer));

  return g_strdup_printf ("%s (%s)", name, image);
}

gboolean
people_add_layer (People *people, gint32 drawable, GError **error)
{
  gint32 layer = drawable_get_layer (drawable, -1, TRUE, error);
  MoaSubject *subject = layer >= 0 ? add (people, name_layer (layer), error) : NULL;

  return subject && add_photo (subject, drawable_read_rgba (layer, error));
}

gboolean
people_add_saved (People *people, MoaSavedSubject *saved, GError **error)
{
  MoaSubject *subject = add (people, g_strdup (saved->name), error);

  if (subject)
    subject->saved = saved;
  else
    moa_saved_subject_free (saved);
  return subject != NULL;
}

gboolean
people_add_keep (People *people, GError **error)
{
  MoaSubject *subject = add (people, g_strdup ("keep"), error);

  if (subject)
    subject->keep = TRUE;
  return subject != NULL;
}

/* ---- Layers by name ------------------------------------------------------ */

gint32
people_find_layer (gint32 image, const char *name, gboolean others, GError **error)
{
  int n_images;
  g_autofree int *images = gimp_image_list (&n_images);
  gint32 layer = image >= 0 ? gimp_image_get_layer_by_name (image, name) : -1;

  for (int i = 0; others && layer < 0 && i < n_images; i++)
    layer = gimp_image_get_layer_by_name (images[i], name);
  if (layer < 0)
    options_fail (error, "there is no layer with the name \"%s\" in %s", name,
                  others ? "any open image" : "this image");
  return layer;
}

/* ---- Lists --------------------------------------------------------------- */

static MoaImage *
read_file (const char *path, GError **error)
{
  gint32 layer = drawable_load (path, error);
  MoaImage *photo = layer >= 0 ? drawable_read_rgba (layer, error) : NULL;

  if (layer >= 0)
    gimp_image_delete (gimp_item_get_image (layer));
  return photo;
}

/* A channel, as a selection is kept in, or a layer. */
static gint32
find_mask (const char *name, gint32 image, GError **error)
{
  gint32 channel = image >= 0 ? gimp_image_get_channel_by_name (image, name) : -1;

  return channel >= 0 ? channel : people_find_layer (image, name, image < 0, error);
}

static gboolean
read_box (const char *text, MoaRect *box, GError **error)
{
  int end = 0;

  return (sscanf (text, "%d,%d,%d,%d%n", &box->x, &box->y, &box->width, &box->height, &end) == 4
          && !text[end] && box->width > 0 && box->height > 0)
         || options_fail (error, "\"head:%s\" is not a box: it is head:X,Y,WIDTH,HEIGHT in whole pixels of "
                          "the image", text);
}

/* One text of the last person's. */
static gboolean
add_text (People *people, const char *text, gint32 image, GError **error)
{
  MoaSubject *subject = &people->subjects[people->n_subjects - 1];

  if (!strcmp (text, "keep"))
    return subject->keep = TRUE;
  if (g_str_has_prefix (text, "file:"))
    return add_photo (subject, read_file (text + strlen ("file:"), error));
  if (g_str_has_prefix (text, "saved:"))
    {
      if (subject->saved)
        return options_fail (error, "a person can be made of one saved subject and photos, not of "
                             "two saved ones");
      subject->saved = people_find_saved (text + strlen ("saved:"), NULL, error);
      return subject->saved != NULL;
    }
  if (g_str_has_prefix (text, "mask:"))
    {
      gint32 mask = find_mask (text + strlen ("mask:"), image, error);

      people->masks[people->n_subjects - 1] = mask;
      return mask >= 0;
    }

  if (g_str_has_prefix (text, "head:"))
    return read_box (text + strlen ("head:"), &people->heads[people->n_subjects - 1], error);

  const char *name = g_str_has_prefix (text, "layer:") ? text + strlen ("layer:") : text;
  gint32 layer = people_find_layer (image, name, TRUE, error);

  return layer >= 0 && add_photo (subject, drawable_read_rgba (layer, error));
}

static gboolean
add_person (People *people, const json_t *value, gint32 image, GError **error)
{
  const json_t *first = json_is_array (value) ? json_array_get (value, 0) : value;
  guint n = json_is_array (value) ? json_array_size (value) : 1;

  if (!json_is_string (first))
    return options_fail (error, "options: each of the \"subjects\" must be a text, or a list of "
                         "texts, like \"layer:Ann\"");

  MoaSubject *subject = add (people, g_strdup (json_string_value (first)), error);

  for (guint i = 0; subject && i < n; i++)
    {
      const json_t *text = json_is_array (value) ? json_array_get (value, i) : value;

      if (!json_is_string (text))
        return options_fail (error, "options: a person's photos must be texts");
      if (!add_text (people, json_string_value (text), image, error))
        return FALSE;
    }
  return subject != NULL;
}

gboolean
people_add_list (People *people, const char *json, gint32 image, GError **error)
{
  json_error_t where;
  json_t *list = json_loads (json, JSON_REJECT_DUPLICATES, &where);
  gboolean success = json_is_array (list)
                     || options_fail (error, "options: \"subjects\" must be a list");

  for (guint k = 0; success && k < json_array_size (list); k++)
    if (!add_person (people, json_array_get (list, k), image, error))
      {
        g_prefix_error (error, "subject %u: ", k + 1);
        success = FALSE;
      }
  json_decref (list);
  return success;
}

/* From the image to the area; a box beside it is for the engine to refuse. */
static gboolean
place_head (MoaRect *head, gint32 layer, const MoaRect *area, GError **error)
{
  int x, y;

  if (layer < 0)
    return options_fail (error, "\"head:\" is for replacing persons alone");
  gimp_drawable_offsets (layer, &x, &y);
  head->x -= x + area->x;
  head->y -= y + area->y;
  return TRUE;
}

gboolean
people_read_places (People *people, gint32 layer, const MoaRect *area, GError **error)
{
  for (int k = 0; k < people->n_subjects; k++)
    {
      MoaSubject *subject = &people->subjects[k];

      if (people->masks[k]
          && !(subject->mask = drawable_read_place (people->masks[k], layer, area, error)))
        return FALSE;
      if (people->heads[k].width > 0)
        {
          subject->head = people->heads[k];
          if (!place_head (&subject->head, layer, area, error))
            return FALSE;
        }
    }
  return TRUE;
}

/* ---- Saved subjects ------------------------------------------------------ */

char *
people_get_folder (void)
{
  return g_build_filename (g_get_user_data_dir (), "moa-gimp", "subjects", NULL);
}

static int
compare_paths (gconstpointer a, gconstpointer b)
{
  return strcmp (*(char *const *) a, *(char *const *) b);
}

/* (element-type utf8), sorted */
static GPtrArray *
list_files (void)
{
  g_autofree char *folder = people_get_folder ();
  GPtrArray *paths = g_ptr_array_new_with_free_func (g_free);
  GDir *dir = g_dir_open (folder, 0, NULL);
  const char *name;

  while (dir && (name = g_dir_read_name (dir)))
    {
      g_autofree char *path = g_build_filename (folder, name, NULL);
      GStatBuf status;

      /* An empty one was reserved and is not written yet. */
      if (g_str_has_suffix (name, ENDING) && !g_stat (path, &status) && status.st_size > 0)
        g_ptr_array_add (paths, g_steal_pointer (&path));
    }
  if (dir)
    g_dir_close (dir);
  g_ptr_array_sort (paths, compare_paths);
  return paths;
}

GPtrArray *
people_list_saved (GPtrArray **files, GString *problems)
{
  g_autoptr (GPtrArray) paths = list_files ();
  GPtrArray *list = g_ptr_array_new_with_free_func ((GDestroyNotify) moa_saved_subject_free);

  if (files)
    *files = g_ptr_array_new_with_free_func (g_free);
  for (guint i = 0; i < paths->len; i++)
    {
      g_autoptr (GError) error = NULL;
      MoaSavedSubject *saved = moa_saved_subject_load (paths->pdata[i], &error);

      if (saved)
        {
          g_ptr_array_add (list, saved);
          if (files)
            g_ptr_array_add (*files, g_strdup (paths->pdata[i]));
        }
      else if (problems)
        g_string_append_printf (problems, "%s%s", problems->len ? "\n" : "", error->message);
    }
  return list;
}

MoaSavedSubject *
people_find_saved (const char *name, char **path, GError **error)
{
  if (g_path_is_absolute (name))
    {
      if (path)
        *path = g_strdup (name);
      return moa_saved_subject_load (name, error);
    }

  GPtrArray *files;
  g_autoptr (GPtrArray) list = people_list_saved (&files, NULL);
  MoaSavedSubject *found = NULL;

  for (guint i = 0; i < list->len && !found; i++)
    if (!strcmp (((MoaSavedSubject *) list->pdata[i])->name, name))
      {
        if (path)
          *path = g_strdup (files->pdata[i]);
        g_ptr_array_remove_index (files, i);
        found = g_ptr_array_steal_index (list, i);
      }
  g_ptr_array_unref (files);
  if (!found)
    {
      g_autofree char *folder = people_get_folder ();

      options_fail (error, "there is no saved subject with the name \"%s\" in %s", name, folder);
    }
  return found;
}

/* An empty file of a name that nobody has, so that another GIMP takes another one.  (transfer full);
 * NULL: the folder cannot be written. */
static char *
reserve (const char *folder, const char *name)
{
  g_autofree char *stem = g_strdup (*name ? name : "subject");

  /* Whatever the name is: a file's name without folders, hidden or not. */
  g_strdelimit (stem, "/\\:*?\"<>|.\n\r\t", '-');
  for (int i = 1;; i++)
    {
      g_autofree char *file = i == 1 ? g_strconcat (stem, ENDING, NULL)
                                     : g_strdup_printf ("%s-%d" ENDING, stem, i);
      g_autofree char *path = g_build_filename (folder, file, NULL);
      int fd = g_open (path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);

      if (fd >= 0)
        {
          close (fd);
          return g_steal_pointer (&path);
        }
      if (errno != EEXIST)
        return NULL;
    }
}

gboolean
people_save_new (const MoaSavedSubject *saved, GError **error)
{
  g_autofree char *folder = people_get_folder ();
  g_autofree char *path = !g_mkdir_with_parents (folder, 0700) ? reserve (folder, saved->name) : NULL;

  if (!path)
    return options_fail (error, _("the folder %s cannot be written"), folder);
  if (moa_saved_subject_save (saved, path, error))
    return TRUE;
  g_unlink (path);
  return FALSE;
}
