/* Numbers that a layer group keeps: see blob.h. */
#include "blob.h"

#include "intl.h"
#include "options.h"

#include <gio/gio.h>
#include <libgimp/gimp.h>
#include <stdlib.h>
#include <string.h>

enum { VERSION = 1, LARGEST = 1 << 30 };

/* All of data through the converter, at most `most` bytes; NULL if that cannot be. */
static GByteArray *
convert (GConverter *converter, gconstpointer data, gsize n, gsize most)
{
  g_autoptr (GInputStream) in = g_memory_input_stream_new_from_data (data, n, NULL);
  g_autoptr (GInputStream) stream = g_converter_input_stream_new (in, converter);
  GByteArray *out = g_byte_array_new ();
  guint8 buffer[1 << 14];
  gssize got;

  while ((got = g_input_stream_read (stream, buffer, sizeof buffer, NULL, NULL)) > 0
         && (gsize) got <= most - out->len)
    g_byte_array_append (out, buffer, got);
  if (got != 0)
    g_clear_pointer (&out, g_byte_array_unref);
  return out;
}

void
blob_attach (gint32 item, const char *name, json_t *head, gconstpointer data, gsize n)
{
  g_autoptr (GConverter) compressor
    = G_CONVERTER (g_zlib_compressor_new (G_ZLIB_COMPRESSOR_FORMAT_ZLIB, 6));
  g_autoptr (GByteArray) bytes = convert (compressor, data, n, LARGEST);

  json_object_set_new (head, "version", json_integer (VERSION));
  json_object_set_new (head, "bytes", json_integer (n));

  g_autofree char *text = options_print (head);
  g_autoptr (GByteArray) all = g_byte_array_new ();

  if (!bytes)
    return;
  g_byte_array_append (all, (guint8 *) text, strlen (text) + 1);
  g_byte_array_append (all, bytes->data, bytes->len);

  GimpParasite *parasite = gimp_parasite_new (name, GIMP_PARASITE_PERSISTENT
                                              | GIMP_PARASITE_UNDOABLE, all->len, all->data);

  gimp_item_attach_parasite (item, parasite);
  gimp_parasite_free (parasite);
}

static json_t *
read_head (const char *name, const char *text, gsize size, GError **error)
{
  json_t *head = memchr (text, 0, size) ? options_parse (name, text, error) : NULL;
  json_int_t version = json_integer_value (json_object_get (head, "version"));
  json_int_t n = json_integer_value (json_object_get (head, "bytes"));

  if (head && version > VERSION)
    options_fail (error, _("%s: of a newer version of MoA for GIMP; update it to use this"), name);
  else if (!head || n < 0 || n > LARGEST)
    {
      if (error && !*error)
        options_fail (error, _("%s: what the layer group keeps is damaged"), name);
    }
  else
    return head;
  json_decref (head);
  return NULL;
}

static json_t *
parse (const char *name, const char *text, gsize size, guint8 **data, gsize *n, GError **error)
{
  json_t *head = read_head (name, text, size, error);

  if (!head)
    return NULL;

  gsize skip = strlen (text) + 1;
  g_autoptr (GConverter) decompressor
    = G_CONVERTER (g_zlib_decompressor_new (G_ZLIB_COMPRESSOR_FORMAT_ZLIB));
  GByteArray *bytes;

  *n = json_integer_value (json_object_get (head, "bytes"));
  bytes = convert (decompressor, text + skip, size - skip, *n);
  if (bytes && bytes->len == *n)
    {
      *data = g_byte_array_free (bytes, FALSE);
      return head;
    }
  g_clear_pointer (&bytes, g_byte_array_unref);
  json_decref (head);
  options_fail (error, _("%s: what the layer group keeps is damaged"), name);
  return NULL;
}

json_t *
blob_read (gint32 item, const char *name, guint8 **data, gsize *n, GError **error)
{
  GimpParasite *parasite = gimp_item_get_parasite (item, name);
  json_t *head = NULL;

  *data = NULL;
  if (parasite)
    head = parse (name, gimp_parasite_data (parasite), gimp_parasite_data_size (parasite), data,
                  n, error);
  gimp_parasite_free (parasite);
  return head;
}
