/* A person to below the hips, and what the hands hold.  Origin at the head's
 * centre, unit the head's radius; y runs down. */
#include "train/world/draw.h"

#include <string.h>

/* Kids are smaller below the chin. */
enum { ADULT, KID };
static const struct {
  double drop, wide, high;
} bodies[] = { [ADULT] = { 0, 1, 1 }, [KID] = { .27, .76, .74 } };

void
moa_draw_to_body (cairo_t *cr, const MoaIdentity *who)
{
  int kid = who->is[MOA_ATTRIBUTE_KID];
  cairo_translate (cr, 0, bodies[kid].drop);
  cairo_scale (cr, bodies[kid].wide, bodies[kid].high);
}

static double
shoulder (const MoaIdentity *who)
{
  return (1.42 + .75 * who->width) * (who->is[MOA_ATTRIBUTE_WOMAN] ? .92 : 1.05);
}

/* ---- Top ------------------------------------------------------------- */

static void
heart (cairo_t *cr, double x, double y, double s)
{
  cairo_move_to (cr, x, y + s);
  cairo_curve_to (cr, x - 1.6 * s, y - .1 * s, x - .8 * s, y - 1.3 * s, x, y - .5 * s);
  cairo_curve_to (cr, x + .8 * s, y - 1.3 * s, x + 1.6 * s, y - .1 * s, x, y + s);
  cairo_close_path (cr);
}

static void
pattern_path (cairo_t *cr, int pattern)
{
  switch (pattern)
    {
    case PATTERN_ACROSS:
      for (int i = 0; i < 5; i++)
        cairo_rectangle (cr, -4, 2.05 + i * 1.12, 8, .56);
      break;
    case PATTERN_UPRIGHT:
      for (int i = -3; i <= 3; i++)
        cairo_rectangle (cr, i * 1.12 - .28, 1, .56, 6);
      break;
    case PATTERN_DOTS:
      for (int row = 0; row < 5; row++)
        for (int i = -3; i <= 3; i++)
          moa_draw_ellipse (cr, (i + row % 2 * .5) * 1.2, 2.1 + row * .85, .34, .34);
      break;
    case PATTERN_HALVES:
      cairo_rectangle (cr, 0, 0, 5, 8);
      break;
    case PATTERN_HEART:
      heart (cr, 0, 2.8, .82);
      break;
    default:
      break;
    }
}

static void
draw_torso (cairo_t *cr, const MoaIdentity *who)
{
  double s = shoulder (who), hips = .86 * s + .25 * who->width;
  cairo_save (cr);
  cairo_move_to (cr, -.4, 1.2);
  cairo_curve_to (cr, -.6, 1.65, -s, 1.35, -s, 2.25);
  cairo_curve_to (cr, -s, 3.3, -hips, 4, -hips, 5.6);
  cairo_line_to (cr, hips, 5.6);
  cairo_curve_to (cr, hips, 4, s, 3.3, s, 2.25);
  cairo_curve_to (cr, s, 1.35, .6, 1.65, .4, 1.2);
  cairo_close_path (cr);
  moa_draw_colour (cr, who->top);
  cairo_fill_preserve (cr);
  cairo_clip (cr);
  pattern_path (cr, who->is[MOA_ATTRIBUTE_PATTERN]);
  moa_draw_fill (cr, who->second);
  if (who->is[MOA_ATTRIBUTE_WOMAN])
    moa_draw_ellipse (cr, 0, 1.2, .66, .72);
  else
    moa_draw_ellipse (cr, 0, 1.25, .52, .36);
  moa_draw_fill (cr, moa_colour_scale (who->skin_colour, .92));
  cairo_restore (cr);
}

/* ---- Arms ------------------------------------------------------------ */

/* Shoulder, elbow and hand of the right arm of somebody whose shoulder is at s. */
static void
arm_points (MoaPose pose, double s, double a, double points[3][2])
{
  const double down[3][2] = { { s, 2.2 }, { s + .25 + .2 * a, 3.6 }, { s + .1 + .3 * a, 5 } };
  const double up[3][2] = { { s, 2.2 }, { s + .95, 1.7 + .2 * a }, { s + .75 + .2 * a, -.2 } };
  const double hips[3][2] = { { s, 2.2 }, { s + .95, 3.3 }, { s - .15, 4.3 + .2 * a } };
  const double hold[3][2] = { { s, 2.2 }, { s + .3, 3.6 + .15 * a }, { .78, 3.35 } };
  const double(*from)[2] = down;
  switch (pose)
    {
    case MOA_POSE_UP:
      from = up;
      break;
    case MOA_POSE_HIPS:
      from = hips;
      break;
    case MOA_POSE_CUP:
    case MOA_POSE_FLOWERS:
    case MOA_POSE_BALL:
      from = hold;
      break;
    default:
      break;
    }
  for (int i = 0; i < 3; i++)
    {
      points[i][0] = from[i][0];
      points[i][1] = from[i][1];
    }
}

static void
draw_arm (cairo_t *cr, const MoaIdentity *who, int side, double points[3][2])
{
  double width = .76 + .22 * who->width;
  MoaColour sleeve = who->is[MOA_ATTRIBUTE_PATTERN] == PATTERN_HALVES && side > 0 ? who->second
                                                                                  : who->top;
  sleeve = moa_colour_scale (sleeve, .84);
  MoaColour skin = moa_colour_scale (who->skin_colour, .95);
  moa_draw_ellipse (cr, points[2][0], points[2][1], .46, .46);
  if (who->is[MOA_ATTRIBUTE_SLEEVES] == SLEEVES_LONG)
    {
      moa_draw_fill (cr, skin);
      const double shown[3][2] = { { points[0][0], points[0][1] },
                                   { points[1][0], points[1][1] },
                                   { points[1][0] + .75 * (points[2][0] - points[1][0]),
                                     points[1][1] + .75 * (points[2][1] - points[1][1]) } };
      moa_draw_line (cr, shown, 3, width);
      moa_draw_fill (cr, sleeve);
      return;
    }
  moa_draw_line (cr, points, 3, width * .82);
  moa_draw_fill (cr, skin);
  const double shown[2][2] = { { points[0][0], points[0][1] },
                               { points[0][0] + .5 * (points[1][0] - points[0][0]),
                                 points[0][1] + .5 * (points[1][1] - points[0][1]) } };
  moa_draw_line (cr, shown, 2, width * 1.08);
  moa_draw_fill (cr, sleeve);
}

gboolean
moa_person_arm (const MoaIdentity *who, const MoaGesture *how, int side, double points[3][2])
{
  double s = shoulder (who) - .28;
  MoaPose pose = how->pose;
  if (pose == MOA_POSE_HUG && side == how->side)
    return FALSE;
  if (pose == MOA_POSE_WAVE)
    pose = side == how->side ? MOA_POSE_UP : MOA_POSE_DOWN;
  if (pose == MOA_POSE_CROSSED)
    {
      const double crossed[3][2] = { { s, 2.2 }, { s + .05, 3.45 }, { -.75, 3.2 - .35 * side } };
      memcpy (points, crossed, sizeof crossed);
    }
  else
    arm_points (pose, s, how->arm, points);
  for (int i = 0; i < 3; i++)
    points[i][0] *= side;
  return TRUE;
}

void
moa_person_hug (const MoaIdentity *who, const MoaGesture *how, double x, double y, double points[3][2])
{
  int kid = who->is[MOA_ATTRIBUTE_KID];
  x /= bodies[kid].wide;
  y = (y - bodies[kid].drop) / bodies[kid].high;
  double s = how->side * (shoulder (who) - .28);
  const double around[3][2] = { { s, 2.3 }, { (s + x) / 2, MAX (y, 2.6) + .5 }, { x, y } };
  memcpy (points, around, sizeof around);
}

static void
draw_arms (cairo_t *cr, const MoaIdentity *who, const MoaGesture *how)
{
  double points[3][2];
  for (int side = -1; side <= 1; side += 2)
    if (moa_person_arm (who, how, side, points))
      draw_arm (cr, who, side, points);
}

void
moa_draw_hug (cairo_t *cr, const MoaIdentity *who, const MoaGesture *how, double x, double y,
              gboolean behind)
{
  if (behind)
    {
      moa_draw_ellipse (cr, x, y, .36, .42);
      moa_draw_fill (cr, moa_colour_scale (who->skin_colour, .95));
      return;
    }
  cairo_save (cr);
  moa_draw_rotate (cr, how->lean);
  moa_draw_to_body (cr, who);
  double points[3][2];
  moa_person_hug (who, how, x, y, points);
  draw_arm (cr, who, how->side, points);
  cairo_restore (cr);
}

void
moa_draw_person (cairo_t *cr, const MoaIdentity *who, const MoaGesture *how)
{
  cairo_save (cr);
  moa_draw_rotate (cr, how->lean);
  cairo_save (cr);
  moa_draw_rotate (cr, how->tilt);
  moa_draw_hair_back (cr, who);
  cairo_restore (cr);

  cairo_save (cr);
  moa_draw_to_body (cr, who);
  double s = shoulder (who);
  moa_draw_box (cr, -.88 * s, 5, 1.76 * s, 6, .1);
  moa_draw_fill (cr, (MoaColour) { .26, .29, .40 });
  moa_draw_box (cr, -.4, .6, .8, 1.2, .1);
  moa_draw_fill (cr, moa_colour_scale (who->skin_colour, .86));
  draw_torso (cr, who);
  draw_arms (cr, who, how);
  cairo_restore (cr);

  moa_draw_rotate (cr, how->tilt);
  moa_draw_locks (cr, who);
  moa_draw_head (cr, who, how);
  cairo_restore (cr);
}

/* ---- Things ---------------------------------------------------------- */

static void
draw_flowers (cairo_t *cr, MoaColour colour)
{
  static const double at[][2] = { { -.62, 2.2 }, { .05, 1.95 }, { .68, 2.2 }, { -.3, 2.65 },
                                  { .38, 2.65 } };
  static const double wrap[][2] = { { -.3, 4.2 }, { .3, 4.2 }, { .85, 2.6 }, { -.85, 2.6 } };
  moa_draw_polygon (cr, wrap, 4);
  moa_draw_fill (cr, (MoaColour) { .26, .55, .30 });
  for (gsize i = 0; i < G_N_ELEMENTS (at); i++)
    moa_draw_ellipse (cr, at[i][0], at[i][1], .44, .42);
  moa_draw_fill (cr, colour);
  for (gsize i = 0; i < G_N_ELEMENTS (at); i++)
    moa_draw_ellipse (cr, at[i][0], at[i][1], .17, .17);
  moa_draw_fill (cr, (MoaColour) { .98, .88, .40 });
}

void
moa_draw_thing (cairo_t *cr, const MoaIdentity *who, const MoaGesture *how)
{
  cairo_save (cr);
  moa_draw_rotate (cr, how->lean);
  moa_draw_to_body (cr, who);
  switch (how->pose)
    {
    case MOA_POSE_CUP:
      moa_draw_ring (cr, .62, 3.2, .34, .36, .2);
      moa_draw_fill (cr, moa_colour_scale (how->thing, .85));
      moa_draw_box (cr, -.58, 2.55, 1.16, 1.3, .15);
      moa_draw_fill (cr, how->thing);
      moa_draw_box (cr, -.58, 2.5, 1.16, .32, .15);
      moa_draw_fill (cr, (MoaColour) { .97, .95, .90 });
      break;
    case MOA_POSE_FLOWERS:
      draw_flowers (cr, how->thing);
      break;
    case MOA_POSE_BALL:
      moa_draw_ellipse (cr, 0, 3.1, .92, .92);
      moa_draw_fill (cr, how->thing);
      moa_draw_ellipse (cr, 0, 3.1, .36, .92);
      moa_draw_fill (cr, (MoaColour) { .97, .96, .92 });
      break;
    default:
      break;
    }
  cairo_restore (cr);
}
