/* One picture of a folder of training data as it lies in its files: the
 * picture, the caption with a mark after each person's noun, and masks. */
#include "train/data-private.h"

#include "base/error.h"
#include "io/json.h"

#include <gdk-pixbuf/gdk-pixbuf.h>
#include <string.h>

enum { MOST_PIXELS = 1 << 26, MOST_CAPTION = 1 << 14, MOST_SEGMENTS = 1024 };

void
moa_record_clear (MoaRecord *record)
{
  g_free (record->rgb);
  g_free (record->hint);
  g_free (record->people);
  for (int k = 0; k < MOA_MAX_SUBJECTS; k++)
    g_free (record->mask[k]);
  g_free (record->text);
  *record = (MoaRecord) { 0 };
}

/* ---- Pictures -------------------------------------------------------- */

guint8 *
moa_data_read_picture (const char *path, int *width, int *height, GError **error)
{
  int w = 0, h = 0;
  /* From the header, before a huge picture is unpacked. */
  if (gdk_pixbuf_get_file_info (path, &w, &h) && (gint64) w * h > MOST_PIXELS)
    {
      moa_fail (error, MOA_ERROR_FILE, "%s: %d x %d pixels are too many", path, w, h);
      return NULL;
    }
  g_autoptr (GError) fault = NULL;
  g_autoptr (GdkPixbuf) pixbuf = gdk_pixbuf_new_from_file (path, &fault);
  if (!pixbuf)
    {
      moa_fail (error, MOA_ERROR_FILE, "%s: cannot be read as a picture: %s", path, fault->message);
      return NULL;
    }
  w = gdk_pixbuf_get_width (pixbuf);
  h = gdk_pixbuf_get_height (pixbuf);
  int channels = gdk_pixbuf_get_n_channels (pixbuf), stride = gdk_pixbuf_get_rowstride (pixbuf);
  guint8 *rgb = (gint64) w * h <= MOST_PIXELS ? g_try_malloc ((gsize) 3 * w * h) : NULL;
  if (!rgb)
    {
      moa_fail (error, MOA_ERROR_MEMORY, "%s: no memory for this picture", path);
      return NULL;
    }
  const guint8 *pixels = gdk_pixbuf_read_pixels (pixbuf);
  for (int y = 0; y < h; y++)
    for (int x = 0; x < w; x++)
      memcpy (rgb + 3 * ((gsize) y * w + x), pixels + (gsize) y * stride + (gsize) x * channels, 3);
  *width = w;
  *height = h;
  return rgb;
}

/* FOLDER/NAME.png or .jpg, whichever is there.  (transfer full) */
static guint8 *
read_named (const char *folder, const char *name, int *width, int *height, GError **error)
{
  static const char *const endings[] = { "jpg", "png", "jpeg" };
  for (gsize i = 0; i < G_N_ELEMENTS (endings); i++)
    {
      g_autofree char *path = g_strdup_printf ("%s/%s.%s", folder, name, endings[i]);
      if (!g_file_test (path, G_FILE_TEST_EXISTS))
        continue;
      return moa_data_read_picture (path, width, height, error);
    }
  moa_fail (error, MOA_ERROR_FILE, "%s/%s: there is no such .jpg or .png", folder, name);
  return NULL;
}

static gboolean
read_picture (const char *folder, const char *name, MoaRecord *record, GError **error)
{
  record->rgb = read_named (folder, name, &record->width, &record->height, error);
  return record->rgb != NULL;
}

static gboolean
read_hint (const char *folder, const char *name, MoaRecord *record, GError **error)
{
  int width, height;
  record->hint = read_named (folder, name, &width, &height, error);
  return record->hint
         && ((width == record->width && height == record->height)
             || moa_fail (error, MOA_ERROR_FILE, "%s/%s: is %d x %d, but the picture is %d x %d", folder, name,
                          width, height, record->width, record->height));
}

static gboolean
add_mask (MoaRecord *record, int k, GError **error)
{
  gsize n = (gsize) record->width * record->height;
  record->mask[k] = g_try_malloc0 (n);
  if (!record->people)
    record->people = g_try_malloc0 (n);
  return (record->mask[k] && record->people)
         || moa_fail (error, MOA_ERROR_MEMORY, "no memory for a mask of %d x %d", record->width,
                      record->height);
}

/* ---- FastComposer's layout ------------------------------------------- */

typedef struct {
  gint32 id;
  glong end; /* characters of the caption up to the end of the noun */
} Segment;

static gboolean
read_segment (const json_t *json, glong length, Segment *segment)
{
  const json_t *id = json_object_get (json, "id"), *end = json_object_get (json, "end");
  if (!json_is_integer (id) || !json_is_integer (end) || json_integer_value (id) < 0
      || json_integer_value (id) > G_MAXINT32 || json_integer_value (end) < 1
      || json_integer_value (end) > length)
    return FALSE;
  segment->id = (gint32) json_integer_value (id);
  segment->end = (glong) json_integer_value (end);
  return TRUE;
}

static int
compare_segments (gconstpointer a, gconstpointer b)
{
  const Segment *p = a, *q = b;
  return p->end < q->end ? -1 : p->end > q->end;
}

/* The segments that are persons, in the order of their words, at most `most`;
 * no two at one word. */
static GArray *
read_segments (const json_t *root, const char *path, glong length, int most, GError **error)
{
  const json_t *list = json_object_get (root, "segments");
  if (!json_is_array (list) || json_array_size (list) > MOST_SEGMENTS)
    {
      moa_fail (error, MOA_ERROR_FILE, "%s: has no list of \"segments\"", path);
      return NULL;
    }
  g_autoptr (GArray) segments = g_array_new (FALSE, FALSE, sizeof (Segment));
  gsize i;
  const json_t *json;
  json_array_foreach (list, i, json)
    {
      const char *label = json_string_value (json_object_get (json, "coco_label"));
      Segment segment;
      if (label && strcmp (label, "person"))
        continue;
      if (!read_segment (json, length, &segment))
        {
          moa_fail (error, MOA_ERROR_FILE, "%s: segment %d lacks a usable \"id\" or \"end\"", path,
                    (int) i);
          return NULL;
        }
      g_array_append_val (segments, segment);
    }
  g_array_sort (segments, compare_segments);
  for (guint k = 1; k < segments->len;)
    if (g_array_index (segments, Segment, k).end == g_array_index (segments, Segment, k - 1).end)
      g_array_remove_index (segments, k);
    else
      k++;
  if (segments->len > (guint) most)
    g_array_set_size (segments, most);
  return g_steal_pointer (&segments);
}

/* The caption with <1>, <2>, ... after the words. */
static char *
mark_words (const char *caption, const GArray *segments)
{
  GString *text = g_string_new (NULL);
  const char *from = caption;
  for (guint k = 0; k < segments->len; k++)
    {
      const char *to
          = g_utf8_offset_to_pointer (caption, g_array_index (segments, Segment, k).end);
      g_string_append_len (text, from, to - from);
      g_string_append_printf (text, "<%u>", k + 1);
      from = to;
    }
  g_string_append (text, from);
  return g_string_free (text, FALSE);
}

static GArray *
read_description (const char *path, int max_people, MoaRecord *record, GError **error)
{
  json_t *root = moa_json_read (path, error);
  if (!root)
    return NULL;
  GArray *segments = NULL;
  const char *caption = json_string_value (json_object_get (root, "caption"));
  if (!caption || strlen (caption) > MOST_CAPTION)
    moa_fail (error, MOA_ERROR_FILE, "%s: has no \"caption\" of a usable length", path);
  else
    segments = read_segments (root, path, g_utf8_strlen (caption, -1), max_people, error);
  if (segments)
    record->text = mark_words (caption, segments);
  json_decref (root);
  return segments;
}

gboolean
moa_record_read_fastcomposer (const char *folder, const char *name, int max_people,
                              MoaRecord *record, GError **error)
{
  g_autofree char *part = g_strndup (name, 5);
  g_autofree char *where = g_build_filename (folder, part, NULL);
  g_autofree char *json = g_strdup_printf ("%s/%s.json", where, name);
  g_autofree char *npy = g_strdup_printf ("%s/%s.npy", where, name);
  if (!read_picture (where, name, record, error))
    return FALSE;
  g_autoptr (GArray) segments = read_description (json, max_people, record, error);
  if (!segments)
    return FALSE;
  int width, height;
  g_autofree gint32 *map = moa_npy_read (npy, &width, &height, error);
  if (!map)
    return FALSE;
  if (width != record->width || height != record->height)
    return moa_fail (error, MOA_ERROR_FILE, "%s: is %d x %d, but the picture is %d x %d", npy,
                     width, height, record->width, record->height);
  record->n_people = segments->len;
  for (int k = 0; k < record->n_people; k++)
    {
      if (!add_mask (record, k, error))
        return FALSE;
      gint32 id = g_array_index (segments, Segment, k).id;
      for (gsize i = 0; i < (gsize) width * height; i++)
        record->mask[k][i] = map[i] == id ? 255 : 0;
    }
  for (gsize i = 0; record->people && i < (gsize) width * height; i++)
    record->people[i] = map[i] != 0 ? 255 : 0;
  return TRUE;
}

/* ---- The plain layout ------------------------------------------------ */

static gboolean
read_mask (const char *path, int k, MoaRecord *record, GError **error)
{
  int width, height;
  g_autofree guint8 *rgb = moa_data_read_picture (path, &width, &height, error);
  if (!rgb || !add_mask (record, k, error))
    return FALSE;
  if (width != record->width || height != record->height)
    return moa_fail (error, MOA_ERROR_FILE, "%s: is %d x %d, but the picture is %d x %d", path,
                     width, height, record->width, record->height);
  for (gsize i = 0; i < (gsize) width * height; i++)
    {
      record->mask[k][i] = (rgb[3 * i] + rgb[3 * i + 1] + rgb[3 * i + 2] + 1) / 3;
      record->people[i] = MAX (record->people[i], record->mask[k][i]);
    }
  return TRUE;
}

gboolean
moa_record_read_plain (const char *folder, const char *name, const char *caption, int max_people,
                       gboolean hint, MoaRecord *record, GError **error)
{
  g_autofree char *images = g_build_filename (folder, "images", NULL);
  g_autofree char *hints = g_build_filename (folder, "conditioning", NULL);
  if (!read_picture (images, name, record, error) || (hint && !read_hint (hints, name, record, error)))
    return FALSE;
  record->text = g_strdup (caption);
  for (int k = 0; k < MIN (max_people, MOA_MAX_SUBJECTS); k++)
    {
      g_autofree char *path = g_strdup_printf ("%s/masks/%s-%d.png", folder, name, k + 1);
      if (!g_file_test (path, G_FILE_TEST_EXISTS))
        break;
      if (!read_mask (path, k, record, error))
        return FALSE;
      record->n_people++;
    }
  return TRUE;
}
