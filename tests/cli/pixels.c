/* Pictures for the tests of the command line.
 *   pixels same A B MASK       0 if A and B have the same size and channels, are the same where
 *                              MASK is black, and differ somewhere
 *   pixels equal A B           0 if A and B have the same pixels, whatever else the files say
 *   pixels canvas IN OUT       IN in the middle of a canvas of 900 x 500 with a gradient
 *   pixels hollow IN OUT       IN with alpha, from 1 at the left to 255 at the right
 *   pixels turned IN OUT.jpg   IN lying on its side, with the EXIF tag that says so
 *   pixels size IN             WIDTHxHEIGHT
 *   pixels profiled IN OUT.jpg SPACE   IN with a colour profile of that space ("RGB ", "GRAY")
 *   pixels profile IN          the space of its colour profile, and a checksum; or none */
#include <gdk-pixbuf/gdk-pixbuf.h>
#include <stdio.h>
#include <string.h>

static GdkPixbuf *
load (const char *path)
{
  GError *error = NULL;
  GdkPixbuf *pixbuf = gdk_pixbuf_new_from_file (path, &error);
  if (!pixbuf)
    g_printerr ("%s\n", error->message);
  return pixbuf;
}

static guint8 *
pixel (GdkPixbuf *pixbuf, int x, int y)
{
  return gdk_pixbuf_get_pixels (pixbuf) + (gsize) y * gdk_pixbuf_get_rowstride (pixbuf) +
         x * gdk_pixbuf_get_n_channels (pixbuf);
}

static int
same (GdkPixbuf *a, GdkPixbuf *b, GdkPixbuf *mask)
{
  int width = gdk_pixbuf_get_width (a), height = gdk_pixbuf_get_height (a);
  int channels = gdk_pixbuf_get_n_channels (a), outside = 0, inside = 0;
  if (gdk_pixbuf_get_width (b) != width || gdk_pixbuf_get_height (b) != height ||
      gdk_pixbuf_get_n_channels (b) != channels)
    {
      g_print ("another size or number of channels\n");
      return 1;
    }
  for (int y = 0; y < height; y++)
    for (int x = 0; x < width; x++)
      {
        gboolean differs = memcmp (pixel (a, x, y), pixel (b, x, y), channels) != 0;
        outside += differs && *pixel (mask, x, y) == 0;
        inside += differs && *pixel (mask, x, y) > 0;
      }
  g_print ("%d pixels differ outside, %d inside\n", outside, inside);
  return outside > 0 || inside == 0;
}

static int
equal (GdkPixbuf *a, GdkPixbuf *b)
{
  int width = gdk_pixbuf_get_width (a), height = gdk_pixbuf_get_height (a), differ = 0;
  int channels = gdk_pixbuf_get_n_channels (a);
  if (gdk_pixbuf_get_width (b) != width || gdk_pixbuf_get_height (b) != height ||
      gdk_pixbuf_get_n_channels (b) != channels)
    differ = -1;
  for (int y = 0; differ >= 0 && y < height; y++)
    for (int x = 0; x < width; x++)
      differ += memcmp (pixel (a, x, y), pixel (b, x, y), channels) != 0;
  g_print ("%d pixels differ\n", differ);
  return differ != 0;
}

static int
save (GdkPixbuf *pixbuf, const char *path, const char *type)
{
  return gdk_pixbuf_save (pixbuf, path, type, NULL, NULL) ? 0 : 1;
}

/* A profile as libpng takes it: a header, and one tag of noise, as it refuses what deflates to a few bytes. */
static char *
make_profile (const char *space)
{
  enum { TABLE = 128, NOISE = TABLE + 16, SIZE = NOISE + 240 };
  guint8 icc[SIZE] = { 0, 0, SIZE >> 8, SIZE & 255 };
  memcpy (icc + 8, (guint8[]){ 2, 0x20 }, 2);
  memcpy (icc + 12, "mntr", 4);
  memcpy (icc + 16, space, 4);
  memcpy (icc + 20, "XYZ ", 4);
  memcpy (icc + 36, "acsp", 4);
  memcpy (icc + 68, (guint8[]){ 0, 0, 0xf6, 0xd6, 0, 1, 0, 0, 0, 0, 0xd3, 0x2d }, 12); /* D50 */
  memcpy (icc + TABLE, (guint8[]){ 0, 0, 0, 1, 'n', 'o', 'i', 's', 0, 0, 0, NOISE, 0, 0, 0, SIZE - NOISE }, 16);
  for (int i = NOISE; i < SIZE; i++)
    icc[i] = 40503u * i >> 5;
  return g_base64_encode (icc, SIZE);
}

static int
profiled (GdkPixbuf *in, const char *path, const char *space)
{
  g_autofree char *profile = make_profile (space);
  return gdk_pixbuf_save (in, path, "jpeg", NULL, "icc-profile", profile, NULL) ? 0 : 1;
}

static int
print_profile (GdkPixbuf *in)
{
  const char *text = gdk_pixbuf_get_option (in, "icc-profile");
  gsize size = 0;
  g_autofree guchar *icc = text ? g_base64_decode (text, &size) : NULL;
  g_autofree char *sum = icc ? g_compute_checksum_for_data (G_CHECKSUM_SHA256, icc, size) : NULL;
  g_print ("%.4s %s\n", size >= 20 ? (char *) icc + 16 : "none", sum ? sum : "");
  return 0;
}

static int
canvas (GdkPixbuf *in, const char *path)
{
  int width = gdk_pixbuf_get_width (in), height = gdk_pixbuf_get_height (in);
  /* Masks stay black around. */
  gboolean is_mask = strstr (path, "mask") != NULL;
  GdkPixbuf *out = gdk_pixbuf_new (GDK_COLORSPACE_RGB, FALSE, 8, 900, 500);
  for (int y = 0; y < 500; y++)
    for (int x = 0; x < 900; x++)
      memcpy (pixel (out, x, y), is_mask ? (guint8[]){ 0, 0, 0 } : (guint8[]){ x, y, x + y }, 3);
  gdk_pixbuf_copy_area (in, 0, 0, width, height, out, 450 - width / 2, 250 - height / 2);
  return save (out, path, "png");
}

static int
hollow (GdkPixbuf *in, const char *path)
{
  GdkPixbuf *out = gdk_pixbuf_add_alpha (in, FALSE, 0, 0, 0);
  int width = gdk_pixbuf_get_width (out);
  for (int y = 0; y < gdk_pixbuf_get_height (out); y++)
    for (int x = 0; x < width; x++)
      pixel (out, x, y)[3] = 1 + 254 * x / (width - 1);
  return save (out, path, "png");
}

static int
turned (GdkPixbuf *in, const char *path)
{
  /* APP1: big-endian TIFF, one entry: Orientation (0x112), short, 1 value, 6. */
  static const char exif[] =
      "\xff\xe1\0\x22"
      "Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
  g_autofree char *data = NULL;
  gsize size;
  const char *profile = gdk_pixbuf_get_option (in, "icc-profile");
  GdkPixbuf *lying = gdk_pixbuf_rotate_simple (in, GDK_PIXBUF_ROTATE_COUNTERCLOCKWISE);
  if (!gdk_pixbuf_save_to_buffer (lying, &data, &size, "jpeg", NULL, "quality", "95", profile ? "icc-profile" : NULL,
                                  profile, NULL))
    return 1;
  FILE *file = fopen (path, "wb");
  gboolean ok = file && fwrite (data, 1, 2, file) == 2 &&
                fwrite (exif, 1, sizeof (exif) - 1, file) == sizeof (exif) - 1 &&
                fwrite (data + 2, 1, size - 2, file) == size - 2;
  return file && fclose (file) == 0 && ok ? 0 : 1;
}

int
main (int argc, char **argv)
{
  GdkPixbuf *in[3] = { NULL };
  const char *command = argc > 2 ? argv[1] : "";
  int n = !strcmp (command, "same") ? 3 : !strcmp (command, "equal") ? 2 : 1;
  for (int i = 0; i < n; i++)
    if (argc < n + 2 || !(in[i] = load (argv[2 + i])))
      return 2;
  if (!strcmp (command, "same"))
    return same (in[0], in[1], in[2]);
  if (!strcmp (command, "equal"))
    return equal (in[0], in[1]);
  if (!strcmp (command, "size"))
    {
      g_print ("%dx%d\n", gdk_pixbuf_get_width (in[0]), gdk_pixbuf_get_height (in[0]));
      return 0;
    }
  if (!strcmp (command, "profile"))
    return print_profile (in[0]);
  if (argc < 4)
    return 2;
  if (!strcmp (command, "profiled"))
    return argc > 4 && strlen (argv[4]) == 4 ? profiled (in[0], argv[3], argv[4]) : 2;
  if (!strcmp (command, "canvas"))
    return canvas (in[0], argv[3]);
  if (!strcmp (command, "hollow"))
    return hollow (in[0], argv[3]);
  if (!strcmp (command, "turned"))
    return turned (in[0], argv[3]);
  return 2;
}
