/* Image files by gdk-pixbuf: 8 bits, orientation respected, written by rename. */
#include "cli/cli.h"

#include "base/error.h"
#include "io/file.h"
#include "io/file.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

enum { MOST_PIXELS = 1 << 28 };

GdkPixbuf *
moa_cli_load (const char *path, GError **error)
{
  int width = 0, height = 0;
  /* From the header, before a huge picture is unpacked. */
  if (gdk_pixbuf_get_file_info (path, &width, &height) && (gint64) width * height > MOST_PIXELS)
    {
      moa_fail (error, MOA_ERROR_FILE, "%s: %d x %d pixels are too many; at most %d are read: scale it down",
                path, width, height, MOST_PIXELS);
      return NULL;
    }
  g_autoptr (GError) fault = NULL;
  g_autoptr (GdkPixbuf) pixbuf = gdk_pixbuf_new_from_file (path, &fault);
  if (!pixbuf)
    {
      moa_fail (error, MOA_ERROR_FILE, "%s: cannot be read as a picture: %s", path, fault->message);
      return NULL;
    }
  GdkPixbuf *upright = gdk_pixbuf_apply_embedded_orientation (pixbuf);
  const char *profile = gdk_pixbuf_get_option (pixbuf, "icc-profile");
  if (!upright)
    return g_steal_pointer (&pixbuf);
  /* A turned one is new, and has none.  Setting what is there already does nothing. */
  if (profile)
    gdk_pixbuf_set_option (upright, "icc-profile", profile);
  return upright;
}

MoaImage *
moa_cli_image (const GdkPixbuf *pixbuf, const MoaRect *area)
{
  MoaRect all = { 0, 0, gdk_pixbuf_get_width (pixbuf), gdk_pixbuf_get_height (pixbuf) };
  area = area ? area : &all;
  int channels = gdk_pixbuf_get_n_channels (pixbuf);
  gsize stride = gdk_pixbuf_get_rowstride (pixbuf);
  const guint8 *pixels = gdk_pixbuf_read_pixels (pixbuf);
  MoaImage *image = moa_image_new (area->width, area->height, channels);
  for (int y = 0; image && y < area->height; y++)
    {
      const guint8 *from = pixels + (area->y + y) * stride + (gsize) area->x * channels;
      float *to = image->data + (gsize) y * area->width * channels;
      for (int i = 0; i < area->width * channels; i++)
        to[i] = from[i] / 255.0f;
    }
  return image;
}

MoaImage *
moa_cli_load_mask (const char *path, GError **error)
{
  g_autoptr (GdkPixbuf) pixbuf = moa_cli_load (path, error);
  MoaImage *picture = pixbuf ? moa_cli_image (pixbuf, NULL) : NULL;
  MoaImage *mask = picture ? moa_image_new (picture->width, picture->height, 1) : NULL;
  if (pixbuf && !mask)
    moa_fail (error, MOA_ERROR_MEMORY, "%s: no memory for this picture", path);
  for (gsize i = 0; mask && i < (gsize) mask->width * mask->height; i++)
    {
      /* Added in integers, so that white is exactly 1. */
      const float *p = picture->data + i * picture->channels;
      int sum = 0;
      for (int c = 0; c < 3; c++)
        sum += p[c] * 255 + 0.5f;
      mask->data[i] = sum / 765.0f * (picture->channels == 4 ? p[3] : 1);
    }
  moa_image_free (picture);
  return mask;
}

MoaImage *
moa_cli_crop_mask (const MoaImage *mask, const MoaRect *area)
{
  MoaImage *out = moa_image_new (area->width, area->height, 1);
  for (int y = 0; out && y < area->height; y++)
    memcpy (out->data + (gsize) y * area->width,
            mask->data + (gsize) (area->y + y) * mask->width + area->x,
            area->width * sizeof (float));
  return out;
}

GdkPixbuf *
moa_cli_pixbuf (const MoaImage *image)
{
  GdkPixbuf *pixbuf = gdk_pixbuf_new (GDK_COLORSPACE_RGB, FALSE, 8, image->width, image->height);
  if (!pixbuf)
    return NULL;
  gsize stride = gdk_pixbuf_get_rowstride (pixbuf);
  guint8 *pixels = gdk_pixbuf_get_pixels (pixbuf);
  for (int y = 0; y < image->height; y++)
    for (int x = 0; x < image->width; x++)
      for (int c = 0; c < 3; c++)
        {
          gsize i = ((gsize) y * image->width + x) * image->channels;
          float v = image->data[i + (image->channels == 1 ? 0 : c)];
          pixels[y * stride + 3 * x + c] = CLAMP (v, 0, 1) * 255 + 0.5f;
        }
  return pixbuf;
}

#define MARK "moa-job"

gboolean
moa_cli_save_marked (GdkPixbuf *pixbuf, const char *path, const char *mark, GError **error)
{
  g_autofree char *data = NULL;
  gsize size;
  g_autoptr (GError) fault = NULL;
  char *keys[] = { mark ? "tEXt::" MARK : NULL, NULL }, *values[] = { (char *) mark, NULL };
  if (gdk_pixbuf_save_to_bufferv (pixbuf, &data, &size, "png", keys, values, &fault))
    {
      g_autoptr (GByteArray) png = moa_cli_png_with_profile (data, size, pixbuf);
      if (g_file_set_contents (path, (const char *) png->data, png->len, &fault))
        return TRUE;
    }
  return moa_fail (error, MOA_ERROR_FILE, "%s: cannot be written: %s", path, fault->message);
}

gboolean
moa_cli_save (GdkPixbuf *pixbuf, const char *path, GError **error)
{
  return moa_cli_save_marked (pixbuf, path, NULL, error);
}

/* The text of a tEXt chunk, which stands before the pixels: no picture is unpacked for it. */
char *
moa_cli_read_mark (const char *path)
{
  enum { CHUNK = 12, MOST = 4096 };
  guint64 size, at = 8;
  int fd = moa_file_open (path, &size, NULL);
  guint8 head[8], text[MOST];
  char *mark = NULL;
  while (fd >= 0 && !mark && at + CHUNK <= size && moa_file_read (fd, path, at, head, 8, NULL))
    {
      guint32 n = (guint32) head[0] << 24 | head[1] << 16 | head[2] << 8 | head[3];
      gboolean is_text = !memcmp (head + 4, "tEXt", 4);
      if (!memcmp (head + 4, "IDAT", 4) || n > size - at - CHUNK)
        break;
      if (is_text && n > sizeof (MARK) && n < MOST && moa_file_read (fd, path, at + 8, text, n, NULL) &&
          !memcmp (text, MARK, sizeof (MARK)))
        mark = g_strndup ((char *) text + sizeof (MARK), n - sizeof (MARK));
      at += CHUNK + n;
    }
  if (fd >= 0)
    close (fd);
  return mark;
}

gboolean
moa_cli_save_image (const MoaImage *image, const char *path, GError **error)
{
  g_autoptr (GdkPixbuf) pixbuf = moa_cli_pixbuf (image);
  if (!pixbuf)
    return moa_fail (error, MOA_ERROR_MEMORY, "%s: no memory to write it", path);
  return moa_cli_save (pixbuf, path, error);
}

gboolean
moa_cli_check_folder_of (const char *path, GError **error)
{
  g_autofree char *folder = g_path_get_dirname (path);
  if (g_access (folder, W_OK))
    return moa_fail (error, MOA_ERROR_FILE, "%s: cannot be written: %s: %s", path, folder,
                     g_strerror (errno));
  if (g_file_test (path, G_FILE_TEST_IS_DIR))
    return moa_fail (error, MOA_ERROR_FILE, "%s: cannot be written: it is a folder", path);
  return TRUE;
}

gboolean
moa_cli_check_png (const char *path, GError **error)
{
  g_autofree char *lower = g_ascii_strdown (path, -1);
  if (!g_str_has_suffix (lower, ".png"))
    return moa_fail (error, MOA_ERROR_ARGUMENT,
                     "%s: only PNG is written; the name must end in .png", path);
  return moa_cli_check_folder_of (path, error);
}

/* ---- Router maps ---- */

/* Each pixel as a square of scale x scale. */
static MoaImage *
enlarge (const MoaImage *map, int scale)
{
  MoaImage *out = moa_image_new (map->width * scale, map->height * scale, 1);
  for (int y = 0; out && y < out->height; y++)
    for (int x = 0; x < out->width; x++)
      out->data[(gsize) y * out->width + x] =
          map->data[(gsize) (y / scale) * map->width + x / scale];
  return out;
}

static gboolean
save_map (const MoaImage *map, int scale, const char *path, GError **error)
{
  MoaImage *image = enlarge (map, scale);
  gboolean ok = image ? moa_cli_save_image (image, path, error)
                      : moa_fail (error, MOA_ERROR_MEMORY, "%s: no memory to write it", path);
  moa_image_free (image);
  return ok;
}

gboolean
moa_cli_save_maps (const MoaRouterMaps *maps, int n_maps, const char *folder, json_t *files,
                   GError **error)
{
  enum { PIXELS = 8 }; /* of the largest map's pixels */
  if (!moa_folder_make (folder, error))
    return FALSE;
  for (int i = 0; i < n_maps; i++)
    {
      int widest = 1;
      for (int l = 0; l < maps[i].n_layers; l++)
        widest = MAX (widest, maps[i].layers[l]->width);
      for (int l = 0; l < maps[i].n_layers; l++)
        {
          g_autofree char *name = maps[i].step < 0 ? g_strdup_printf ("mean-layer-%02d.png", l)
                                                   : g_strdup_printf ("step-%03d-layer-%02d.png",
                                                                      maps[i].step, l);
          g_autofree char *path = g_build_filename (folder, name, NULL);
          int scale = PIXELS * ((widest + maps[i].layers[l]->width - 1) / maps[i].layers[l]->width);
          if (!save_map (maps[i].layers[l], scale, path, error))
            return FALSE;
          json_array_append_new (files, moa_cli_json_string (path));
        }
    }
  return TRUE;
}
