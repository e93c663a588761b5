/* Folders of pictures as training data: the list of names, a new order for
 * every turn through it, and a record of what could not be used. */
#include "train/data-private.h"

#include "base/error.h"
#include "base/rng.h"

#include <string.h>

enum { MOST_BROKEN_PERCENT = 1, MOST_TRIES = 1000, HELD_OUT_OF = 10 };

typedef struct {
  MoaDataSource base;
  char *folder;
  GPtrArray *names, *captions; /* captions: of the plain layout, else NULL */
  GMutex lock;
  GHashTable *broken;  /* index */
  GPtrArray *messages; /* of the broken ones */
} FolderSource;

/* ---- Order ----------------------------------------------------------- */

/* Number `position` of a random order of n: four rounds of a Feistel network
 * on the smallest even number of bits that hold n, walked until it falls
 * below n.  Nothing is kept, so any position of any turn is known at once. */
static guint64
shuffled (guint64 seed, guint64 turn, guint64 position, guint64 n)
{
  int half = 1;
  while ((n - 1) >> half >> half)
    half++;
  guint64 low = (G_GUINT64_CONSTANT (1) << half) - 1;
  do
    for (int round = 0; round < 4; round++)
      {
        guint32 words[4];
        moa_philox (seed ^ 0x6f72646572, turn << 2 | round, position & low, words);
        position = (position & low) << half | ((position >> half ^ words[0]) & low);
      }
  while (position >= n);
  return position;
}

/* ---- Items ----------------------------------------------------------- */

static gboolean
fill (FolderSource *s, const MoaRecord *record, guint index, MoaDataItem *item, GError **error)
{
  const MoaDataOptions *options = &s->base.options;
  gboolean flip
      = options->augment && moa_data_unit (&s->base, item->number, MOA_DATA_FLIP, 0) < .5;
  item->n_people = MIN (record->n_people, options->max_people);
  item->place = -1;
  item->index = 2 * (guint64) index + flip;
  if (!moa_data_set_text (&s->base, record->text, &item->n_people, &item->text, &item->prompt,
                          error)
      || !moa_data_cut_picture (record, options->size, flip, item, error))
    return FALSE;
  for (int k = 0; k < item->n_people; k++)
    for (int i = 0; i < options->n_photos; i++)
      {
        guint64 stream = (item->number * MOA_MAX_SUBJECTS + k) * 16 + i;
        if (!moa_data_cut_photo (record, k, options, stream, item->people[k].photos[i], error))
          return FALSE;
      }
  return TRUE;
}

static gboolean
load_one (FolderSource *s, guint index, MoaDataItem *item, GError **error)
{
  MoaRecord record = { 0 };
  const char *name = g_ptr_array_index (s->names, index);
  int most = MIN (s->base.options.max_people, MOA_MAX_SUBJECTS);
  gboolean good
      = s->captions
            ? moa_record_read_plain (s->folder, name, g_ptr_array_index (s->captions, index), most,
                                     s->base.options.hint, &record, error)
            : moa_record_read_fastcomposer (s->folder, name, most, &record, error);
  good = good && fill (s, &record, index, item, error);
  moa_record_clear (&record);
  return good;
}

static gboolean
is_broken (FolderSource *s, guint index)
{
  g_mutex_lock (&s->lock);
  gboolean found = g_hash_table_contains (s->broken, GUINT_TO_POINTER (index));
  g_mutex_unlock (&s->lock);
  return found;
}

/* FALSE when there are too many. */
static gboolean
add_broken (FolderSource *s, guint index, const GError *fault, GError **error)
{
  const char *name = g_ptr_array_index (s->names, index);
  g_mutex_lock (&s->lock);
  if (g_hash_table_add (s->broken, GUINT_TO_POINTER (index)))
    g_ptr_array_add (s->messages, g_strdup_printf ("%s: %s", name, fault->message));
  guint n = s->messages->len;
  g_mutex_unlock (&s->lock);
  if (n <= MAX (1, s->base.n * MOST_BROKEN_PERCENT / 100))
    return TRUE;
  return moa_fail (error, MOA_ERROR_FILE,
                   "%s: %u of %" G_GUINT64_FORMAT " pictures cannot be used, more than %d in 100; "
                   "the last is %s (%s). Mend or remove them.",
                   s->folder, n, s->base.n, MOST_BROKEN_PERCENT, name, fault->message);
}

static gboolean
load (MoaDataSource *source, guint64 number, MoaDataItem *item, GError **error)
{
  FolderSource *s = (FolderSource *) source;
  guint64 n = source->n;
  guint64 index = shuffled (source->options.seed, number / n, number % n, n);
  for (int try = 1; try <= MOST_TRIES; try++)
    {
      g_autoptr (GError) fault = NULL;
      if (!is_broken (s, index))
        {
          if (load_one (s, index, item, &fault))
            return TRUE;
          if (g_error_matches (fault, MOA_ERROR, MOA_ERROR_MEMORY))
            {
              g_propagate_error (error, g_steal_pointer (&fault));
              return FALSE;
            }
          if (!add_broken (s, index, fault, error))
            return FALSE;
        }
      index = (guint64) (moa_data_unit (source, number, MOA_DATA_RETRY, try) * n);
    }
  return moa_fail (error, MOA_ERROR_FILE, "%s: found no usable picture in %d tries", s->folder,
                   MOST_TRIES);
}

static char **
broken (MoaDataSource *source)
{
  FolderSource *s = (FolderSource *) source;
  g_autoptr (GPtrArray) list = g_ptr_array_new ();
  g_mutex_lock (&s->lock);
  for (guint i = 0; i < s->messages->len; i++)
    g_ptr_array_add (list, g_strdup (s->messages->pdata[i]));
  g_mutex_unlock (&s->lock);
  g_ptr_array_add (list, NULL);
  return (char **) g_ptr_array_free (g_steal_pointer (&list), FALSE);
}

/* ---- Lists of names -------------------------------------------------- */

static void
source_free (MoaDataSource *source)
{
  FolderSource *s = (FolderSource *) source;
  g_free (s->folder);
  g_ptr_array_unref (s->names);
  if (s->captions)
    g_ptr_array_unref (s->captions);
  g_hash_table_unref (s->broken);
  g_ptr_array_unref (s->messages);
  g_mutex_clear (&s->lock);
  g_free (s);
}

/* A name must not lead out of the folder. */
static gboolean
is_name (const char *name)
{
  return *name && *name != '.' && !strchr (name, '/') && g_utf8_validate (name, -1, NULL);
}

static void
count (FolderSource *s)
{
  s->base.n = s->names->len;
  s->base.pictures = 2 * s->base.n;
}

/* Leaves of a list of all pictures those that are held out, or the others.  A single one is both. */
static void
keep_split (FolderSource *s, gboolean held_out)
{
  guint n = s->names->len, last = MIN (n, HELD_OUT_OF) - 1;
  for (guint i = n; n > 1 && i > 0; i--)
    if (((i - 1) % HELD_OUT_OF == last) != held_out)
      {
        g_ptr_array_remove_index (s->names, i - 1);
        g_ptr_array_remove_index (s->captions, i - 1);
      }
  count (s);
}

/* Adds the lines of a list file: "NAME", or "NAME<tab>caption". */
static gboolean
read_list (FolderSource *s, const char *path, GError **error)
{
  g_autofree char *text = NULL;
  g_autoptr (GError) fault = NULL;
  if (!g_file_get_contents (path, &text, NULL, &fault))
    return moa_fail (error, MOA_ERROR_FILE, "%s: cannot be read: %s", path, fault->message);
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
  for (int i = 0; lines[i]; i++)
    {
      char *line = g_strchomp (lines[i]), *tab = s->captions ? strchr (line, '\t') : NULL;
      if (!*line)
        continue;
      if (tab)
        *tab = '\0';
      if ((s->captions && !tab) || !is_name (line))
        return moa_fail (error, MOA_ERROR_FILE, "%s: line %d should be %s", path, i + 1,
                         s->captions ? "a picture's name without ending, a tab, and a caption"
                                     : "a picture's name without ending");
      g_ptr_array_add (s->names, g_strdup (line));
      if (tab)
        g_ptr_array_add (s->captions, g_strdup (tab + 1));
    }
  count (s);
  return s->base.n > 0 || moa_fail (error, MOA_ERROR_FILE, "%s: names no picture", path);
}

static MoaDataSource *
folder_new (const char *folder, const char *list, gboolean captions, const MoaDataOptions *options,
            GError **error)
{
  g_autofree char *path = g_build_filename (folder, list, NULL);
  FolderSource *s = g_new0 (FolderSource, 1);
  s->base = (MoaDataSource) { .options = *options, .load = load, .broken = broken,
                              .free = source_free };
  s->base.options.truth = FALSE; /* photographs have none */
  s->folder = g_strdup (folder);
  s->names = g_ptr_array_new_with_free_func (g_free);
  s->captions = captions ? g_ptr_array_new_with_free_func (g_free) : NULL;
  s->broken = g_hash_table_new (NULL, NULL);
  s->messages = g_ptr_array_new_with_free_func (g_free);
  g_mutex_init (&s->lock);
  if (read_list (s, path, error))
    return &s->base;
  source_free (&s->base);
  return NULL;
}

MoaDataSource *
moa_data_fastcomposer (const char *folder, const MoaDataOptions *options, GError **error)
{
  if (options->hint)
    {
      moa_fail (error, MOA_ERROR_ARGUMENT,
                "%s: FastComposer's layout has no pictures for a ControlNet to follow; use the plain one, with "
                "a folder conditioning/", folder);
      return NULL;
    }
  return folder_new (folder, options->test_split ? "image_ids_test.txt" : "image_ids_train.txt",
                     FALSE, options, error);
}

MoaDataSource *
moa_data_plain (const char *folder, const MoaDataOptions *options, GError **error)
{
  g_autofree char *test = g_build_filename (folder, "captions_test.txt", NULL);
  gboolean apart = g_file_test (test, G_FILE_TEST_EXISTS);
  MoaDataSource *source
      = folder_new (folder, apart && options->test_split ? "captions_test.txt" : "captions.txt", TRUE,
                    options, error);
  if (source && !apart)
    keep_split ((FolderSource *) source, options->test_split);
  return source;
}
