/* Animations, by libwebp: see animation.h. */
#include "cli/animation.h"

#include "base/error.h"
#include "cli/cli.h"

#ifdef MOA_HAVE_WEBP

#include <webp/encode.h>
#include <webp/mux.h>

typedef struct {
  WebPAnimEncoder *encoder; /* NULL before the first picture */
  WebPConfig config;
  int width, height, at;    /* at: milliseconds so far */
} Animation;

static gboolean
failed (const char *path, const char *why, GError **error)
{
  return moa_fail (error, MOA_ERROR_FILE, "%s: the animation cannot be made: %s", path, why);
}

static gboolean
start (Animation *a, const GdkPixbuf *pixbuf, const char *path, GError **error)
{
  WebPAnimEncoderOptions options;
  a->width = gdk_pixbuf_get_width (pixbuf);
  a->height = gdk_pixbuf_get_height (pixbuf);
  if (!WebPConfigInit (&a->config) || !WebPAnimEncoderOptionsInit (&options))
    return failed (path, "libwebp is of another version", error);
  a->config.lossless = a->config.exact = 1;
  a->encoder = WebPAnimEncoderNew (a->width, a->height, &options);
  return a->encoder || failed (path, "the pictures are too large for WebP, which ends at 16383 pixels", error);
}

static gboolean
add (Animation *a, const GdkPixbuf *pixbuf, int delay, const char *path, GError **error)
{
  int stride = gdk_pixbuf_get_rowstride (pixbuf);
  const guint8 *pixels = gdk_pixbuf_read_pixels (pixbuf);
  WebPPicture picture;
  if (!a->encoder && !start (a, pixbuf, path, error))
    return FALSE;
  if (gdk_pixbuf_get_width (pixbuf) != a->width || gdk_pixbuf_get_height (pixbuf) != a->height)
    return failed (path, "its pictures are of several sizes", error);
  if (!WebPPictureInit (&picture))
    return failed (path, "libwebp is of another version", error);
  picture.use_argb = 1;
  picture.width = a->width;
  picture.height = a->height;
  gboolean ok = gdk_pixbuf_get_n_channels (pixbuf) == 4 ? WebPPictureImportRGBA (&picture, pixels, stride)
                                                        : WebPPictureImportRGB (&picture, pixels, stride);
  ok = ok && WebPAnimEncoderAdd (a->encoder, &picture, a->at, &a->config);
  WebPPictureFree (&picture);
  a->at += delay;
  return ok || failed (path, WebPAnimEncoderGetError (a->encoder), error);
}

static gboolean
save (Animation *a, const char *path, GError **error)
{
  WebPData data;
  WebPDataInit (&data);
  gboolean ok = WebPAnimEncoderAdd (a->encoder, NULL, a->at, NULL)
                && WebPAnimEncoderAssemble (a->encoder, &data);
  ok = ok ? g_file_set_contents (path, (const char *) data.bytes, data.size, error)
          : failed (path, WebPAnimEncoderGetError (a->encoder), error);
  WebPDataClear (&data);
  return ok;
}

gboolean
moa_cli_animation (char *const *pictures, int n, int delay, const char *path, GError **error)
{
  Animation a = { NULL };
  gboolean ok = n > 0 || failed (path, "there are no pictures", error);
  for (int i = 0; ok && i < n; i++)
    {
      g_autoptr (GdkPixbuf) pixbuf = moa_cli_load (pictures[i], error);
      ok = pixbuf && add (&a, pixbuf, delay, path, error);
    }
  ok = ok && save (&a, path, error);
  if (a.encoder)
    WebPAnimEncoderDelete (a.encoder);
  return ok;
}

static gboolean
can_write (const char *path, GError **error)
{
  return TRUE;
}

#else

gboolean
moa_cli_animation (char *const *pictures, int n, int delay, const char *path, GError **error)
{
  return moa_fail (error, MOA_ERROR_ARGUMENT, "%s: this moa was built without libwebp", path);
}

static gboolean
can_write (const char *path, GError **error)
{
  return moa_fail (error, MOA_ERROR_ARGUMENT, "%s: this moa was built without libwebp, which writes animations; "
                   "make one of the pictures with another program", path);
}

#endif

gboolean
moa_cli_animation_check (const char *path, GError **error)
{
  g_autofree char *lower = g_ascii_strdown (path, -1);
  if (!g_str_has_suffix (lower, ".webp"))
    return moa_fail (error, MOA_ERROR_ARGUMENT,
                     "%s: animations are written as WebP; the name must end in .webp", path);
  return can_write (path, error) && moa_cli_check_folder_of (path, error);
}
