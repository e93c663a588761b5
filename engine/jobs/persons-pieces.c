/* Persons as the pieces of a mask: what hangs together is a person; a piece with a waist is two when more
 * persons are expected than there are pieces. */
#include "jobs/persons.h"

#include "jobs/frame.h"

/* Smaller pieces, as shares of the picture, are noise. */
#define SMALLEST_SHARE 0.004
/* A waist is a column with less than so much of what is on both its sides. */
#define WAIST 0.6

/* Gives every pixel of the piece around `start` the label; its pixels.  stack has room for all. */
static gsize
flood (const MoaImage *mask, int *label, int value, gsize start, gsize *stack)
{
  int w = mask->width, h = mask->height;
  gsize n = 0, top = 0;
  stack[top++] = start;
  label[start] = value;
  while (top > 0)
    {
      gsize p = stack[--top];
      int x = p % w, y = p / w;
      const gssize next[] = { x > 0 ? (gssize) p - 1 : -1, x < w - 1 ? (gssize) p + 1 : -1,
                              y > 0 ? (gssize) p - w : -1, y < h - 1 ? (gssize) p + w : -1 };
      n++;
      for (int i = 0; i < 4; i++)
        if (next[i] >= 0 && mask->data[next[i]] > 0 && !label[next[i]])
          {
            label[next[i]] = value;
            stack[top++] = next[i];
          }
    }
  return n;
}

/* The person of the pixels that have the label; mask is 1 on them. */
static gboolean
describe (MoaPerson *person, const int *label, int value, int width, int height, GError **error)
{
  int left = width, top = height, right = -1, bottom = -1;
  gsize n = 0;
  double x_sum = 0, y_sum = 0;
  *person = (MoaPerson){ .mask = moa_image_try (width, height, 1, error) };
  if (!person->mask)
    return FALSE;
  for (int y = 0; y < height; y++)
    for (int x = 0; x < width; x++)
      if (label[(gsize) y * width + x] == value)
        {
          person->mask->data[(gsize) y * width + x] = 1;
          left = MIN (left, x);
          right = MAX (right, x);
          top = MIN (top, y);
          bottom = MAX (bottom, y);
          x_sum += x + 0.5;
          y_sum += y + 0.5;
          n++;
        }
  person->bounds = (MoaRect){ left, top, right - left + 1, bottom - top + 1 };
  person->x = x_sum / n;
  person->y = y_sum / n;
  person->share = n / ((double) width * height);
  return TRUE;
}

/* Every piece that is large enough as a person; array elements are freed with it. */
static gboolean
find_pieces (const MoaImage *mask, GArray *persons, GError **error)
{
  gsize n = (gsize) mask->width * mask->height;
  g_autofree int *label = g_try_new0 (int, n);
  g_autofree gsize *stack = g_try_new (gsize, n);
  int value = 0;
  if (!label || !stack)
    return moa_fail (error, MOA_ERROR_MEMORY, "No memory to look for persons; use a smaller area");
  for (gsize i = 0; i < n; i++)
    if (mask->data[i] > 0 && !label[i] &&
        flood (mask, label, ++value, i, stack) >= SMALLEST_SHARE * n)
      {
        MoaPerson person;
        if (!describe (&person, label, value, mask->width, mask->height, error))
          return FALSE;
        g_array_append_val (persons, person);
      }
  return TRUE;
}

/* The column, in its middle half, where a piece is lowest; -1 if that is no waist. */
static int
find_waist (const MoaPerson *person)
{
  const MoaRect *b = &person->bounds;
  const MoaImage *mask = person->mask;
  g_autofree int *height = g_new0 (int, b->width);
  for (int y = b->y; y < b->y + b->height; y++)
    for (int x = 0; x < b->width; x++)
      height[x] += mask->data[(gsize) y * mask->width + b->x + x] > 0;
  int best = -1;
  for (int x = b->width / 4; x < b->width * 3 / 4; x++)
    if (best < 0 || height[x] < height[best])
      best = x;
  if (best < 1)
    return -1;
  int left = 0, right = 0;
  for (int x = 0; x < b->width; x++)
    {
      int *side = x < best ? &left : &right;
      *side = MAX (*side, height[x]);
    }
  return height[best] <= WAIST * MIN (left, right) ? b->x + best : -1;
}

/* Replaces the person by its two halves; FALSE without an error if it has no waist. */
static gboolean
split (GArray *persons, guint i, GError **error)
{
  MoaPerson whole = g_array_index (persons, MoaPerson, i), half[2];
  int waist = find_waist (&whole), w = whole.mask->width, h = whole.mask->height;
  if (waist < 0)
    return FALSE;
  g_autofree int *label = g_new0 (int, (gsize) w *h);
  for (gsize p = 0; p < (gsize) w * h; p++)
    label[p] = whole.mask->data[p] > 0 ? 1 + ((int) (p % w) >= waist) : 0;
  if (!describe (&half[0], label, 1, w, h, error))
    return FALSE;
  if (!describe (&half[1], label, 2, w, h, error))
    {
      moa_image_free (half[0].mask);
      return FALSE;
    }
  moa_image_free (whole.mask);
  g_array_index (persons, MoaPerson, i) = half[0];
  g_array_append_val (persons, half[1]);
  return TRUE;
}

static int
compare_share (gconstpointer a, gconstpointer b)
{
  const MoaPerson *p = a, *q = b;
  return p->share < q->share ? 1 : p->share > q->share ? -1 : 0;
}

static int
compare_x (gconstpointer a, gconstpointer b)
{
  const MoaPerson *p = a, *q = b;
  return p->x > q->x ? 1 : p->x < q->x ? -1 : 0;
}

/* The largest pieces, as many as expected: too many are left out, too few split. */
static void
fit_count (GArray *persons, guint count, GError **error)
{
  g_array_sort (persons, compare_share);
  for (guint i = 0; i < persons->len && persons->len < count && !(error && *error);)
    if (split (persons, i, error))
      {
        g_array_sort (persons, compare_share);
        i = 0;
      }
    else
      i++;
  while (count > 0 && persons->len > count)
    {
      moa_image_free (g_array_index (persons, MoaPerson, persons->len - 1).mask);
      g_array_set_size (persons, persons->len - 1);
    }
}

MoaPerson *
moa_persons_in_mask (const MoaImage *mask, int count, int *n_persons, GError **error)
{
  GArray *persons = g_array_new (FALSE, FALSE, sizeof (MoaPerson));
  GError *own = NULL;
  if (find_pieces (mask, persons, &own))
    fit_count (persons, count, &own);
  g_array_sort (persons, compare_x);
  *n_persons = persons->len;
  MoaPerson *list = (MoaPerson *) g_array_free (persons, FALSE);
  if (!own)
    return list ? list : g_new0 (MoaPerson, 1);
  g_propagate_error (error, own);
  moa_persons_free (list, *n_persons);
  *n_persons = 0;
  return NULL;
}
