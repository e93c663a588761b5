/* animation FILE.webp DELAY PICTURE...: whether libwebp's decoder finds just these pictures in the file, each
 * shown for DELAY milliseconds, again and again.  Says what differs; exit status 1 then. */
#include <gdk-pixbuf/gdk-pixbuf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <webp/demux.h>

static int
same (const guint8 *rgba, int width, int height, const char *path)
{
  g_autoptr (GdkPixbuf) pixbuf = gdk_pixbuf_new_from_file (path, NULL);
  if (!pixbuf || gdk_pixbuf_get_width (pixbuf) != width || gdk_pixbuf_get_height (pixbuf) != height)
    return 0;
  for (int y = 0; y < height; y++)
    for (int x = 0; x < width; x++)
      {
        const guint8 *p = gdk_pixbuf_read_pixels (pixbuf) + (gsize) y * gdk_pixbuf_get_rowstride (pixbuf)
                          + x * gdk_pixbuf_get_n_channels (pixbuf);
        if (memcmp (p, rgba + 4 * ((gsize) y * width + x), 3))
          return 0;
      }
  return 1;
}

int
main (int argc, char **argv)
{
  g_autofree char *bytes = NULL;
  gsize n;
  WebPAnimInfo info;
  if (argc < 4 || !g_file_get_contents (argv[1], &bytes, &n, NULL))
    return puts ("no file"), 2;
  const WebPData data = { (const guint8 *) bytes, n };
  WebPAnimDecoder *decoder = WebPAnimDecoderNew (&data, NULL);
  if (!decoder || !WebPAnimDecoderGetInfo (decoder, &info))
    return puts ("no animation"), 1;
  int wrong = (int) info.frame_count != argc - 3 || info.loop_count != 0;
  for (int i = 3, end; i < argc && !wrong; i++)
    {
      guint8 *rgba;
      wrong = !WebPAnimDecoderGetNext (decoder, &rgba, &end) || end != atoi (argv[2]) * (i - 2)
              || !same (rgba, info.canvas_width, info.canvas_height, argv[i]);
      if (wrong)
        printf ("picture %d differs, or ends at %d\n", i - 2, end);
    }
  printf ("%u pictures\n", info.frame_count);
  WebPAnimDecoderDelete (decoder);
  return wrong;
}
