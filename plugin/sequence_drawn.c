/* Frames that were drawn before a run ended early, so that the next one goes on: see sequence.h.
 *
 * A frame is known by a hash of all that its picture is made of: settings, model, the pixels of photos and
 * masks.  So whatever is changed before the next run, only what is the same is taken. */
#include "sequence_private.h"

#include <string.h>

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
  GHashTable *images; /* of what is in several frames, the hash of its pixels */
} Hash;

static void
add_text (Hash *hash, const char *text)
{
  g_checksum_update (hash->sum, (const guchar *) (text ? text : ""), text ? strlen (text) + 1 : 1);
}

static void
add_image (Hash *hash, const MoaImage *image)
{
  char *known = image ? g_hash_table_lookup (hash->images, image) : NULL;

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
      g_hash_table_insert (hash->images, (gpointer) image, known);
    }
  add_text (hash, known);
}

static void
add_subject (Hash *hash, const MoaSubject *subject)
{
  const MoaSavedSubject *saved = subject->saved;

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
add_control (Hash *hash, const MoaControl *control)
{
  g_autofree char *how = g_strdup_printf ("%.9g %.9g %.9g", control->scale, control->start, control->end);

  add_image (hash, control->image);
  add_text (hash, how);
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
  add_control (hash, &settings->params.control);
}

static void
add_task (Hash *hash, const ReplaceTask *task)
{
  g_autofree char *json = replace_settings_to_json (task->settings);

  add_text (hash, json);
  add_image (hash, task->source);
  add_image (hash, task->selection);
  add_control (hash, &task->settings->params.control);
  g_checksum_update (hash->sum, (const guchar *) &task->area, sizeof task->area);
}

/* (transfer full) */
static char *
name_frame (Hash *hash, const Sequence *sequence, const Frame *frame)
{
  const MoaSubject *subjects = frame->share >= 0 ? sequence->subjects : frame->subjects;
  int n = frame->share >= 0 ? frame->n_subjects + 1 : frame->n_subjects;

  g_checksum_reset (hash->sum);
  add_text (hash, moa_model_get_info (sequence->model)->path);
  add_settings (hash, frame->settings);
  g_checksum_update (hash->sum, (const guchar *) &frame->share, sizeof frame->share);
  for (int k = 0; k < n; k++)
    add_subject (hash, &subjects[k]);
  if (frame->task)
    add_task (hash, frame->task);
  add_image (hash, frame->around);
  return g_strdup (g_checksum_get_string (hash->sum));
}

/* ---- Taking and keeping -------------------------------------------------- */

void
sequence_name_frames (Sequence *sequence)
{
  Hash hash = { g_checksum_new (G_CHECKSUM_SHA256), g_hash_table_new_full (NULL, NULL, NULL, g_free) };

  for (guint i = 0; sequence->drawn && i < sequence->frames->len; i++)
    {
      Frame *frame = g_ptr_array_index (sequence->frames, i);

      if (!frame->hash)
        frame->hash = name_frame (&hash, sequence, frame);
    }
  g_hash_table_unref (hash.images);
  g_checksum_free (hash.sum);
}

gboolean
sequence_has_drawn (const Sequence *sequence, const Frame *frame)
{
  return frame->picture || (frame->hash && g_hash_table_contains (sequence->drawn, frame->hash));
}

void
sequence_take_drawn (Sequence *sequence)
{
  for (guint i = 0; i < sequence->frames->len; i++)
    {
      Frame *frame = g_ptr_array_index (sequence->frames, i);
      Drawn *drawn = frame->hash ? g_hash_table_lookup (sequence->drawn, frame->hash) : NULL;

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
  if (sequence->drawn)
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
