/* Maps of whole numbers in NumPy's .npy files (format 1.0 to 3.0): the magic
 * bytes, a version, the header's length, a Python dictionary with descr,
 * fortran_order and shape, and the numbers. */
#include "train/data-private.h"

#include "base/error.h"
#include "io/file.h"

#include <string.h>
#include <unistd.h>

enum { MOST_HEADER = 1 << 14, MOST_ELEMENTS = 1 << 26, CHUNK = 1 << 16 };

typedef struct {
  const char *path;
  int bytes;          /* of an element: 1, 2, 4 or 8 */
  gboolean is_signed, big_endian, fortran;
  int width, height;
  guint64 data;       /* offset */
} Npy;

/* The text after 'key': in the header, or NULL. */
static const char *
find_key (const char *header, const char *key)
{
  g_autofree char *quoted = g_strdup_printf ("'%s'", key);
  const char *p = strstr (header, quoted);
  if (!p)
    return NULL;
  p += strlen (quoted);
  p += strspn (p, " ");
  return *p == ':' ? p + 1 + strspn (p + 1, " ") : NULL;
}

/* '<i4', '|u1' and so on. */
static gboolean
parse_type (const char *text, Npy *npy)
{
  if (!text || text[0] != '\'' || !text[1] || !strchr ("<>|=", text[1]) || !text[2]
      || !strchr ("iub", text[2]) || !text[3] || !strchr ("1248", text[3]) || text[4] != '\'')
    return FALSE;
  npy->bytes = text[3] - '0';
  npy->is_signed = text[2] == 'i';
  npy->big_endian = text[1] == '>' || (text[1] == '=' && G_BYTE_ORDER == G_BIG_ENDIAN);
  return text[2] != 'b' || npy->bytes == 1;
}

/* (height, width) */
static gboolean
parse_shape (const char *text, Npy *npy)
{
  if (!text || *text++ != '(')
    return FALSE;
  for (int i = 0; i < 2; i++)
    {
      char *end;
      text += strspn (text, " ");
      if (!g_ascii_isdigit (*text))
        return FALSE;
      guint64 value = g_ascii_strtoull (text, &end, 10);
      if (value < 1 || value > MOST_ELEMENTS)
        return FALSE;
      *(i ? &npy->width : &npy->height) = (int) value;
      text = end + strspn (end, " ");
      if (i == 0 && *text++ != ',')
        return FALSE;
    }
  if (*text == ',')
    text += 1 + strspn (text + 1, " ");
  return *text == ')' && (gint64) npy->width * npy->height <= MOST_ELEMENTS;
}

static gboolean
read_header (int fd, guint64 size, Npy *npy, GError **error)
{
  guint8 start[12] = { 0 };
  if (size < sizeof start)
    return moa_fail (error, MOA_ERROR_FILE, "%s: is too short for a .npy file", npy->path);
  if (!moa_file_read (fd, npy->path, 0, start, sizeof start, error))
    return FALSE;
  if (memcmp (start, "\x93NUMPY", 6) || start[6] < 1 || start[6] > 3)
    return moa_fail (error, MOA_ERROR_FILE, "%s: is not a .npy file of NumPy", npy->path);
  guint32 length = start[8] | start[9] << 8, at = 10;
  if (start[6] > 1)
    {
      length |= (guint32) start[10] << 16 | (guint32) start[11] << 24;
      at = 12;
    }
  if (length > MOST_HEADER || at + length > size)
    return moa_fail (error, MOA_ERROR_FILE, "%s: its header says that it has %u bytes", npy->path,
                     length);
  g_autofree char *header = g_malloc0 (length + 1);
  if (!moa_file_read (fd, npy->path, at, header, length, error))
    return FALSE;
  const char *order = find_key (header, "fortran_order");
  npy->fortran = order && g_str_has_prefix (order, "True");
  npy->data = at + length;
  if (!parse_type (find_key (header, "descr"), npy))
    return moa_fail (error, MOA_ERROR_FILE,
                     "%s: does not hold whole numbers; save the map as np.uint8 or np.int32",
                     npy->path);
  if (!parse_shape (find_key (header, "shape"), npy))
    return moa_fail (error, MOA_ERROR_FILE,
                     "%s: is no map of height x width numbers of a usable size", npy->path);
  guint64 wanted = (guint64) npy->width * npy->height * npy->bytes;
  if (size - npy->data < wanted)
    return moa_fail (error, MOA_ERROR_FILE,
                     "%s: is cut short: %" G_GUINT64_FORMAT " bytes of numbers, %" G_GUINT64_FORMAT
                     " expected",
                     npy->path, size - npy->data, wanted);
  return TRUE;
}

/* FALSE where the number is no gint32. */
static gboolean
element (const Npy *npy, const guint8 *bytes, gint32 *out)
{
  guint64 bits = 0;
  for (int i = 0; i < npy->bytes; i++)
    bits |= (guint64) bytes[npy->big_endian ? npy->bytes - 1 - i : i] << (8 * i);
  if (npy->is_signed)
    {
      int spare = 64 - 8 * npy->bytes;
      gint64 value = (gint64) (bits << spare) >> spare;
      *out = (gint32) value;
      return *out == value;
    }
  *out = (gint32) bits;
  return bits <= G_MAXINT32;
}

static gboolean
read_elements (int fd, const Npy *npy, gint32 *out, GError **error)
{
  gsize n = (gsize) npy->width * npy->height, w = npy->width, h = npy->height;
  g_autofree guint8 *chunk = g_malloc (CHUNK);
  gsize most = CHUNK / npy->bytes;
  for (gsize from = 0; from < n; from += most)
    {
      gsize count = MIN (most, n - from);
      if (!moa_file_read (fd, npy->path, npy->data + (guint64) from * npy->bytes, chunk,
                          count * npy->bytes, error))
        return FALSE;
      for (gsize i = 0; i < count; i++)
        {
          gsize at = from + i;
          if (npy->fortran)
            at = at % h * w + at / h;
          if (!element (npy, chunk + i * npy->bytes, &out[at]))
            return moa_fail (error, MOA_ERROR_FILE, "%s: holds numbers above 2^31", npy->path);
        }
    }
  return TRUE;
}

gint32 *
moa_npy_read (const char *path, int *width, int *height, GError **error)
{
  guint64 size;
  Npy npy = { .path = path };
  int fd = moa_file_open (path, &size, error);
  if (fd < 0)
    return NULL;
  g_autofree gint32 *values = NULL;
  gboolean good = read_header (fd, size, &npy, error);
  if (good)
    {
      values = g_try_new (gint32, (gsize) npy.width * npy.height);
      good = values ? read_elements (fd, &npy, values, error)
                    : moa_fail (error, MOA_ERROR_MEMORY, "%s: no memory for this map", path);
    }
  close (fd);
  if (!good)
    return NULL;
  *width = npy.width;
  *height = npy.height;
  return g_steal_pointer (&values);
}

gboolean
moa_npy_write (const char *path, const guint8 *values, int width, int height, GError **error)
{
  g_autoptr (GString) file = g_string_new (NULL);
  g_autofree char *header = g_strdup_printf (
      "{'descr': '|u1', 'fortran_order': False, 'shape': (%d, %d), }", height, width);
  /* Padded with blanks to a multiple of 64 bytes, ended by a line's end. */
  gsize length = (10 + strlen (header) + 1 + 63) / 64 * 64 - 10;
  g_string_append_len (file, "\x93NUMPY\x01\x00", 8);
  g_string_append_c (file, (char) (length & 255));
  g_string_append_c (file, (char) (length >> 8));
  g_string_append_printf (file, "%-*s\n", (int) length - 1, header);
  g_string_append_len (file, (const char *) values, (gssize) width * height);
  return g_file_set_contents (path, file->str, file->len, error);
}
