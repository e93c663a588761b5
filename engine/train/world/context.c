/* Where and how: place, light, and how many people stand where in what pose. */
#include "train/world/draw.h"

static const char *const pose_names[MOA_N_POSES] = { "down",  "up",      "wave", "hips", "crossed",
                                                     "cup",   "flowers", "ball", "hug" };

const char *
moa_pose_name (MoaPose pose)
{
  return pose_names[pose];
}

static const MoaColour thing_colours[] = {
  { .82, .26, .26 }, { .26, .44, .78 }, { .95, .80, .35 }, { .92, .52, .66 }, { .96, .95, .92 },
  { .60, .40, .74 },
};

static MoaColour
thing_colour (MoaDice *dice)
{
  int i = moa_dice_below (dice, G_N_ELEMENTS (thing_colours));
  return moa_dice_colour (dice, thing_colours[i], .04);
}

void
moa_gesture_sample (MoaDice *dice, gboolean calm, MoaGesture *gesture)
{
  /*                               down  up   wave hips cross cup flow ball */
  static const double lively[] = { .26, .10, .14, .13, .08, .11, .10, .08 };
  static const double plain[] = { .50, .06, .14, .22, .08 };
  gesture->pose = calm ? moa_dice_choose (dice, plain, G_N_ELEMENTS (plain))
                       : moa_dice_choose (dice, lively, G_N_ELEMENTS (lively));
  gesture->side = moa_dice_chance (dice, .5) ? 1 : -1;
  gesture->lean = moa_dice_between (dice, -.09, .09);
  gesture->tilt = moa_dice_between (dice, -.14, .14);
  gesture->smile = moa_dice_between (dice, -.3, 1);
  gesture->laugh = moa_dice_chance (dice, .22);
  gesture->look = moa_dice_between (dice, -1, 1);
  gesture->arm = moa_dice_between (dice, -1, 1);
  gesture->thing = thing_colour (dice);
}

static void
place_one (MoaDice *dice, MoaPlacement *person)
{
  person->r = moa_dice_between (dice, 18, 24);
  person->x = moa_dice_between (dice, 50, 78);
  person->y = moa_dice_between (dice, 36, 48) + (person->r - 18) * .6;
}

typedef enum { PAIR_APART, PAIR_OVERLAPPING, PAIR_HUGGING } Pair;

static void
place_two (MoaDice *dice, MoaPlacement people[2])
{
  static const double weights[] = { .5, .28, .22 };
  static const double gaps[][2] = { { 54, 64 }, { 40, 50 }, { 39, 46 } };
  static const double radii[][2] = { { 15.5, 17.5 }, { 16, 19 }, { 16, 18.5 } };
  Pair pair = moa_dice_choose (dice, weights, 3);
  double gap = moa_dice_between (dice, gaps[pair][0], gaps[pair][1]);
  double r = moa_dice_between (dice, radii[pair][0], radii[pair][1]);
  double middle = moa_dice_between (dice, 60, 68), y = moa_dice_between (dice, 40, 52);
  for (int i = 0; i < 2; i++)
    {
      MoaPlacement *person = &people[i];
      int toward = i ? -1 : 1; /* the other */
      person->x = middle - toward * gap / 2;
      person->y = y + moa_dice_between (dice, -5, 5);
      person->r = r * moa_dice_between (dice, .94, 1.06);
      if (pair == PAIR_HUGGING)
        {
          person->gesture.pose = MOA_POSE_HUG;
          person->gesture.side = toward;
          person->gesture.tilt = toward * moa_dice_between (dice, .04, .16);
          person->gesture.lean = toward * moa_dice_between (dice, 0, .06);
          person->gesture.smile = moa_dice_between (dice, .4, 1);
        }
    }
}

void
moa_context_sample (MoaDice *dice, int n_people, MoaContext *context)
{
  static const double front_weights[MOA_N_FRONTS] = { .67, .12, .12, .09 };
  *context = (MoaContext) { .place = moa_dice_below (dice, moa_world_n_places ()) };
  guint64 details = moa_dice_below (dice, 1 << 24);
  context->details = details << 24 | moa_dice_below (dice, 1 << 24);
  gboolean two = moa_dice_chance (dice, .5);
  context->n_people = n_people ? n_people : two ? 2 : 1;
  for (int i = 0; i < context->n_people; i++)
    moa_gesture_sample (dice, FALSE, &context->people[i].gesture);
  if (context->n_people == 1)
    place_one (dice, context->people);
  else
    place_two (dice, context->people);
  context->first = context->n_people == 2 && moa_dice_chance (dice, .5);
  context->front = moa_dice_choose (dice, front_weights, MOA_N_FRONTS);
  context->front_colour = thing_colour (dice);
  context->light = moa_dice_between (dice, -1, 1);
  double bright = moa_dice_between (dice, .90, 1);
  context->tint = moa_colour_scale (
      moa_dice_colour (dice, moa_place_tint (context->place), .03), bright);
}
