/* How somebody stands, as a picture for a ControlNet: limbs and joints in colours of their own, in the manner
 * of OpenPose (Cao et al. 2019), whatever hides them in the picture.  Origin at the head's centre, unit the
 * head's radius, as in person.c. */
#include "train/world/draw.h"

#define LIMB .3
#define JOINT .27

/* Left and right differ, so that a turn can be seen. */
static const MoaColour spine = { .2, .2, 1 }, eyes = { 1, 1, 1 };
static const struct {
  MoaColour limb[3], joint[3]; /* neck to shoulder, to elbow, to hand; shoulder, elbow, hand */
} arms[2] = {
  { { { 1, .5, 0 }, { 1, .8, 0 }, { .8, 1, 0 } }, { { 1, .3, 0 }, { 1, .7, 0 }, { .6, 1, 0 } } },
  { { { 0, 1, .5 }, { 0, 1, .8 }, { 0, .8, 1 } }, { { 0, 1, .3 }, { 0, 1, .7 }, { 0, .6, 1 } } },
};

static void
draw_limb (cairo_t *cr, double x0, double y0, double x1, double y1, MoaColour colour)
{
  const double points[2][2] = { { x0, y0 }, { x1, y1 } };
  moa_draw_line (cr, points, 2, LIMB);
  moa_draw_fill (cr, moa_colour_scale (colour, .6));
}

static void
draw_joint (cairo_t *cr, double x, double y, MoaColour colour)
{
  moa_draw_ellipse (cr, x, y, JOINT, JOINT);
  moa_draw_fill (cr, colour);
}

static void
draw_arm (cairo_t *cr, int side, double points[3][2])
{
  int k = side > 0;
  draw_limb (cr, 0, 1.4, points[0][0], points[0][1], arms[k].limb[0]);
  for (int i = 1; i < 3; i++)
    draw_limb (cr, points[i - 1][0], points[i - 1][1], points[i][0], points[i][1], arms[k].limb[i]);
  for (int i = 0; i < 3; i++)
    draw_joint (cr, points[i][0], points[i][1], arms[k].joint[i]);
}

void
moa_draw_pose (cairo_t *cr, const MoaIdentity *who, const MoaGesture *how, const double hug[2])
{
  cairo_save (cr);
  moa_draw_rotate (cr, how->lean);

  cairo_save (cr);
  moa_draw_to_body (cr, who);
  draw_limb (cr, 0, 1.4, 0, 5.4, spine);
  for (int side = -1; side <= 1; side += 2)
    {
      double points[3][2];
      gboolean there = moa_person_arm (who, how, side, points);
      if (!there && hug)
        moa_person_hug (who, how, hug[0], hug[1], points);
      if (there || hug)
        draw_arm (cr, side, points);
    }
  draw_joint (cr, 0, 1.4, spine);
  cairo_restore (cr);

  draw_limb (cr, 0, .3, 0, 1.2, spine);
  moa_draw_rotate (cr, how->tilt);
  draw_joint (cr, 0, .3, (MoaColour) { 1, 0, 0 });
  draw_joint (cr, -.4, -.1, eyes);
  draw_joint (cr, .4, -.1, eyes);
  cairo_restore (cr);
}
