/* Items and sources of training data, and the queue of worker threads that
 * makes items ahead of time. */
#include "train/data-private.h"

#include "base/rng.h"

#include <string.h>

void
moa_data_options_init (MoaDataOptions *options)
{
  *options = (MoaDataOptions) { .size = 128, .photo_size = 64, .n_photos = 2, .max_people = 2,
                                .augment = TRUE, .others = MOA_OTHERS_NOISE, .alone = 1 };
}

double
moa_data_unit (const MoaDataSource *source, guint64 number, guint use, guint index)
{
  float value;
  moa_rng_uniform (source->options.seed ^ 0x64617461, number << 8 | use, index, &value, 1);
  return value;
}

/* ---- Items ----------------------------------------------------------- */

static MoaDataPerson *
new_people (const MoaDataOptions *options)
{
  MoaDataPerson *people = g_new0 (MoaDataPerson, options->max_people);
  for (int k = 0; k < options->max_people; k++)
    {
      people[k].mask = g_new0 (float, (gsize) options->size * options->size);
      people[k].photos = g_new0 (float *, options->n_photos);
      for (int i = 0; i < options->n_photos; i++)
        people[k].photos[i] = g_new0 (float, (gsize) 3 * options->photo_size * options->photo_size);
      memset (people[k].classes, -1, sizeof people[k].classes);
    }
  return people;
}

static void
free_people (const MoaDataOptions *options, MoaDataPerson *people)
{
  for (int k = 0; people && k < options->max_people; k++)
    {
      for (int i = 0; i < options->n_photos; i++)
        g_free (people[k].photos[i]);
      g_free (people[k].photos);
      g_free (people[k].mask);
    }
  g_free (people);
}

gsize
moa_data_item_bytes (const MoaDataSource *source)
{
  const MoaDataOptions *options = &source->options;
  gsize pixels = (gsize) options->size * options->size;
  gsize photo = (gsize) 3 * options->photo_size * options->photo_size;
  gsize side = 3 * pixels + options->max_people * (pixels + options->n_photos * photo);
  return sizeof (float) * ((options->truth ? 2 * side + pixels : side) + (options->hint ? 3 * pixels : 0));
}

MoaDataItem *
moa_data_item_new (const MoaDataSource *source)
{
  const MoaDataOptions *options = &source->options;
  gsize n = (gsize) options->size * options->size;
  MoaDataItem *item = g_new0 (MoaDataItem, 1);
  item->picture = g_new0 (float, 3 * n);
  item->hint = options->hint ? g_new0 (float, 3 * n) : NULL;
  item->people = new_people (options);
  item->place = -1;
  if (options->truth)
    {
      item->truth = g_new0 (float, 3 * n);
      item->changed = g_new0 (float, n);
      item->truth_people = new_people (options);
    }
  return item;
}

void
moa_data_item_free (const MoaDataSource *source, MoaDataItem *item)
{
  if (!item)
    return;
  free_people (&source->options, item->people);
  free_people (&source->options, item->truth_people);
  g_free (item->picture);
  g_free (item->hint);
  g_free (item->truth);
  g_free (item->changed);
  g_free (item->text);
  g_free (item->truth_text);
  moa_prompt_free (item->prompt);
  moa_prompt_free (item->truth_prompt);
  g_free (item);
}

/* text without the marks above <n>. */
static char *
without_marks_above (const char *text, int n)
{
  GString *out = g_string_new (NULL);
  for (const char *p = text; *p; p++)
    {
      if (p[0] == '<' && p[1] > '0' + n && p[1] <= '0' + MOA_MAX_SUBJECTS && p[2] == '>')
        p += 2;
      else
        g_string_append_c (out, *p);
    }
  return g_string_free (out, FALSE);
}

gboolean
moa_data_set_text (const MoaDataSource *source, const char *text, int *n_people, char **text_out,
                   MoaPrompt **prompt_out, GError **error)
{
  g_clear_pointer (prompt_out, moa_prompt_free);
  for (;; --*n_people)
    {
      g_free (*text_out);
      *text_out = without_marks_above (text, *n_people);
      if (!source->options.tokenizer)
        return TRUE;
      g_autoptr (GError) fault = NULL;
      *prompt_out = moa_prompt_new (source->options.tokenizer, *text_out, *n_people, &fault);
      if (*prompt_out)
        return TRUE;
      if (*n_people == 0)
        {
          g_propagate_error (error, g_steal_pointer (&fault));
          return FALSE;
        }
    }
}

/* ---- Sources --------------------------------------------------------- */

void
moa_data_source_free (MoaDataSource *source)
{
  if (source)
    source->free (source);
}

const MoaDataOptions *
moa_data_source_options (const MoaDataSource *source)
{
  return &source->options;
}

guint64
moa_data_source_n (const MoaDataSource *source)
{
  return source->n;
}

guint64
moa_data_source_pictures (const MoaDataSource *source)
{
  return source->pictures;
}

gboolean
moa_data_source_load (MoaDataSource *source, guint64 number, MoaDataItem *item, GError **error)
{
  item->number = number;
  item->index = G_MAXUINT64;
  item->has_truth = FALSE;
  item->who = 0;
  return source->load (source, number, item, error);
}

char **
moa_data_source_broken (MoaDataSource *source)
{
  return source->broken ? source->broken (source) : g_new0 (char *, 1);
}

/* ---- Queue ----------------------------------------------------------- */

/* Item i of the queue (number first + i stride) uses slot i % ahead, which a
 * worker may fill once item i - ahead was taken out of it. */
typedef struct {
  MoaDataItem *item; /* ready, when not NULL */
  GError *error;     /* or this */
} Slot;

struct _MoaDataQueue {
  MoaDataSource *source;
  guint64 first, stride;
  int ahead, n_threads;
  GThread **threads;
  GMutex lock;
  GCond made, freed;
  guint64 next_make, next_take; /* i */
  Slot *slots;
  GPtrArray *spare;             /* items given back */
  gboolean stop;
  gint64 waited;                /* microseconds */
};

static gpointer
work (gpointer data)
{
  MoaDataQueue *q = data;
  g_mutex_lock (&q->lock);
  while (!q->stop)
    {
      if (q->next_make >= q->next_take + q->ahead)
        {
          g_cond_wait (&q->freed, &q->lock);
          continue;
        }
      guint64 i = q->next_make++;
      MoaDataItem *item
          = q->spare->len ? g_ptr_array_steal_index_fast (q->spare, q->spare->len - 1) : NULL;
      g_mutex_unlock (&q->lock);

      GError *error = NULL;
      item = item ? item : moa_data_item_new (q->source);
      gboolean good = moa_data_source_load (q->source, q->first + i * q->stride, item, &error);

      g_mutex_lock (&q->lock);
      if (!good)
        g_ptr_array_add (q->spare, item);
      q->slots[i % q->ahead] = (Slot) { good ? item : NULL, error };
      g_cond_broadcast (&q->made);
    }
  g_mutex_unlock (&q->lock);
  return NULL;
}

MoaDataQueue *
moa_data_queue_new (MoaDataSource *source, guint64 first, guint64 stride, int n_threads, int ahead)
{
  g_return_val_if_fail (n_threads > 0 && ahead > 0 && stride > 0, NULL);
  MoaDataQueue *q = g_new0 (MoaDataQueue, 1);
  *q = (MoaDataQueue) { .source = source, .first = first, .stride = stride, .ahead = ahead,
                        .n_threads = n_threads };
  g_mutex_init (&q->lock);
  g_cond_init (&q->made);
  g_cond_init (&q->freed);
  q->slots = g_new0 (Slot, ahead);
  q->spare = g_ptr_array_new ();
  q->threads = g_new (GThread *, n_threads);
  for (int i = 0; i < n_threads; i++)
    q->threads[i] = g_thread_new ("moa-data", work, q);
  return q;
}

MoaDataItem *
moa_data_queue_take (MoaDataQueue *q, GError **error)
{
  g_mutex_lock (&q->lock);
  Slot *slot = &q->slots[q->next_take % q->ahead];
  gint64 start = g_get_monotonic_time ();
  while (!slot->item && !slot->error)
    g_cond_wait (&q->made, &q->lock);
  q->waited += g_get_monotonic_time () - start;
  MoaDataItem *item = slot->item;
  if (item)
    {
      *slot = (Slot) { NULL, NULL };
      q->next_take++;
      g_cond_signal (&q->freed);
    }
  else if (error) /* it stays: whoever asks again hears the same */
    *error = g_error_copy (slot->error);
  g_mutex_unlock (&q->lock);
  return item;
}

void
moa_data_queue_give_back (MoaDataQueue *q, MoaDataItem *item)
{
  g_mutex_lock (&q->lock);
  g_ptr_array_add (q->spare, item);
  g_mutex_unlock (&q->lock);
}

guint64
moa_data_queue_next (MoaDataQueue *q)
{
  g_mutex_lock (&q->lock);
  guint64 next = q->first + q->next_take * q->stride;
  g_mutex_unlock (&q->lock);
  return next;
}

double
moa_data_queue_waited (MoaDataQueue *q)
{
  g_mutex_lock (&q->lock);
  double seconds = q->waited / 1e6;
  g_mutex_unlock (&q->lock);
  return seconds;
}

void
moa_data_queue_free (MoaDataQueue *q)
{
  if (!q)
    return;
  g_mutex_lock (&q->lock);
  q->stop = TRUE;
  g_cond_broadcast (&q->freed);
  g_mutex_unlock (&q->lock);
  for (int i = 0; i < q->n_threads; i++)
    g_thread_join (q->threads[i]);
  for (int i = 0; i < q->ahead; i++)
    {
      moa_data_item_free (q->source, q->slots[i].item);
      g_clear_error (&q->slots[i].error);
    }
  for (guint i = 0; i < q->spare->len; i++)
    moa_data_item_free (q->source, g_ptr_array_index (q->spare, i));
  g_ptr_array_free (q->spare, TRUE);
  g_free (q->threads);
  g_free (q->slots);
  g_mutex_clear (&q->lock);
  g_cond_clear (&q->made);
  g_cond_clear (&q->freed);
  g_free (q);
}
