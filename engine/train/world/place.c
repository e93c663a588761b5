/* The places that people are in: smooth gradients and a few large shapes,
 * because what is busy costs the small autoencoder more than it is worth.
 * The picture is 128 wide and high here; y is where the ground begins. */
#include "train/world/draw.h"

#define SIDE 128
#define RGB(r, g, b) ((MoaColour) { r, g, b })

static void
band (cairo_t *cr, double y0, double y1, MoaColour a, MoaColour b)
{
  cairo_rectangle (cr, 0, y0, SIDE, y1 - y0);
  moa_draw_fill_down (cr, y0, a, y1, b);
}

/* Numbers are read into variables, one statement each: the order in which C
 * computes arguments is the compiler's own, and a scene must be the same with
 * every one. */

static void
disc (cairo_t *cr, double x, double y, double r, MoaColour colour)
{
  moa_draw_ellipse (cr, x, y, r, r);
  moa_draw_fill (cr, colour);
}

/* Round hills from y down, in one or two swings. */
static void
hills (cairo_t *cr, MoaDice *dice, double y, double swing, MoaColour top, MoaColour bottom)
{
  double a = moa_dice_between (dice, -swing, swing), b = moa_dice_between (dice, -swing, swing);
  double middle = moa_dice_between (dice, 50, 78);
  cairo_move_to (cr, 0, y + a);
  cairo_curve_to (cr, middle * .5, y + a - swing, middle * .6, y - b, middle, y - b);
  cairo_curve_to (cr, middle * 1.3, y - b, 110, y + b + swing, SIDE, y + b);
  cairo_line_to (cr, SIDE, SIDE);
  cairo_line_to (cr, 0, SIDE);
  cairo_close_path (cr);
  moa_draw_fill_down (cr, y, top, SIDE, bottom);
}

static MoaColour
sky_colour (MoaDice *dice)
{
  return moa_dice_colour (dice, RGB (.47, .70, .93), .05);
}

static void
day_sky (cairo_t *cr, MoaDice *dice, double ground_y)
{
  MoaColour sky = sky_colour (dice);
  band (cr, 0, ground_y + 1, sky, moa_colour_mix (sky, RGB (1, 1, 1), .5));
}

/* Somewhere at the left or the right, where people seldom stand. */
static double
at_side (MoaDice *dice)
{
  double x = moa_dice_between (dice, 8, 30);
  return moa_dice_chance (dice, .5) ? x : SIDE - x;
}

static void
round_tree (cairo_t *cr, MoaDice *dice, double x, double ground_y)
{
  double r = moa_dice_between (dice, 17, 24);
  moa_draw_box (cr, x - 4, ground_y - 32, 8, 36, 1);
  moa_draw_fill (cr, RGB (.45, .31, .20));
  disc (cr, x, ground_y - 24 - r, r, moa_dice_colour (dice, RGB (.26, .56, .28), .05));
}

static void
pine (cairo_t *cr, double x, double foot, double high, MoaColour colour)
{
  for (int i = 0; i < 2; i++)
    {
      double y = foot - high * .42 * i, w = high * (.30 - .07 * i);
      const double layer[3][2] = { { x - w, y }, { x, y - high * .58 }, { x + w, y } };
      moa_draw_polygon (cr, layer, 3);
    }
  moa_draw_fill (cr, colour);
}

/* ---- Places ---------------------------------------------------------- */

static void
beach (cairo_t *cr, MoaDice *dice)
{
  double y = moa_dice_between (dice, 56, 70);
  day_sky (cr, dice, y);
  band (cr, y, y + 22, RGB (.12, .47, .72), RGB (.30, .72, .80));
  band (cr, y + 22, SIDE, RGB (.96, .88, .66), RGB (.90, .77, .52));
  double x = at_side (dice), high = moa_dice_between (dice, 14, 24);
  disc (cr, x, high, 10, RGB (1, .93, .52));
  if (!moa_dice_chance (dice, .5))
    return;
  x = at_side (dice);
  const double trunk[3][2] = { { x, 112 }, { x + 3, 70 }, { x + 1, 34 } };
  moa_draw_line (cr, trunk, 3, 6);
  moa_draw_fill (cr, RGB (.55, .39, .24));
  static const double leaves[][2]
      = { { -20, 12 }, { -16, -8 }, { 3, -15 }, { 19, -5 }, { 20, 14 } };
  for (gsize i = 0; i < G_N_ELEMENTS (leaves); i++)
    {
      const double leaf[2][2] = { { x + 1, 34 }, { x + leaves[i][0], 34 + leaves[i][1] } };
      moa_draw_line (cr, leaf, 2, 7);
    }
  moa_draw_fill (cr, RGB (.20, .55, .28));
}

static void
forest (cairo_t *cr, MoaDice *dice)
{
  MoaColour green = moa_dice_colour (dice, RGB (.16, .40, .22), .04);
  band (cr, 0, SIDE, RGB (.66, .82, .62), RGB (.42, .60, .36));
  double shift = moa_dice_between (dice, -10, 10);
  for (int i = 0; i < 4; i++)
    pine (cr, shift + 14 + 34 * i, 96, moa_dice_between (dice, 78, 100),
          moa_colour_mix (green, RGB (.66, .82, .62), i % 2 ? .0 : .25));
  band (cr, 95, SIDE, RGB (.33, .48, .24), RGB (.24, .37, .17));
}

/* Houses from left to right, each with two columns of large windows. */
static void
houses (cairo_t *cr, MoaDice *dice, MoaColour wall, MoaColour window)
{
  for (double x = moa_dice_between (dice, -14, -2); x < SIDE;)
    {
      double w = moa_dice_between (dice, 30, 38), y = moa_dice_between (dice, 16, 52);
      MoaColour colour = moa_colour_scale (wall, moa_dice_between (dice, .82, 1.1));
      cairo_rectangle (cr, x, y, w, SIDE);
      moa_draw_fill (cr, colour);
      for (double row = y + 8; row < 96; row += 18)
        for (int column = 0; column < 2; column++)
          if (moa_dice_chance (dice, .7))
            cairo_rectangle (cr, x + w * (.18 + .40 * column), row, w * .24, 9);
      moa_draw_fill (cr, window);
      x += w;
    }
}

static void
city (cairo_t *cr, MoaDice *dice)
{
  day_sky (cr, dice, SIDE);
  houses (cr, dice, moa_dice_colour (dice, RGB (.70, .63, .60), .07), RGB (.80, .88, .93));
  band (cr, 106, SIDE, RGB (.52, .52, .54), RGB (.44, .44, .46));
}

static void
night (cairo_t *cr, MoaDice *dice)
{
  band (cr, 0, SIDE, RGB (.07, .09, .25), RGB (.25, .20, .42));
  double x = at_side (dice), high = moa_dice_between (dice, 13, 20);
  disc (cr, x, high, 9, RGB (.96, .94, .82));
  houses (cr, dice, moa_dice_colour (dice, RGB (.17, .18, .33), .03), RGB (.95, .80, .42));
  band (cr, 106, SIDE, RGB (.16, .15, .22), RGB (.12, .11, .17));
}

static void
mountain (cairo_t *cr, MoaDice *dice)
{
  day_sky (cr, dice, SIDE);
  MoaColour rock = moa_dice_colour (dice, RGB (.52, .53, .62), .04);
  double x = moa_dice_between (dice, 10, 36);
  for (int i = 0; i < 2; i++)
    {
      double h = moa_dice_between (dice, 58, 76), w = moa_dice_between (dice, 46, 58), foot = 88;
      const double peak[3][2] = { { x - w, foot }, { x, foot - h }, { x + w, foot } };
      const double snow[4][2] = { { x - w * .3, foot - h * .7 }, { x, foot - h },
                                  { x + w * .3, foot - h * .7 }, { x, foot - h * .62 } };
      moa_draw_polygon (cr, peak, 3);
      moa_draw_fill (cr, moa_colour_scale (rock, i ? 1 : .88));
      moa_draw_polygon (cr, snow, 4);
      moa_draw_fill (cr, RGB (.96, .97, .99));
      x += moa_dice_between (dice, 58, 78);
    }
  hills (cr, dice, 84, 6, RGB (.50, .68, .38), RGB (.36, .54, .27));
}

static void
room (cairo_t *cr, MoaDice *dice)
{
  static const MoaColour walls[] = { { .93, .86, .72 }, { .78, .87, .88 }, { .90, .79, .80 } };
  static const MoaColour sofas[] = { { .70, .28, .28 }, { .26, .47, .55 }, { .50, .45, .62 } };
  MoaColour wall = moa_dice_colour (dice, walls[moa_dice_below (dice, 3)], .03);
  MoaColour sofa = moa_dice_colour (dice, sofas[moa_dice_below (dice, 3)], .04);
  band (cr, 0, SIDE, wall, moa_colour_scale (wall, .93));
  double x = moa_dice_chance (dice, .5) ? 10 : 78;
  moa_draw_box (cr, x, 10, 40, 34, 2);
  moa_draw_fill (cr, RGB (.98, .97, .94));
  MoaColour view = sky_colour (dice);
  cairo_rectangle (cr, x + 4, 14, 32, 26);
  moa_draw_fill_down (cr, 14, view, 40, moa_colour_mix (view, RGB (1, 1, 1), .5));
  moa_draw_box (cr, 4, 62, 120, 80, 12);
  moa_draw_fill_down (cr, 62, sofa, SIDE, moa_colour_scale (sofa, .85));
  moa_draw_box (cr, -8, 82, 30, 60, 10);
  moa_draw_box (cr, 106, 82, 30, 60, 10);
  moa_draw_fill (cr, moa_colour_scale (sofa, .80));
}

static void
park (cairo_t *cr, MoaDice *dice)
{
  double y = moa_dice_between (dice, 70, 82);
  day_sky (cr, dice, y);
  band (cr, y, SIDE, RGB (.55, .77, .38), RGB (.38, .62, .27));
  double x = moa_dice_between (dice, 60, 90);
  round_tree (cr, dice, moa_dice_between (dice, 6, 22), y + 6);
  round_tree (cr, dice, x + 36, y + 6);
  const double path[4][2] = { { x - 4, y }, { x + 6, y }, { x + 10, SIDE }, { x - 44, SIDE } };
  moa_draw_polygon (cr, path, 4);
  moa_draw_fill (cr, RGB (.87, .80, .66));
}

static void
lavender (cairo_t *cr, MoaDice *dice)
{
  double y = moa_dice_between (dice, 58, 70), x = moa_dice_between (dice, 40, 88);
  MoaColour flower = moa_dice_colour (dice, RGB (.60, .46, .80), .03);
  band (cr, 0, y + 20, RGB (.62, .74, .92), RGB (.99, .90, .82));
  hills (cr, dice, y, 5, RGB (.58, .64, .62), RGB (.50, .58, .48));
  band (cr, y + 8, SIDE, RGB (.55, .60, .50), RGB (.42, .50, .32));
  for (int i = -3; i <= 3; i++)
    {
      const double row[4][2] = { { x + i * 12 - 4, y + 8 }, { x + i * 12 + 4, y + 8 },
                                 { x + i * 46 + 15, SIDE }, { x + i * 46 - 15, SIDE } };
      moa_draw_polygon (cr, row, 4);
    }
  moa_draw_fill_down (cr, y, moa_colour_mix (flower, RGB (.85, .8, .95), .3), SIDE, flower);
}

static void
snow (cairo_t *cr, MoaDice *dice)
{
  double y = moa_dice_between (dice, 66, 80);
  band (cr, 0, SIDE, RGB (.68, .79, .90), RGB (.88, .93, .97));
  MoaColour green = moa_dice_colour (dice, RGB (.44, .60, .62), .04);
  double left = moa_dice_between (dice, 4, 22), right = moa_dice_between (dice, 104, 124);
  pine (cr, left, y + 12, moa_dice_between (dice, 60, 74), green);
  pine (cr, right, y + 12, moa_dice_between (dice, 60, 74), green);
  hills (cr, dice, y, 8, RGB (.97, .98, 1), RGB (.86, .90, .96));
}

static void
desert (cairo_t *cr, MoaDice *dice)
{
  double y = moa_dice_between (dice, 62, 76);
  band (cr, 0, SIDE, RGB (.60, .78, .90), RGB (.99, .91, .74));
  hills (cr, dice, y, 9, RGB (.93, .72, .44), RGB (.88, .64, .36));
  hills (cr, dice, y + 22, 8, RGB (.86, .60, .33), RGB (.78, .50, .26));
  double x = at_side (dice), arm = x < 64 ? 13 : -13;
  const double stem[2][2] = { { x, 104 }, { x, 44 } };
  const double branch[3][2] = { { x, 78 }, { x + arm, 74 }, { x + arm, 58 } };
  moa_draw_line (cr, stem, 2, 10);
  moa_draw_line (cr, branch, 3, 7);
  moa_draw_fill (cr, moa_dice_colour (dice, RGB (.30, .54, .33), .04));
}

static void
lake (cairo_t *cr, MoaDice *dice)
{
  double y = moa_dice_between (dice, 62, 72), x = at_side (dice);
  day_sky (cr, dice, y + 1);
  hills (cr, dice, y - 14, 9, RGB (.42, .60, .46), RGB (.34, .52, .42));
  band (cr, y, SIDE, RGB (.45, .68, .82), RGB (.16, .40, .60));
  const double sail[3][2] = { { x, y + 2 }, { x, y - 28 }, { x + (x < 64 ? 16 : -16), y + 2 } };
  const double hull[4][2] = { { x - 13, y + 4 }, { x + 13, y + 4 }, { x + 8, y + 12 },
                              { x - 8, y + 12 } };
  moa_draw_polygon (cr, sail, 3);
  moa_draw_fill (cr, RGB (.98, .97, .94));
  moa_draw_polygon (cr, hull, 4);
  moa_draw_fill (cr, moa_dice_colour (dice, RGB (.75, .32, .26), .06));
}

static void
sunset (cairo_t *cr, MoaDice *dice)
{
  double y = moa_dice_between (dice, 68, 80);
  MoaColour top = moa_dice_colour (dice, RGB (.45, .27, .50), .05);
  band (cr, 0, y, top, RGB (.99, .66, .34));
  disc (cr, at_side (dice), y - 6, 17, RGB (1, .88, .55));
  band (cr, y, SIDE, RGB (.66, .36, .40), RGB (.25, .16, .30));
}

static void
kitchen (cairo_t *cr, MoaDice *dice)
{
  static const MoaColour pots[] = { { .82, .36, .30 }, { .33, .56, .70 }, { .93, .76, .38 } };
  MoaColour wall = moa_dice_colour (dice, RGB (.86, .92, .88), .04);
  band (cr, 0, SIDE, wall, moa_colour_scale (wall, .95));
  cairo_rectangle (cr, 0, 36, SIDE, 6);
  moa_draw_fill (cr, RGB (.66, .50, .36));
  double x = moa_dice_between (dice, 4, 12);
  for (int i = 0, shift = moa_dice_below (dice, 3); i < 4; i++)
    {
      double high = moa_dice_between (dice, 16, 24);
      moa_draw_box (cr, x, 36 - high, 19, high, 3);
      moa_draw_fill (cr, moa_dice_colour (dice, pots[(i + shift) % 3], .03));
      x += 31;
    }
  band (cr, 84, 92, RGB (.74, .60, .46), RGB (.68, .54, .40));
  band (cr, 92, SIDE, RGB (.93, .90, .84), RGB (.86, .83, .77));
}

/* ---- The list -------------------------------------------------------- */

static const struct {
  const char *name, *phrase;
  void (*draw) (cairo_t *cr, MoaDice *dice);
  MoaColour tint;
} places[] = {
  { "beach", "on a beach", beach, { 1, 1, 1 } },
  { "forest", "in a forest", forest, { .95, 1, .94 } },
  { "city", "in a city", city, { 1, 1, 1 } },
  { "night", "in a city at night", night, { .74, .79, 1 } },
  { "mountain", "on a mountain", mountain, { 1, 1, 1 } },
  { "room", "on a sofa", room, { 1, .99, .96 } },
  { "park", "in a park", park, { 1, 1, 1 } },
  { "lavender", "in a lavender field", lavender, { 1, .98, .98 } },
  { "snow", "in the snow", snow, { .96, .98, 1 } },
  { "desert", "in a desert", desert, { 1, .98, .94 } },
  { "lake", "by a lake", lake, { 1, 1, 1 } },
  { "sunset", "at sunset", sunset, { 1, .87, .80 } },
  { "kitchen", "in a kitchen", kitchen, { 1, 1, .98 } },
};

int
moa_world_n_places (void)
{
  return G_N_ELEMENTS (places);
}

const char *
moa_world_place_name (int place)
{
  return places[place].name;
}

const char *
moa_place_phrase (int place)
{
  return places[place].phrase;
}

MoaColour
moa_place_tint (int place)
{
  return places[place].tint;
}

void
moa_draw_place (cairo_t *cr, int place, MoaDice *details)
{
  places[place].draw (cr, details);
}

void
moa_draw_front (cairo_t *cr, const MoaContext *context)
{
  MoaColour colour = context->front_colour;
  switch (context->front)
    {
    case MOA_FRONT_TABLE:
      moa_draw_box (cr, -10, 108, 148, 30, 4);
      moa_draw_fill (cr, moa_colour_mix (RGB (.60, .42, .27), colour, .15));
      cairo_rectangle (cr, 0, 116, SIDE, 12);
      moa_draw_fill (cr, moa_colour_mix (RGB (.46, .31, .20), colour, .15));
      break;
    case MOA_FRONT_BUSH:
      moa_draw_ellipse (cr, 10, 126, 26, 20);
      moa_draw_ellipse (cr, 48, 130, 28, 22);
      moa_draw_ellipse (cr, 88, 130, 28, 19);
      moa_draw_ellipse (cr, 122, 126, 24, 22);
      moa_draw_fill (cr, moa_colour_mix (RGB (.24, .50, .25), colour, .12));
      break;
    case MOA_FRONT_FENCE:
      cairo_rectangle (cr, 0, 112, SIDE, 8);
      for (int i = 0; i < 5; i++)
        moa_draw_box (cr, 4 + 27 * i, 100, 13, 40, 4);
      moa_draw_fill (cr, moa_colour_mix (RGB (.90, .88, .84), colour, .12));
      break;
    default:
      break;
    }
}
