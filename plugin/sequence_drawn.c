/* Frames that were drawn before a run ended early, so that the next one goes on: see sequence.h.
 *
 * A frame is known by a hash of all that its picture is made of: settings, model, the pixels of photos and
 * masks, the files of pictures.  So whatever is changed before the next run, only what is the same is taken.
 * In a folder it is a PNG file of that name, with its record as a text in it. */
#include "sequence_private.h"

#include "intl.h"
#include "options.h"

#include "ui/pixels.h"

#include <errno.h>
#include <gio/gio.h>
#include <string.h>

#define RECORD "tEXt::moa-generate"

enum { CHUNK = 1 << 20 };

#define PIXELS(image) ((gsize) (image)->width * (image)->height * (image)->channels)

typedef struct {
  MoaImage *picture;
  char *json;
} Drawn;

static void
drawn_free (gpointer data)
{
  Drawn *drawn = data;

  moa_image_free (drawn->picture);
  g_free (drawn->json);
  g_free (drawn);
}

GHashTable *
sequence_drawn_new (void)
{
  return g_hash_table_new_full (g_str_hash, g_str_equal, g_free, drawn_free);
}

/* ---- The hash ------------------------------------------------------------ */

typedef struct {
  GChecksum *sum;
  GHashTable *known; /* of what is in several frames: an image or a path, by itself, and its hash */
} Hash;

static void
add_text (Hash *hash, const char *text)
{
  g_checksum_update (hash->sum, (const guchar *) (text ? text : ""), text ? strlen (text) + 1 : 1);
}

/* What is in the file; nothing if it cannot be read, which the engine's work will tell. */
static void
add_file (Hash *hash, const char *path)
{
  const char *name = path ? g_intern_string (path) : NULL;
  char *known = path ? g_hash_table_lookup (hash->known, name) : NULL;

  if (path && !known)
    {
      g_autoptr (GFile) file = g_file_new_for_path (path);
      g_autoptr (GFileInputStream) stream = g_file_read (file, NULL, NULL);
      GChecksum *sum = g_checksum_new (G_CHECKSUM_SHA256);
      g_autofree guchar *bytes = g_malloc (CHUNK);
      gssize n;

      while (stream && (n = g_input_stream_read (G_INPUT_STREAM (stream), bytes, CHUNK, NULL, NULL)) > 0)
        g_checksum_update (sum, bytes, n);
      known = g_strdup (g_checksum_get_string (sum));
      g_checksum_free (sum);
      g_hash_table_insert (hash->known, (gpointer) name, known);
    }
  add_text (hash, known);
}

static void
add_image (Hash *hash, const MoaImage *image)
{
  char *known = image ? g_hash_table_lookup (hash->known, image) : NULL;

  if (image && !known)
    {
      g_autofree char *size = g_strdup_printf ("%d x %d x %d", image->width, image->height, image->channels);
      GChecksum *sum = g_checksum_new (G_CHECKSUM_SHA256);
      const guchar *bytes = (const guchar *) image->data;

      g_checksum_update (sum, (const guchar *) size, -1);
      for (gsize left = PIXELS (image) * sizeof (float), n; left; left -= n, bytes += n)
        g_checksum_update (sum, bytes, n = MIN (left, 1 << 30));
      known = g_strdup (g_checksum_get_string (sum));
      g_checksum_free (sum);
      g_hash_table_insert (hash->known, (gpointer) image, known);
    }
  add_text (hash, known);
}

static void
add_subject (Hash *hash, const MoaSubject *subject)
{
  const MoaSavedSubject *saved = subject->saved;

  if (subject->keep)
    add_text (hash, "keep");
  for (int i = 0; i < subject->n_photos; i++)
    add_image (hash, subject->photos[i]);
  if (saved)
    {
      add_text (hash, saved->encoder);
      g_checksum_update (hash->sum, (const guchar *) saved->features,
                         (gssize) saved->n_photos * saved->dim * sizeof (float));
    }
  add_image (hash, subject->mask);
}

static void
add_person (Hash *hash, const Person *person)
{
  if (!person->from)
    {
      add_subject (hash, &person->subject);
      return;
    }
  g_checksum_update (hash->sum, (const guchar *) &person->share, sizeof person->share);
  add_person (hash, person->from);
  add_person (hash, person->to);
}

/* Settings without what a picture does not depend on. */
static void
add_settings (Hash *hash, const GenerateSettings *settings)
{
  GenerateSettings plain = *settings;

  plain.own = NULL;
  plain.pictures = 1;

  g_autofree char *json = generate_settings_to_json (&plain);

  add_text (hash, json);
}

static void
add_task (Hash *hash, const ReplaceTask *task)
{
  g_autofree char *json = replace_settings_to_json (task->settings);

  add_text (hash, json);
}

/* (transfer full) */
static char *
name_frame (Hash *hash, const Sequence *sequence, const Frame *frame)
{
  g_checksum_reset (hash->sum);
  add_text (hash, moa_model_get_info (sequence->model)->path);
  add_settings (hash, frame->settings);
  for (int k = 0; k < frame->n_people; k++)
    add_person (hash, frame->people[k]);
  if (frame->task)
    add_task (hash, frame->task);
  add_file (hash, frame->replace);
  add_file (hash, frame->select);
  if (frame->follow)
    add_file (hash, frame->follow);
  else
    add_image (hash, frame->settings->params.control.image);
  return g_strdup (g_checksum_get_string (hash->sum));
}

/* ---- The folder ---------------------------------------------------------- */

static const char *
get_folder (const Sequence *sequence)
{
  return *sequence->settings->folder ? sequence->settings->folder : NULL;
}

/* (transfer full) */
static char *
get_path (const Sequence *sequence, const Frame *frame)
{
  g_autofree char *name = g_strdup_printf ("%s-%s.png", sequence->kind->name, frame->hash);

  return g_build_filename (get_folder (sequence), name, NULL);
}

gboolean
sequence_open_folder (const Sequence *sequence, GError **error)
{
  const char *folder = get_folder (sequence);

  return !folder || !g_mkdir_with_parents (folder, 0777)
         || options_fail (error, _("the folder %s cannot be written"), folder);
}

static void
read_drawn (const Sequence *sequence, Frame *frame)
{
  g_autofree char *path = get_path (sequence, frame);
  GdkPixbuf *pixbuf = gdk_pixbuf_new_from_file (path, NULL);
  const char *record = pixbuf ? gdk_pixbuf_get_option (pixbuf, RECORD) : NULL;

  /* What is damaged is drawn anew. */
  frame->picture = record && gdk_pixbuf_get_n_channels (pixbuf) == 3 ? pixels_from_pixbuf (pixbuf) : NULL;
  frame->json = frame->picture ? g_strdup (record) : NULL;
  g_clear_object (&pixbuf);
}

gboolean
sequence_write_drawn (const Sequence *sequence, Frame *frame, GError **error)
{
  char *keys[] = { RECORD, NULL }, *values[] = { frame->json, NULL };
  g_autoptr (GError) problem = NULL;
  g_autofree char *path = get_folder (sequence) ? get_path (sequence, frame) : NULL;
  g_autofree char *bytes = NULL;
  gsize size;

  if (!path)
    return TRUE;

  GdkPixbuf *pixbuf = pixels_to_pixbuf (frame->picture);

  if (pixbuf && gdk_pixbuf_save_to_bufferv (pixbuf, &bytes, &size, "png", keys, values, &problem)
      && g_file_set_contents (path, bytes, size, &problem))
    {
      /* The same, bit for bit, as the next run has it. */
      moa_image_free (frame->picture);
      frame->picture = pixels_from_pixbuf (pixbuf);
    }
  g_clear_object (&pixbuf);
  if (problem || !frame->picture)
    options_fail (error, _("%s cannot be written: %s"), path,
                  problem ? problem->message : g_strerror (ENOMEM));
  return !problem && frame->picture;
}

/* ---- Taking and keeping -------------------------------------------------- */

void
sequence_name_frames (Sequence *sequence)
{
  Hash hash = { g_checksum_new (G_CHECKSUM_SHA256), g_hash_table_new_full (NULL, NULL, NULL, g_free) };

  gboolean kept = sequence->drawn || get_folder (sequence);

  for (guint i = 0; kept && i < sequence->frames->len; i++)
    {
      Frame *frame = g_ptr_array_index (sequence->frames, i);

      if (!frame->hash)
        frame->hash = name_frame (&hash, sequence, frame);
    }
  g_hash_table_unref (hash.known);
  g_checksum_free (hash.sum);
}

gboolean
sequence_has_drawn (const Sequence *sequence, const Frame *frame)
{
  return frame->picture
         || (frame->hash && sequence->drawn && g_hash_table_contains (sequence->drawn, frame->hash));
}

void
sequence_take_drawn (Sequence *sequence)
{
  for (guint i = 0; i < sequence->frames->len; i++)
    {
      Frame *frame = g_ptr_array_index (sequence->frames, i);
      Drawn *drawn = frame->hash && sequence->drawn ? g_hash_table_lookup (sequence->drawn, frame->hash)
                                                    : NULL;

      if (!drawn && frame->hash && get_folder (sequence))
        read_drawn (sequence, frame);
      if (!drawn)
        continue;
      frame->picture = g_steal_pointer (&drawn->picture);
      frame->json = g_steal_pointer (&drawn->json);
      g_hash_table_remove (sequence->drawn, frame->hash);
    }
}

void
sequence_keep_drawn (Sequence *sequence)
{
  if (!sequence->drawn)
    return;
  g_hash_table_remove_all (sequence->drawn); /* of other settings */
  for (guint i = 0; i < sequence->frames->len; i++)
    {
      Frame *frame = g_ptr_array_index (sequence->frames, i);
      Drawn *drawn;

      if (!frame->hash || !frame->picture)
        continue;
      drawn = g_new0 (Drawn, 1);
      drawn->picture = g_steal_pointer (&frame->picture);
      drawn->json = g_steal_pointer (&frame->json);
      g_hash_table_insert (sequence->drawn, g_strdup (frame->hash), drawn);
    }
}
