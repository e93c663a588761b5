/* Random numbers in order, colours, and shapes as filled Bezier outlines. */
#include "train/world/draw.h"

#include "base/rng.h"

#include <math.h>

/* ---- Numbers --------------------------------------------------------- */

MoaDice
moa_dice (guint64 seed, guint64 index, MoaDiceUse use, guint variant)
{
  /* The seed of the scene is a Philox block of the world's, so that streams of
   * one scene are numbered by use and variant alone. */
  guint32 words[4];
  moa_philox (seed, 0x776f726c64, index, words);
  return (MoaDice) { .seed = (guint64) words[1] << 32 | words[0],
                     .stream = (guint64) use << 32 | variant };
}

double
moa_dice_unit (MoaDice *dice)
{
  float value;
  moa_rng_uniform (dice->seed, dice->stream, dice->next++, &value, 1);
  return value;
}

double
moa_dice_between (MoaDice *dice, double a, double b)
{
  return a + (b - a) * moa_dice_unit (dice);
}

int
moa_dice_below (MoaDice *dice, int n)
{
  return (int) (moa_dice_unit (dice) * n);
}

gboolean
moa_dice_chance (MoaDice *dice, double p)
{
  return moa_dice_unit (dice) < p;
}

int
moa_dice_choose (MoaDice *dice, const double *weights, int n)
{
  double sum = 0;
  for (int i = 0; i < n; i++)
    sum += weights[i];
  double left = moa_dice_unit (dice) * sum;
  for (int i = 0; i < n - 1; i++)
    {
      if (left < weights[i])
        return i;
      left -= weights[i];
    }
  return n - 1;
}

MoaColour
moa_dice_colour (MoaDice *dice, MoaColour colour, double spread)
{
  double r = moa_dice_between (dice, -spread, spread);
  double g = moa_dice_between (dice, -spread, spread);
  double b = moa_dice_between (dice, -spread, spread);
  return (MoaColour) { CLAMP (colour.r + r, 0, 1), CLAMP (colour.g + g, 0, 1),
                       CLAMP (colour.b + b, 0, 1) };
}

/* ---- Colours --------------------------------------------------------- */

MoaColour
moa_colour_mix (MoaColour a, MoaColour b, double t)
{
  return (MoaColour) { a.r + (b.r - a.r) * t, a.g + (b.g - a.g) * t, a.b + (b.b - a.b) * t };
}

MoaColour
moa_colour_scale (MoaColour a, double k)
{
  return (MoaColour) { CLAMP (a.r * k, 0, 1), CLAMP (a.g * k, 0, 1), CLAMP (a.b * k, 0, 1) };
}

/* ---- Shapes ---------------------------------------------------------- */

void
moa_draw_rotate (cairo_t *cr, double angle)
{
  double cosine = 1, sine = 1, square = angle * angle;
  for (int k = 14; k >= 2; k -= 2)
    {
      cosine = 1 - cosine * square / (k * (k - 1));
      sine = 1 - sine * square / (k * (k + 1));
    }
  sine *= angle;
  cairo_matrix_t turn = { .xx = cosine, .yx = sine, .xy = -sine, .yy = cosine };
  cairo_transform (cr, &turn);
}

void
moa_draw_colour (cairo_t *cr, MoaColour colour)
{
  cairo_set_source_rgb (cr, colour.r, colour.g, colour.b);
}

void
moa_draw_fill (cairo_t *cr, MoaColour colour)
{
  moa_draw_colour (cr, colour);
  cairo_fill (cr);
}

void
moa_draw_fill_down (cairo_t *cr, double y0, MoaColour a, double y1, MoaColour b)
{
  cairo_pattern_t *gradient = cairo_pattern_create_linear (0, y0, 0, y1);
  cairo_pattern_add_color_stop_rgb (gradient, 0, a.r, a.g, a.b);
  cairo_pattern_add_color_stop_rgb (gradient, 1, b.r, b.g, b.b);
  cairo_set_source (cr, gradient);
  cairo_fill (cr);
  cairo_pattern_destroy (gradient);
}

/* Four Bezier curves; k is 4/3 (sqrt 2 - 1), within 3e-4 of the circle.
 * turn -1 runs the other way round. */
static void
ellipse (cairo_t *cr, double x, double y, double rx, double ry, int turn)
{
  double kx = 0.5522847498307936 * rx, ky = 0.5522847498307936 * ry * turn;
  ry *= turn;
  cairo_new_sub_path (cr);
  cairo_move_to (cr, x + rx, y);
  cairo_curve_to (cr, x + rx, y + ky, x + kx, y + ry, x, y + ry);
  cairo_curve_to (cr, x - kx, y + ry, x - rx, y + ky, x - rx, y);
  cairo_curve_to (cr, x - rx, y - ky, x - kx, y - ry, x, y - ry);
  cairo_curve_to (cr, x + kx, y - ry, x + rx, y - ky, x + rx, y);
  cairo_close_path (cr);
}

void
moa_draw_ellipse (cairo_t *cr, double x, double y, double rx, double ry)
{
  ellipse (cr, x, y, rx, ry, 1);
}

void
moa_draw_ring (cairo_t *cr, double x, double y, double rx, double ry, double width)
{
  ellipse (cr, x, y, rx + width / 2, ry + width / 2, 1);
  ellipse (cr, x, y, rx - width / 2, ry - width / 2, -1);
}

void
moa_draw_box (cairo_t *cr, double x, double y, double w, double h, double radius)
{
  double r = radius, k = 0.4477152501692064 * r; /* 1 - 4/3 (sqrt 2 - 1) */
  cairo_new_sub_path (cr);
  cairo_move_to (cr, x + r, y);
  cairo_line_to (cr, x + w - r, y);
  cairo_curve_to (cr, x + w - k, y, x + w, y + k, x + w, y + r);
  cairo_line_to (cr, x + w, y + h - r);
  cairo_curve_to (cr, x + w, y + h - k, x + w - k, y + h, x + w - r, y + h);
  cairo_line_to (cr, x + r, y + h);
  cairo_curve_to (cr, x + k, y + h, x, y + h - k, x, y + h - r);
  cairo_line_to (cr, x, y + r);
  cairo_curve_to (cr, x, y + k, x + k, y, x + r, y);
  cairo_close_path (cr);
}

void
moa_draw_polygon (cairo_t *cr, const double (*points)[2], int n)
{
  cairo_new_sub_path (cr);
  for (int i = 0; i < n; i++)
    cairo_line_to (cr, points[i][0], points[i][1]);
  cairo_close_path (cr);
}

/* Every piece turns the same way, so that they join under the winding rule. */
void
moa_draw_line (cairo_t *cr, const double (*points)[2], int n, double width)
{
  double r = width / 2;
  for (int i = 0; i < n; i++)
    {
      double x = points[i][0], y = points[i][1];
      moa_draw_ellipse (cr, x, y, r, r);
      if (i + 1 == n)
        break;
      double dx = points[i + 1][0] - x, dy = points[i + 1][1] - y;
      double length = sqrt (dx * dx + dy * dy);
      if (length < 1e-6)
        continue;
      double nx = -dy / length * r, ny = dx / length * r;
      const double piece[4][2] = { { x + dx - nx, y + dy - ny }, { x + dx + nx, y + dy + ny },
                                   { x + nx, y + ny }, { x - nx, y - ny } };
      moa_draw_polygon (cr, piece, 4);
    }
}
