/* Small heads once more.  Scaled to the model's size a person in a wide picture has a head of a few latent
 * pixels, too few for a face.  So each new person's head is replaced again, as any person in any picture is:
 * the picture is the first result's part around the head, which is scaled up to the model's size; the
 * selection is the head; the subject is the same.  Only the last part of the steps is inverted and gone back:
 * the noise of early steps is where shape and place are decided, and those are the first result's.
 *
 *   mask of the first result -> persons -> heads -> for each: part, moa_replacement_run(), back in */
#include "jobs/faces.h"

#include "base/image.h"
#include "base/mask.h"
#include "jobs/compose.h"
#include "jobs/persons.h"

#include <string.h>

/* A head is so much higher than wide, with its hair and the beginning of the neck. */
#define HEAD_HEIGHT 1.3
/* A head that would not become so many times larger is large enough. */
#define WORTH 1.5
/* Nor is a part scaled up from fewer pixels than this share of the model's side: there is nothing to see. */
enum { MOST = 8 };

typedef struct {
  int variation;
  const MoaSubject *subject;
  MoaRect head, part; /* in the source's pixels; part: head and its surroundings */
  MoaImage *region;   /* of the part's size: where the head may change */
} Head;

static void
clear_head (gpointer data)
{
  moa_image_free (((Head *) data)->region);
}

/* ---- Where heads are ---- */

/* The columns of a row that belong to the person and hang together with column x; *from = *to: none. */
static void
find_run (const MoaPerson *person, int y, int x, int *from, int *to)
{
  const MoaRect *b = &person->bounds;
  const float *row = person->mask->data + (gsize) y * person->mask->width;
  *from = *to = x;
  while (*from > b->x && row[*from - 1] > 0 && row[x] > 0)
    --*from;
  while (*to < b->x + b->width && row[*to] > 0)
    ++*to;
}

/* The upper end of a person: rows through the middle, where raised arms are apart, until they are as high as
 * a head of their width. */
static MoaRect
find_head (const MoaPerson *person)
{
  const MoaRect *b = &person->bounds;
  int left = b->x + b->width, right = b->x, top = b->y, rows = 0;
  double covered = 0;
  for (int y = b->y; y < b->y + b->height && (rows == 0 || rows < HEAD_HEIGHT * covered / rows); y++)
    {
      int from, to;
      find_run (person, y, CLAMP ((int) person->x, b->x, b->x + b->width - 1), &from, &to);
      if (from == to && rows == 0)
        top = y + 1;
      else
        rows++;
      covered += to - from;
      left = MIN (left, from);
      right = MAX (right, to);
    }
  return rows > 0 && right > left ? (MoaRect){ left, top, right - left, rows } : *b;
}

/* The part around the head, as around a selection; FALSE: the head is large already. */
static gboolean
find_part (const MoaImage *source, int side, const MoaRect *head, MoaRect *part)
{
  moa_work_area (source->width, source->height, head, side / MOST, part);
  return MAX (part->width, part->height) * WORTH <= MIN (source->width, source->height);
}

/* What may change of the part: the mask in the head's box, without other persons.  own: the person's own
 * mask, or NULL: whoever is in the box. */
static MoaImage *
cut_region (const MoaImage *mask, const MoaImage *own, const MoaRect *head, const MoaRect *part,
            gboolean *any, GError **error)
{
  MoaImage *region = moa_image_try (part->width, part->height, 1, error);
  *any = FALSE;
  for (int y = head->y; region && y < head->y + head->height; y++)
    for (int x = head->x; x < head->x + head->width; x++)
      {
        gsize i = (gsize) y * mask->width + x;
        if (own && mask->data[i] > 0.5 && own->data[i] <= 0)
          continue;
        region->data[(gsize) (y - part->y) * part->width + x - part->x] = mask->data[i];
        *any |= mask->data[i] > 0.5;
      }
  return region;
}

typedef struct {
  const MoaReplaceParams *params;
  const MoaModel *model;
  const MoaReplaceResult *result;
  GArray *heads;             /* of Head */
  int missing, empty, large; /* heads that are not worked on: nobody found, nobody in the box, large */
} Search;

static gboolean
add_head (Search *s, int k, const MoaSubject *subject, const MoaPerson *person, GError **error)
{
  gboolean given = subject->head.width > 0, any;
  Head head = { k, subject, subject->head };
  if (!given && !person)
    {
      s->missing++;
      return TRUE;
    }
  if (!given)
    head.head = find_head (person);
  if (!find_part (s->params->source, s->model->info.side, &head.head, &head.part))
    {
      s->large++;
      return TRUE;
    }
  head.region = cut_region (s->result->variations[k].mask, given ? NULL : person->mask, &head.head, &head.part,
                            &any, error);
  if (head.region && any)
    g_array_append_val (s->heads, head);
  else
    moa_image_free (head.region);
  s->empty += head.region && !any;
  return head.region != NULL;
}

/* The new persons, those at the left first. */
static int
sort_subjects (const MoaReplaceParams *params, const MoaSubject *sorted[MOA_MAX_SUBJECTS])
{
  int n = 0;
  for (int place = 0; place < params->n_subjects; place++)
    for (int k = 0; k < params->n_subjects; k++)
      if ((params->order ? params->order[k] : k) == place && !params->subjects[k].keep)
        sorted[n++] = &params->subjects[k];
  return n;
}

/* 0 and 1: who is seen in the mask; own (or NULL): where the subject was put. */
static MoaImage *
who_is_seen (const MoaImage *mask, const MoaImage *own, GError **error)
{
  MoaImage *seen = moa_image_try (mask->width, mask->height, 1, error);
  for (gsize i = 0; seen && i < (gsize) mask->width * mask->height; i++)
    seen->data[i] = mask->data[i] > 0.5 && (!own || own->data[i] > 0.5);
  return seen;
}

/* Heads of n subjects, who are seen together in the mask, from left to right. */
static gboolean
add_heads (Search *s, int k, const MoaSubject *const *subjects, int n, const MoaImage *own, GError **error)
{
  MoaImage *seen = who_is_seen (s->result->variations[k].mask, own, error);
  int n_found = 0;
  MoaPerson *persons = seen ? moa_persons_in_mask (seen, n, &n_found, error) : NULL;
  gboolean ok = persons != NULL;
  for (int i = 0; ok && i < n; i++)
    ok = add_head (s, k, subjects[i], n_found == n ? &persons[i] : NULL, error);
  moa_persons_free (persons, n_found);
  moa_image_free (seen);
  return ok;
}

static gboolean
find_heads (Search *s, GError **error)
{
  const MoaSubject *subjects[MOA_MAX_SUBJECTS];
  int n = sort_subjects (s->params, subjects);
  gboolean ok = TRUE;
  for (int k = 0; ok && k < s->result->n_variations; k++)
    {
      if (!s->model->moa.masks)
        ok = add_heads (s, k, subjects, n, NULL, error);
      for (int i = 0; ok && s->model->moa.masks && i < n; i++)
        ok = add_heads (s, k, subjects + i, 1, subjects[i]->mask, error);
    }
  return ok;
}

/* ---- One head ---- */

typedef struct {
  MoaMeter *meter;
  double start, cost; /* of the meter: where this head began, and what it takes */
} Share;

static void
report (const MoaProgress *progress, gpointer data)
{
  const Share *share = data;
  moa_meter_set (share->meter, share->start + progress->fraction * share->cost);
}

/* (transfer full); NULL where image is NULL, or with error set. */
static MoaImage *
crop (const MoaImage *image, const MoaRect *part, GError **error)
{
  MoaImage *out = image ? moa_image_crop (image, part->x, part->y, part->width, part->height) : NULL;
  if (image && !out)
    moa_fail (error, MOA_ERROR_MEMORY, "No memory for the part around a head; close other programs");
  return out;
}

/* What is drawn goes into the picture where its mask says, and from there into the composite. */
static void
put_back (const MoaReplaceParams *params, MoaVariation *variation, const MoaRect *part,
          const MoaVariation *drawn)
{
  const MoaImage *source = params->source, *mask = variation->mask;
  for (int y = 0; y < part->height; y++)
    for (int x = 0; x < part->width; x++)
      {
        gsize i = (gsize) y * part->width + x;
        gsize o = (gsize) (part->y + y) * source->width + part->x + x;
        float share = drawn->mask->data[i], m = mask->data[o];
        for (int c = 0; c < 3 && share > 0; c++)
          {
            float *image = &variation->image->data[3 * o + c], old = source->data[source->channels * o + c];
            *image += (drawn->image->data[3 * i + c] - *image) * share;
            variation->composite->data[3 * o + c] = m <= 0 ? old : m >= 1 ? *image : old + (*image - old) * m;
          }
      }
}

/* What the prompt says of one of several subjects; NULL: all that it says.  An IP-Adapter's have no words. */
static char *
own_words (const MoaModel *model, const MoaReplaceParams *params, const MoaReplaceResult *result,
           const MoaSubject *subject)
{
  int n = params->n_subjects, k = subject - params->subjects;
  return n == 1 || moa_model_adapter (model)
             ? NULL
             : moa_prompt_part (result->prompt, n, params->order ? params->order[k] : k);
}

static gboolean
draw_head (MoaModel *model, const MoaReplaceParams *params, MoaReplaceResult *result, const Head *head,
           const MoaRun *run, GError **error)
{
  MoaVariation *variation = &result->variations[head->variation];
  MoaSubject subject = *head->subject;
  MoaReplaceParams own = *params;
  subject.mask = NULL;
  subject.head = (MoaRect){ 0 };
  MoaImage *source = crop (variation->composite, &head->part, error);
  MoaImage *paint = source ? crop (params->paint, &head->part, error) : NULL;
  MoaReplaceResult *drawn = NULL;
  own.source = source;
  own.paint = paint;
  own.selection = head->region;
  own.subjects = &subject;
  own.n_subjects = 1;
  own.order = NULL;
  g_autofree char *words = own_words (model, params, result, head->subject);
  if (words)
    own.prompt = words;
  own.freedom = own.faces = 0;
  own.variations = 1;
  own.limit = own.blend = own.color_match = TRUE;
  own.want_reconstruction = own.keep_trajectory = FALSE;
  own.n_map_steps = 0;
  own.control.image = NULL;
  if (source && !params->paint == !paint)
    drawn = moa_replacement_run (model, &own, params->faces, NULL, run, error);
  if (drawn)
    {
      put_back (params, variation, &head->part, drawn->variations);
      variation->heads[variation->n_heads++] = head->head;
    }
  moa_image_free (source);
  moa_image_free (paint);
  moa_replace_result_free (drawn);
  return drawn != NULL;
}

/* ---- All of them ---- */

static void
add_warning (MoaReplaceResult *result, const char *text)
{
  guint n = g_strv_length (result->warnings);
  result->warnings = g_renew (char *, result->warnings, n + 2);
  result->warnings[n] = g_strdup (g_dgettext (GETTEXT_PACKAGE, text));
  result->warnings[n + 1] = NULL;
}

static void
say_what_was_left (const Search *s, MoaReplaceResult *result)
{
  if (s->missing)
    add_warning (result, N_ ("The model cannot tell the persons apart, so their faces were not worked on again"));
  if (s->empty)
    add_warning (result, N_ ("There is nobody in the box that was given for a head"));
  if (s->large)
    add_warning (result,
                 N_ ("A head was not worked on again: it is large already, or cannot be told from arms and "
                     "shoulders"));
}

gboolean
moa_faces_run (MoaModel *model, const MoaReplaceParams *params, MoaReplaceResult *result, MoaMeter *meter,
               const MoaRun *run, GError **error)
{
  Search s = { params, model, result, g_array_new (FALSE, FALSE, sizeof (Head)) };
  MoaRun own = run ? *run : (MoaRun){ 0 };
  g_array_set_clear_func (s.heads, clear_head);
  gboolean ok = find_heads (&s, error);
  int n = s.heads->len;
  Share share = { meter, meter->done, (meter->total - meter->done) / MAX (n, 1) };
  own.progress = report;
  own.progress_data = &share;
  own.live = FALSE;
  own.cache = NULL; /* nobody comes back to this inversion */
  meter->picture = 0;
  moa_meter_begin (meter, MOA_PHASE_FACES, n);
  for (int i = 0; ok && i < n; i++)
    {
      const Head *head = &g_array_index (s.heads, Head, i);
      meter->picture = head->variation;
      ok = draw_head (model, params, result, head, &own, error);
      moa_meter_set (meter, share.start += share.cost);
      moa_meter_step (meter, 0);
    }
  moa_meter_end (meter, 0);
  memcpy (result->seconds, meter->seconds, sizeof (result->seconds));
  if (ok)
    say_what_was_left (&s, result);
  g_array_unref (s.heads);
  return ok;
}
