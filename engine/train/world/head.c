/* A head: hair behind it, face, hair before it, glasses and hat.  Origin at
 * its centre, unit its radius; y runs down. */
#include "train/world/draw.h"

static const MoaColour dark = { .13, .12, .15 }, white = { .97, .97, .95 };

/* Half the head's width. */
static double
half_width (const MoaIdentity *who)
{
  return .91 + .18 * who->face;
}

/* ---- Hair ------------------------------------------------------------ */

/* From the temple (x, y) over the skull to the other temple. */
static void
skull (cairo_t *cr, double x, double y, double rise)
{
  cairo_move_to (cr, -x, y);
  cairo_curve_to (cr, -x - .12, rise, x + .12, rise, x, y);
}

void
moa_draw_hair_back (cairo_t *cr, const MoaIdentity *who)
{
  MoaColour hair = moa_colour_scale (who->hair, .86);
  double w = half_width (who);
  switch (who->is[MOA_ATTRIBUTE_STYLE])
    {
    case STYLE_LONG:
      skull (cr, 1.1 * w, -.2, -1.7);
      cairo_curve_to (cr, 1.45 * w, .8, 1.45 * w, 1.9, 1.35 * w, 2.6);
      cairo_line_to (cr, -1.35 * w, 2.6);
      cairo_curve_to (cr, -1.45 * w, 1.9, -1.45 * w, .8, -1.1 * w, -.2);
      break;
    case STYLE_BOB:
      skull (cr, 1.12 * w, -.2, -1.7);
      cairo_curve_to (cr, 1.5 * w, .5, 1.55 * w, 1.15, 1.2 * w, 1.2);
      cairo_line_to (cr, -1.2 * w, 1.2);
      cairo_curve_to (cr, -1.55 * w, 1.15, -1.5 * w, .5, -1.12 * w, -.2);
      break;
    case STYLE_AFRO:
      moa_draw_ellipse (cr, 0, -.42, 1.62 * w, 1.45);
      break;
    case STYLE_PONYTAIL:
      cairo_move_to (cr, .35 * w, -1.05);
      cairo_curve_to (cr, 2.3 * w, -1.3, 2.35 * w, .6, 1.6 * w, 1.6);
      cairo_curve_to (cr, 1.2 * w, 1, 1.3 * w, -.1, .5 * w, -.4);
      break;
    case STYLE_BUN:
      moa_draw_ellipse (cr, 0, -1.42, .62, .52);
      break;
    case STYLE_PIGTAILS:
      moa_draw_ellipse (cr, -1.5 * w, .3, .45, .85);
      moa_draw_ellipse (cr, 1.5 * w, .3, .45, .85);
      break;
    default:
      return;
    }
  cairo_close_path (cr);
  moa_draw_fill (cr, hair);
}

/* The part of long hair that falls before the shoulders. */
void
moa_draw_locks (cairo_t *cr, const MoaIdentity *who)
{
  if (who->is[MOA_ATTRIBUTE_STYLE] != STYLE_LONG)
    return;
  double w = half_width (who);
  for (int side = -1; side <= 1; side += 2)
    {
      cairo_move_to (cr, side * .8 * w, .1);
      cairo_curve_to (cr, side * .9 * w, 1.2, side * .65 * w, 2, side * .8 * w, 2.75);
      cairo_curve_to (cr, side * 1.1 * w, 2.9, side * 1.4 * w, 2.8, side * 1.42 * w, 2.5);
      cairo_curve_to (cr, side * 1.5 * w, 1.6, side * 1.4 * w, .6, side * 1.1 * w, -.2);
      cairo_close_path (cr);
    }
  moa_draw_fill (cr, moa_colour_scale (who->hair, .94));
}

static void
spikes (cairo_t *cr, double w)
{
  static const double tips[][2] = {
    { -1.1, .05 }, { -1.5, -.55 }, { -1.06, -.62 }, { -1.15, -1.3 }, { -.62, -1.1 },
    { -.4, -1.68 }, { 0, -1.22 },  { .4, -1.68 },   { .62, -1.1 },  { 1.15, -1.3 },
    { 1.06, -.62 }, { 1.5, -.55 }, { 1.1, .05 },    { .85, -.5 },   { -.85, -.5 },
  };
  for (gsize i = 0; i < G_N_ELEMENTS (tips); i++)
    cairo_line_to (cr, tips[i][0] * w, tips[i][1]);
}

static void
hair_front (cairo_t *cr, const MoaIdentity *who)
{
  double w = half_width (who);
  switch (who->is[MOA_ATTRIBUTE_STYLE])
    {
    case STYLE_BALD:
      return;
    case STYLE_SPIKY:
      spikes (cr, w);
      break;
    case STYLE_SHORT: /* parted at the side */
      skull (cr, 1.07 * w, .02, -1.72);
      cairo_curve_to (cr, .95 * w, -.4, .8 * w, -.6, .5 * w, -.72);
      cairo_curve_to (cr, .1, -.46, -.5 * w, -.4, -.85 * w, -.5);
      break;
    case STYLE_LONG: /* parted in the middle */
      skull (cr, 1.12 * w, .25, -1.8);
      cairo_curve_to (cr, .9 * w, .05, .8 * w, -.4, 0, -.82);
      cairo_curve_to (cr, -.8 * w, -.4, -.9 * w, .05, -1.12 * w, .25);
      break;
    case STYLE_BOB: /* straight fringe */
      skull (cr, 1.14 * w, .5, -1.95);
      cairo_curve_to (cr, 1.05 * w, .4, .9 * w, .2, .84 * w, -.4);
      cairo_line_to (cr, -.84 * w, -.4);
      cairo_curve_to (cr, -.9 * w, .2, -1.05 * w, .4, -1.14 * w, .5);
      break;
    case STYLE_PIGTAILS:
      skull (cr, 1.1 * w, .1, -1.72);
      cairo_curve_to (cr, .85 * w, -.3, .6 * w, -.45, 0, -.85);
      cairo_curve_to (cr, -.6 * w, -.45, -.85 * w, -.3, -1.1 * w, .1);
      break;
    default: /* from the forehead back: afro, ponytail, bun */
      skull (cr, 1.07 * w, -.02, -1.68);
      cairo_curve_to (cr, .85 * w, -.75, -.85 * w, -.75, -1.07 * w, -.02);
      break;
    }
  cairo_close_path (cr);
  moa_draw_fill (cr, who->hair);
  if (who->is[MOA_ATTRIBUTE_STYLE] == STYLE_PIGTAILS)
    {
      moa_draw_ellipse (cr, -1.2 * w, -.3, .2, .2);
      moa_draw_ellipse (cr, 1.2 * w, -.3, .2, .2);
      moa_draw_fill (cr, who->top);
    }
}

/* ---- Face ------------------------------------------------------------ */

static void
draw_skull (cairo_t *cr, const MoaIdentity *who)
{
  gboolean woman = who->is[MOA_ATTRIBUTE_WOMAN], kid = who->is[MOA_ATTRIBUTE_KID];
  double w = half_width (who), chin = kid ? 1.06 : 1.24 - .14 * who->face;
  double jaw = kid ? .74 : (woman ? .5 : .68) + .16 * who->face;
  MoaColour skin = who->skin_colour;
  moa_draw_ellipse (cr, -w, .12, .2, .28);
  moa_draw_ellipse (cr, w, .12, .2, .28);
  moa_draw_fill (cr, moa_colour_scale (skin, .88));
  cairo_move_to (cr, -w, -.12);
  cairo_curve_to (cr, -w, -1.45, w, -1.45, w, -.12);
  cairo_curve_to (cr, w, .65, jaw, chin, 0, chin);
  cairo_curve_to (cr, -jaw, chin, -w, .65, -w, -.12);
  cairo_close_path (cr);
  moa_draw_fill_down (cr, -1, moa_colour_scale (skin, 1.03), 1.2, moa_colour_scale (skin, .93));
  if (woman || kid)
    {
      moa_draw_ellipse (cr, -.6, .46, .2, .15);
      moa_draw_ellipse (cr, .6, .46, .2, .15);
      moa_draw_fill (cr, moa_colour_mix (skin, (MoaColour) { .9, .35, .35 }, .28));
    }
}

static void
draw_beard (cairo_t *cr, const MoaIdentity *who)
{
  double w = half_width (who) * 1.03;
  cairo_move_to (cr, -w, -.05);
  cairo_curve_to (cr, -w, .95, -.7, 1.5, 0, 1.5);
  cairo_curve_to (cr, .7, 1.5, w, .95, w, -.05);
  cairo_curve_to (cr, .85 * w, .3, .7, .4, .3, .38);
  cairo_line_to (cr, -.3, .38);
  cairo_curve_to (cr, -.7, .4, -.85 * w, .3, -w, -.05);
  cairo_close_path (cr);
  moa_draw_fill (cr, moa_colour_scale (who->hair, .93));
}

static void
draw_mouth (cairo_t *cr, const MoaIdentity *who, const MoaGesture *how)
{
  gboolean woman = who->is[MOA_ATTRIBUTE_WOMAN] && !who->is[MOA_ATTRIBUTE_KID];
  MoaColour lips = woman ? (MoaColour) { .80, .18, .26 } : (MoaColour) { .60, .25, .23 };
  double y = .66, wide = .4, bend = .3 * how->smile, thick = woman ? .16 : .12;
  if (how->laugh)
    {
      cairo_move_to (cr, -.44, y - .08);
      cairo_curve_to (cr, -.35, y + .5, .35, y + .5, .44, y - .08);
      cairo_close_path (cr);
      moa_draw_fill (cr, lips);
      cairo_move_to (cr, -.36, y - .08);
      cairo_curve_to (cr, -.25, y + .12, .25, y + .12, .36, y - .08);
      cairo_close_path (cr);
      moa_draw_fill (cr, white);
      return;
    }
  cairo_move_to (cr, -wide, y - bend * .4);
  cairo_curve_to (cr, -.18, y + bend + thick, .18, y + bend + thick, wide, y - bend * .4);
  cairo_curve_to (cr, .18, y + bend - thick * .6, -.18, y + bend - thick * .6, -wide,
                  y - bend * .4);
  cairo_close_path (cr);
  moa_draw_fill (cr, lips);
}

static void
draw_eye (cairo_t *cr, const MoaIdentity *who, const MoaGesture *how, int side)
{
  gboolean woman = who->is[MOA_ATTRIBUTE_WOMAN];
  double big = who->is[MOA_ATTRIBUTE_KID] ? 1.12 : 1, x = side * .43, y = -.02;
  double iris = x + .08 * how->look;
  if (woman) /* lashes */
    {
      moa_draw_ellipse (cr, x + side * .03, y - .07, .32 * big, .25 * big);
      moa_draw_fill (cr, dark);
    }
  moa_draw_ellipse (cr, x, y, .28 * big, .22 * big);
  moa_draw_fill (cr, white);
  moa_draw_ellipse (cr, iris, y, .19 * big, .2 * big);
  moa_draw_fill (cr, who->eyes);
  moa_draw_ellipse (cr, iris, y, .09 * big, .1 * big);
  moa_draw_fill (cr, dark);
  const double brow[2][2] = { { side * .22, -.42 }, { side * .66, -.45 } };
  moa_draw_line (cr, brow, 2, woman ? .1 : .17);
  moa_draw_fill (cr, moa_colour_scale (who->hair, .72));
}

static void
draw_glasses (cairo_t *cr, int kind)
{
  if (kind == GLASSES_NONE)
    return;
  for (int side = -1; side <= 1; side += 2)
    if (kind == GLASSES_DARK)
      moa_draw_box (cr, side * .47 - .4, -.3, .8, .62, .26);
    else
      moa_draw_ring (cr, side * .46, 0, .38, .36, .15);
  moa_draw_box (cr, -.14, -.12, .28, .14, .02);
  moa_draw_fill (cr, dark);
}

/* ---- Hat ------------------------------------------------------------- */

static void
draw_hat (cairo_t *cr, const MoaIdentity *who)
{
  double w = half_width (who);
  MoaColour hat = who->hat, shade = moa_colour_scale (hat, .75);
  switch (who->is[MOA_ATTRIBUTE_HAT])
    {
    case HAT_CAP:
      skull (cr, 1.13 * w, -.5, -1.95);
      cairo_close_path (cr);
      moa_draw_fill (cr, hat);
      cairo_move_to (cr, -1.2 * w, -.42);
      cairo_curve_to (cr, -.7 * w, -.95, .7 * w, -.95, 1.2 * w, -.42);
      cairo_curve_to (cr, .7 * w, -.3, -.7 * w, -.3, -1.2 * w, -.42);
      cairo_close_path (cr);
      moa_draw_fill (cr, shade);
      break;
    case HAT_BEANIE:
      moa_draw_ellipse (cr, 0, -1.72, .36, .34);
      moa_draw_fill (cr, white);
      skull (cr, 1.15 * w, -.55, -2.2);
      cairo_close_path (cr);
      moa_draw_fill (cr, hat);
      moa_draw_box (cr, -1.2 * w, -.82, 2.4 * w, .46, .2);
      moa_draw_fill (cr, shade);
      break;
    case HAT_SUN:
      moa_draw_ellipse (cr, 0, -.6, 1.95 * w, .36);
      moa_draw_fill (cr, shade);
      skull (cr, .98 * w, -.6, -2.2);
      cairo_close_path (cr);
      moa_draw_fill (cr, hat);
      moa_draw_box (cr, -.99 * w, -.85, 1.98 * w, .27, .1);
      moa_draw_fill (cr, white);
      break;
    default:
      break;
    }
}

void
moa_draw_head (cairo_t *cr, const MoaIdentity *who, const MoaGesture *how)
{
  draw_skull (cr, who);
  if (who->is[MOA_ATTRIBUTE_FACIAL] == FACIAL_BEARD)
    draw_beard (cr, who);
  draw_mouth (cr, who, how);
  moa_draw_ellipse (cr, 0, .32, .14, .1);
  moa_draw_fill (cr, moa_colour_scale (who->skin_colour, .8));
  if (who->is[MOA_ATTRIBUTE_FACIAL] == FACIAL_MOUSTACHE)
    {
      moa_draw_ellipse (cr, -.25, .5, .33, .14);
      moa_draw_ellipse (cr, .25, .5, .33, .14);
      moa_draw_fill (cr, who->hair);
    }
  draw_eye (cr, who, how, -1);
  draw_eye (cr, who, how, 1);
  hair_front (cr, who);
  draw_glasses (cr, who->is[MOA_ATTRIBUTE_GLASSES]);
  draw_hat (cr, who);
}
