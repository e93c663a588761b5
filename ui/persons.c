/* Where the persons of a mask stand, counted from the left.
 *
 * Connected parts by flood fill on a grid of at most 128 cells a side; crumbs under a tenth of the
 * largest part are left out. */
#include "persons.h"

#include <stdlib.h>

#define GRID 128
#define MAX_PARTS 64

typedef struct {
  int width, height;
  guint8 cells[GRID * GRID]; /* 1: mask, 2: counted */
} Grid;

typedef struct {
  double x, y; /* sums over the cells */
  int area;
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

        grid->cells[v * GRID + u] = !mask || mask->data[(y * mask->width + x) * mask->channels] >= 0.5;
      }
}

static Part
take_part (Grid *grid, int start)
{
  g_autoptr (GArray) stack = g_array_new (FALSE, FALSE, sizeof (int));
  Part part = { 0 };

  g_array_append_val (stack, start);
  grid->cells[start] = 2;
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
              || grid->cells[next] != 1)
            continue;
          grid->cells[next] = 2;
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
      if (grid->cells[v * GRID + u] == 1)
        {
          parts[n] = take_part (grid, v * GRID + u);
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
      total += grid->cells[v * GRID + u] != 0;
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

  fill_grid (grid, mask);
  if (find_parts (grid, parts) != n)
    share_out (grid, n, parts);
  for (int i = 0; i < n; i++)
    {
      marks[i].x = parts[i].area ? parts[i].x / parts[i].area / grid->width : (i + 0.5) / n;
      marks[i].y = parts[i].area ? parts[i].y / parts[i].area / grid->height : 0.5;
    }
}
