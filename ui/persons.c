/* Where the persons of a mask stand, counted from the left.
 *
 * Connected parts by flood fill on a grid of at most 128 cells a side; crumbs under a tenth of the
 * largest part are left out. */
#include "persons.h"

#include <stdlib.h>

#define GRID 128
#define MAX_PARTS 64

enum { OUTSIDE, MASK, FIRST_PART };

typedef struct {
  int width, height;
  guint8 cells[GRID * GRID]; /* OUTSIDE, MASK, or of a part that was counted */
} Grid;

typedef struct {
  double x, y; /* sums over the cells */
  int area;
  guint8 cell; /* what its cells have */
} Part;

static void
fill_grid (Grid *grid, const MoaImage *mask)
{
  int side = mask ? MAX (mask->width, mask->height) : 1;

  grid->width = mask ? MAX ((gint64) mask->width * MIN (side, GRID) / side, 1) : GRID;
  grid->height = mask ? MAX ((gint64) mask->height * MIN (side, GRID) / side, 1) : GRID;
  for (int v = 0; v < grid->height; v++)
    for (int u = 0; u < grid->width; u++)
      {
        gsize x = mask ? (gsize) (u + 0.5) * mask->width / grid->width : 0;
        gsize y = mask ? (gsize) (v + 0.5) * mask->height / grid->height : 0;

        grid->cells[v * GRID + u] = !mask || mask->data[(y * mask->width + x) * mask->channels] >= 0.5 ? MASK
                                                                                                    : OUTSIDE;
      }
}

static Part
take_part (Grid *grid, int start, guint8 value)
{
  g_autoptr (GArray) stack = g_array_new (FALSE, FALSE, sizeof (int));
  Part part = { .cell = value };

  g_array_append_val (stack, start);
  grid->cells[start] = value;
  while (stack->len)
    {
      int cell = g_array_index (stack, int, stack->len - 1);
      int u = cell % GRID, v = cell / GRID;

      g_array_set_size (stack, stack->len - 1);
      part.x += u + 0.5;
      part.y += v + 0.5;
      part.area++;
      for (int k = 0; k < 4; k++)
        {
          int du = (k == 0) - (k == 1), dv = (k == 2) - (k == 3);
          int next = cell + dv * GRID + du;

          if (u + du < 0 || u + du >= grid->width || v + dv < 0 || v + dv >= grid->height
              || grid->cells[next] != MASK)
            continue;
          grid->cells[next] = value;
          g_array_append_val (stack, next);
        }
    }
  return part;
}

static int
compare_x (const void *a, const void *b)
{
  const Part *p = a, *q = b;
  double d = p->x / p->area - q->x / q->area;

  return (d > 0) - (d < 0);
}

/* The parts of the mask without crumbs, from the left. */
static int
find_parts (Grid *grid, Part *parts)
{
  int n = 0, kept = 0, largest = 0;

  for (int v = 0; v < grid->height; v++)
    for (int u = 0; u < grid->width && n < MAX_PARTS; u++)
      if (grid->cells[v * GRID + u] == MASK)
        {
          parts[n] = take_part (grid, v * GRID + u, FIRST_PART + n);
          largest = MAX (largest, parts[n].area);
          n++;
        }
  for (int i = 0; i < n; i++)
    if (parts[i].area * 10 >= largest)
      parts[kept++] = parts[i];
  qsort (parts, kept, sizeof *parts, compare_x);
  return kept;
}

/* n shares of the mask of equal area, by columns. */
static void
share_out (const Grid *grid, int n, Part *parts)
{
  int total = 0, seen = 0;

  for (int v = 0; v < grid->height; v++)
    for (int u = 0; u < grid->width; u++)
      total += grid->cells[v * GRID + u] != OUTSIDE;
  for (int i = 0; i < n; i++)
    parts[i] = (Part) { 0 };
  for (int u = 0; u < grid->width; u++)
    for (int v = 0; v < grid->height; v++)
      if (grid->cells[v * GRID + u])
        {
          Part *part = &parts[MIN ((gint64) seen * n / total, n - 1)];

          part->x += u + 0.5;
          part->y += v + 0.5;
          part->area++;
          seen++;
        }
}

void
persons_find (const MoaImage *mask, int n, PersonMark *marks)
{
  g_autofree Grid *grid = g_new (Grid, 1);
  Part parts[MAX_PARTS];

  if (n < 1)
    return;
  fill_grid (grid, mask);
  if (find_parts (grid, parts) != n)
    share_out (grid, n, parts);
  for (int i = 0; i < n; i++)
    {
      marks[i].x = parts[i].area ? parts[i].x / parts[i].area / grid->width : (i + 0.5) / n;
      marks[i].y = parts[i].area ? parts[i].y / parts[i].area / grid->height : 0.5;
    }
}

/* The mask's own values at the part's cells and those beside them, which have its soft edge. */
static MoaImage *
cut_out (const MoaImage *mask, const Grid *grid, guint8 cell)
{
  MoaImage *part = moa_image_new (mask->width, mask->height, 1);

  for (int y = 0; part && y < mask->height; y++)
    for (int x = 0; x < mask->width; x++)
      {
        int u = (gint64) x * grid->width / mask->width, v = (gint64) y * grid->height / mask->height;
        gsize i = (gsize) y * mask->width + x;

        for (int k = 0; k < 9; k++)
          {
            int beside = CLAMP (u + k % 3 - 1, 0, grid->width - 1);
            int below = CLAMP (v + k / 3 - 1, 0, grid->height - 1);

            if (grid->cells[below * GRID + beside] == cell)
              part->data[i] = mask->data[i * mask->channels];
          }
      }
  return part;
}

int
persons_split (const MoaImage *mask, MoaImage **parts)
{
  g_autofree Grid *grid = g_new (Grid, 1);
  Part found[MAX_PARTS];
  int n;

  if (!mask)
    return 0;
  fill_grid (grid, mask);
  n = find_parts (grid, found);
  n = MIN (n, MOA_MAX_SUBJECTS);
  for (int i = 0; parts && i < n; i++)
    parts[i] = cut_out (mask, grid, found[i].cell);
  return n;
}
