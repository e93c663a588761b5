/* Writing safetensors: the header is padded with spaces so that the data begin
 * at a multiple of 8, as the format's own writer does. */
#include "io/safetensors.h"

#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <jansson.h>
#include <string.h>
#include <unistd.h>

typedef struct {
  const void *data; /* NULL: copied from */
  MoaSafetensors *file;
  const MoaFileTensor *tensor;
  gsize bytes;
} Block;

struct _MoaSafetensorsWriter {
  json_t *header, *metadata;
  GArray *blocks;
  guint64 bytes;
  char *duplicate; /* a name that was added twice */
};

MoaSafetensorsWriter *
moa_safetensors_writer_new (void)
{
  MoaSafetensorsWriter *writer = g_new0 (MoaSafetensorsWriter, 1);
  writer->header = json_object ();
  writer->metadata = json_object ();
  writer->blocks = g_array_new (FALSE, FALSE, sizeof (Block));
  return writer;
}

void
moa_safetensors_writer_free (MoaSafetensorsWriter *writer)
{
  if (!writer)
    return;
  json_decref (writer->header);
  json_decref (writer->metadata);
  g_array_unref (writer->blocks);
  g_free (writer->duplicate);
  g_free (writer);
}

void
moa_safetensors_writer_metadata (MoaSafetensorsWriter *writer, const char *key, const char *value)
{
  json_object_set_new (writer->metadata, key, json_string (value));
}

static void
add (MoaSafetensorsWriter *writer, const char *name, MoaDtype dtype, int rank, const gint64 *dim,
     Block block)
{
  if (json_object_get (writer->header, name) && !writer->duplicate)
    writer->duplicate = g_strdup (name);
  json_t *shape = json_array ();
  block.bytes = moa_dtype_size (dtype);
  for (int i = 0; i < rank; i++)
    {
      json_array_append_new (shape, json_integer (dim[i]));
      block.bytes *= dim[i];
    }
  json_object_set_new (writer->header, name,
                       json_pack ("{s:s, s:o, s:[I, I]}", "dtype", moa_dtype_name (dtype),
                                  "shape", shape, "data_offsets", (json_int_t) writer->bytes,
                                  (json_int_t) (writer->bytes + block.bytes)));
  writer->bytes += block.bytes;
  g_array_append_val (writer->blocks, block);
}

void
moa_safetensors_writer_add (MoaSafetensorsWriter *writer, const char *name, MoaDtype dtype,
                            int rank, const gint64 *dim, const void *data)
{
  add (writer, name, dtype, rank, dim, (Block){ .data = data });
}

void
moa_safetensors_writer_copy (MoaSafetensorsWriter *writer, const char *name, int rank,
                             MoaSafetensors *file, const MoaFileTensor *tensor)
{
  add (writer, name, tensor->dtype, rank, tensor->dim, (Block){ .file = file, .tensor = tensor });
}

static gboolean
write_all (int fd, const void *data, gsize n)
{
  for (gsize done = 0; done < n;)
    {
      gssize put = write (fd, (const char *) data + done, MIN (n - done, 1 << 30));
      if (put < 0 && errno != EINTR)
        return FALSE;
      done += MAX (put, 0);
    }
  return TRUE;
}

/* FALSE with the error set, or with errno. */
static gboolean
write_block (int fd, const Block *block, GError **error)
{
  enum { CHUNK = 1 << 22 };
  if (!block->file)
    return write_all (fd, block->data, block->bytes);
  g_autofree void *buffer = g_malloc (MIN (block->bytes, CHUNK));
  for (gsize done = 0; done < block->bytes; done += CHUNK)
    {
      gsize n = MIN (block->bytes - done, CHUNK);
      if (!moa_safetensors_read_raw (block->file, block->tensor, done, n, buffer, error)
          || !write_all (fd, buffer, n))
        return FALSE;
    }
  return TRUE;
}

/* The header's text with its 8 bytes of length in front. */
static GByteArray *
make_head (MoaSafetensorsWriter *writer)
{
  if (json_object_size (writer->metadata) > 0)
    json_object_set (writer->header, "__metadata__", writer->metadata);
  char *text = json_dumps (writer->header, JSON_COMPACT);
  guint64 length = strlen (text);
  guint64 padded = (length + 7) / 8 * 8;
  GByteArray *head = g_byte_array_new ();
  g_byte_array_append (head, (const guint8 *) &padded, 8);
  g_byte_array_append (head, (const guint8 *) text, length);
  g_byte_array_append (head, (const guint8 *) "        ", padded - length);
  free (text);
  return head;
}

gboolean
moa_safetensors_writer_save (MoaSafetensorsWriter *writer, const char *path, GError **error)
{
  if (writer->duplicate)
    return moa_fail (error, MOA_ERROR_ARGUMENT, "%s: two tensors are named \"%s\"", path,
                     writer->duplicate);
  g_autofree char *temporary = g_strconcat (path, ".XXXXXX", NULL);
  int fd = g_mkstemp_full (temporary, O_WRONLY | O_CLOEXEC, 0666);
  if (fd < 0)
    {
      int code = errno;
      return moa_fail (error, MOA_ERROR_FILE, "%s: cannot be written: %s", path, g_strerror (code));
    }
  g_autoptr (GByteArray) head = make_head (writer);
  GError *reading = NULL;
  gboolean ok = write_all (fd, head->data, head->len);
  for (guint i = 0; ok && i < writer->blocks->len; i++)
    ok = write_block (fd, &g_array_index (writer->blocks, Block, i), &reading);
  ok = ok && fsync (fd) == 0;
  int code = errno;
  if (close (fd) != 0 && ok)
    {
      code = errno;
      ok = FALSE;
    }
  if (ok && g_rename (temporary, path) != 0)
    {
      code = errno;
      ok = FALSE;
    }
  if (ok)
    return TRUE;
  g_unlink (temporary);
  if (reading)
    {
      g_propagate_error (error, reading);
      return FALSE;
    }
  return moa_fail (error, MOA_ERROR_FILE, "%s: cannot be written: %s", path, g_strerror (code));
}
