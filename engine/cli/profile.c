/* The colour profile of a picture, as a chunk in its PNG.
 *
 * gdk-pixbuf reads profiles, but its writer hands one to libpng before the kind of colour, and libpng
 * then refuses it.  So the chunk iCCP (PNG 1.2, 4.2.2.4) goes in here: a name, 0, 0 for deflate, and the
 * profile deflated. */
#include "cli/cli.h"

#include <string.h>
#include <zlib.h>

#define NAME "ICC profile"

/* What stands before the first chunk that the profile must precede: signature and IHDR. */
enum { HEAD = 8 + 25, MOST = 1 << 24 };

/* The ICC profile of RGB pixels that it carries, or NULL.  What was read is RGB now, whatever it was: the
 * profile of a gray or CMYK file says nothing of it any more.  (transfer full) */
static guchar *
find_profile (GdkPixbuf *pixbuf, gsize *size)
{
  enum { SPACE = 16 }; /* where the profile's header has it */
  const char *text = gdk_pixbuf_get_option (pixbuf, "icc-profile");
  g_autofree guchar *profile = text ? g_base64_decode (text, size) : NULL;
  if (!profile || *size < SPACE + 4 || *size > MOST || memcmp (profile + SPACE, "RGB ", 4))
    return NULL;
  return g_steal_pointer (&profile);
}

static void
add_number (GByteArray *bytes, guint32 number)
{
  number = GUINT32_TO_BE (number);
  g_byte_array_append (bytes, (guint8 *) &number, 4);
}

GByteArray *
moa_cli_png_with_profile (const char *png, gsize png_size, GdkPixbuf *pixbuf)
{
  GByteArray *out = g_byte_array_new ();
  gsize size;
  g_autofree guchar *profile = find_profile (pixbuf, &size);
  uLongf packed_size = profile ? compressBound (size) : 0;
  g_autofree guchar *packed = profile ? g_malloc (packed_size) : NULL;
  g_byte_array_append (out, (const guint8 *) png, HEAD);
  if (profile && compress (packed, &packed_size, profile, size) == Z_OK)
    {
      guint at = out->len + 4;
      add_number (out, sizeof (NAME) + 1 + packed_size);
      g_byte_array_append (out, (const guint8 *) "iCCP" NAME "\0\0", 4 + sizeof (NAME) + 1);
      g_byte_array_append (out, packed, packed_size);
      add_number (out, crc32 (0, out->data + at, out->len - at));
    }
  g_byte_array_append (out, (const guint8 *) png + HEAD, png_size - HEAD);
  return out;
}
