/* Scenes of the drawn world as folders of training data. */
#include "train/data-private.h"

#include "base/error.h"
#include "io/file.h"

#include <gdk-pixbuf/gdk-pixbuf.h>
#include <jansson.h>
#include <string.h>

typedef struct {
  const MoaWorld *world;
  const char *folder;
  guint64 index;     /* the scene that is being written, */
  char name[16];     /* its name, */
  MoaScene scene;    /* and what it looks like */
  MoaCaption caption;
  guint8 *rgb, *photo, *map, *visible[MOA_WORLD_PEOPLE];
  GString *list, *test_list;
} Writer;

/* ---- Files ----------------------------------------------------------- */

static gboolean
save_text (const char *path, const char *text, GError **error)
{
  g_autoptr (GError) fault = NULL;
  return g_file_set_contents (path, text, -1, &fault)
         || moa_fail (error, MOA_ERROR_FILE, "%s", fault->message);
}

/* size x size pixels of 1 or 3 bytes; the kind of file is that of the name. */
static gboolean
save_picture (const guint8 *pixels, int size, int channels, const char *path, GError **error)
{
  g_autofree guint8 *rgb = g_new (guint8, (gsize) 3 * size * size);
  for (gsize i = 0; i < (gsize) size * size; i++)
    for (int c = 0; c < 3; c++)
      rgb[3 * i + c] = pixels[channels * i + (channels == 1 ? 0 : c)];
  g_autoptr (GdkPixbuf) pixbuf = gdk_pixbuf_new_from_data (rgb, GDK_COLORSPACE_RGB, FALSE, 8, size,
                                                           size, 3 * size, NULL, NULL);
  g_autoptr (GError) fault = NULL;
  gboolean jpeg = g_str_has_suffix (path, ".jpg");
  return gdk_pixbuf_save (pixbuf, path, jpeg ? "jpeg" : "png", &fault, jpeg ? "quality" : NULL,
                          "95", NULL)
         || moa_fail (error, MOA_ERROR_FILE, "%s: cannot be written: %s", path, fault->message);
}

/* ---- FastComposer's layout ------------------------------------------- */

/* Fills map with 0, or k + 1 where person k is seen; box: x1, y1, x2, y2 of each. */
static void
make_map (Writer *w, int box[MOA_WORLD_PEOPLE][4])
{
  int size = moa_world_size (w->world), n = w->scene.context.n_people;
  for (int k = 0; k < n; k++)
    memcpy (box[k], (int[4]) { size, size, 0, 0 }, sizeof box[k]);
  for (int y = 0; y < size; y++)
    for (int x = 0; x < size; x++)
      {
        gsize i = (gsize) y * size + x;
        int k = n == 2 && w->visible[1][i] > w->visible[0][i];
        gboolean seen = w->visible[k][i] > 127;
        w->map[i] = seen ? k + 1 : 0;
        if (!seen)
          continue;
        box[k][0] = MIN (box[k][0], x);
        box[k][1] = MIN (box[k][1], y);
        box[k][2] = MAX (box[k][2], x + 1);
        box[k][3] = MAX (box[k][3], y + 1);
      }
}

static gboolean
write_fastcomposer (Writer *w, GError **error)
{
  int box[MOA_WORLD_PEOPLE][4];
  g_autofree char *part = g_strndup (w->name, 5);
  g_autofree char *folder = g_build_filename (w->folder, part, NULL);
  g_autofree char *jpg = g_strdup_printf ("%s/%s.jpg", folder, w->name);
  g_autofree char *npy = g_strdup_printf ("%s/%s.npy", folder, w->name);
  g_autofree char *json = g_strdup_printf ("%s/%s.json", folder, w->name);
  int size = moa_world_size (w->world);
  make_map (w, box);
  json_t *segments = json_array ();
  for (int k = 0; k < w->scene.context.n_people; k++)
    json_array_append_new (
        segments, json_pack ("{s:i, s:[i,i,i,i], s:i, s:s}", "id", k + 1, "bbox", box[k][0],
                             box[k][1], box[k][2], box[k][3], "end", w->caption.end[k],
                             "coco_label", "person"));
  json_t *root = json_pack ("{s:s, s:o}", "caption", w->caption.text, "segments", segments);
  char *text = json_dumps (root, 0);
  json_decref (root);
  gboolean good = moa_folder_make (folder, error)
                  && save_picture (w->rgb, size, 3, jpg, error)
                  && moa_npy_write (npy, w->map, size, size, error)
                  && save_text (json, text, error);
  free (text);
  return good;
}

/* ---- The plain layout ------------------------------------------------ */

static gboolean
write_swap (Writer *w, GError **error)
{
  MoaScene swapped;
  int size = moa_world_size (w->world), photo_size = moa_world_photo_size (w->world);
  g_autofree char *picture = g_strdup_printf ("%s/swaps/%s.png", w->folder, w->name);
  g_autofree char *photo = g_strdup_printf ("%s/swaps/%s-photo.png", w->folder, w->name);
  moa_world_swap (w->world, w->index, 0, 1, &w->scene, &swapped);
  moa_world_draw (w->world, &swapped, w->rgb, NULL, NULL);
  moa_world_photo (w->world, &swapped.people[0], w->index, 0, 1, w->photo);
  return save_picture (w->rgb, size, 3, picture, error)
         && save_picture (w->photo, photo_size, 3, photo, error);
}

static gboolean
write_plain (Writer *w, GError **error)
{
  static const char *const folders[] = { "images", "conditioning", "masks", "photos", "swaps" };
  int size = moa_world_size (w->world), photo_size = moa_world_photo_size (w->world);
  for (gsize i = 0; i < G_N_ELEMENTS (folders); i++)
    {
      g_autofree char *folder = g_build_filename (w->folder, folders[i], NULL);
      if (!moa_folder_make (folder, error))
        return FALSE;
    }
  g_autofree char *picture = g_strdup_printf ("%s/images/%s.png", w->folder, w->name);
  g_autofree char *pose = g_strdup_printf ("%s/conditioning/%s.png", w->folder, w->name);
  if (!save_picture (w->rgb, size, 3, picture, error))
    return FALSE;
  moa_world_pose (w->world, &w->scene, w->rgb);
  if (!save_picture (w->rgb, size, 3, pose, error))
    return FALSE;
  for (int k = 0; k < w->scene.context.n_people; k++)
    {
      g_autofree char *mask = g_strdup_printf ("%s/masks/%s-%d.png", w->folder, w->name, k + 1);
      g_autofree char *photo = g_strdup_printf ("%s/photos/%s-%d.png", w->folder, w->name, k + 1);
      moa_world_photo (w->world, &w->scene.people[k], w->index, k, 0, w->photo);
      if (!save_picture (w->visible[k], size, 1, mask, error)
          || !save_picture (w->photo, photo_size, 3, photo, error))
        return FALSE;
    }
  return write_swap (w, error);
}

/* ---- All of it ------------------------------------------------------- */

static gboolean
write_lists (Writer *w, MoaDataLayout layout, GError **error)
{
  gboolean plain = layout == MOA_DATA_LAYOUT_PLAIN;
  g_autofree char *list = g_build_filename (
      w->folder, plain ? "captions.txt" : "image_ids_train.txt", NULL);
  g_autofree char *test_list = g_build_filename (w->folder, "image_ids_test.txt", NULL);
  return save_text (list, w->list->str, error)
         && (plain || save_text (test_list, w->test_list->str, error));
}

static gboolean
write_scene (Writer *w, guint64 first, int i, MoaDataLayout layout, GError **error)
{
  w->index = first + i;
  g_snprintf (w->name, sizeof w->name, "%09d", i);
  moa_world_scene (w->world, w->index, 0, &w->scene);
  moa_world_caption (w->world, &w->scene, w->index, 0, &w->caption);
  moa_world_draw (w->world, &w->scene, w->rgb, w->visible, NULL);
  if (layout == MOA_DATA_LAYOUT_PLAIN)
    {
      g_string_append_printf (w->list, "%s\t%s\n", w->name, w->caption.text);
      return write_plain (w, error);
    }
  g_string_append_printf (i % 10 == 9 ? w->test_list : w->list, "%s\n", w->name);
  return write_fastcomposer (w, error);
}

gboolean
moa_data_write_world (const MoaWorld *world, guint64 first, int count, MoaDataLayout layout,
                      const char *folder, GCancellable *cancellable, GError **error)
{
  gsize n = (gsize) moa_world_size (world) * moa_world_size (world);
  gsize photo = (gsize) moa_world_photo_size (world) * moa_world_photo_size (world);
  Writer w = { .world = world, .folder = folder, .list = g_string_new (NULL),
               .test_list = g_string_new (NULL) };
  w.rgb = g_new (guint8, 3 * n);
  w.map = g_new (guint8, n);
  w.photo = g_new (guint8, 3 * photo);
  for (int k = 0; k < MOA_WORLD_PEOPLE; k++)
    w.visible[k] = g_new (guint8, n);
  gboolean good = moa_folder_make (folder, error);
  for (int i = 0; good && i < count; i++)
    good = !g_cancellable_set_error_if_cancelled (cancellable, error)
           && write_scene (&w, first, i, layout, error);
  good = good && write_lists (&w, layout, error);
  g_free (w.rgb);
  g_free (w.map);
  g_free (w.photo);
  for (int k = 0; k < MOA_WORLD_PEOPLE; k++)
    g_free (w.visible[k]);
  g_string_free (w.list, TRUE);
  g_string_free (w.test_list, TRUE);
  return good;
}
