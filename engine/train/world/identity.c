/* Who somebody is: the classes and colours of an identity, drawn anew for
 * every person, and what a judge may ask about them. */
#include "train/world/draw.h"

typedef struct {
  const char *name;
  MoaColour colour;
} Shade;

/* A little softer than pure colours: small networks keep them better, and
 * they look better. */
static const Shade hair_shades[] = {
  { "black", { .13, .11, .12 } }, { "brown", { .36, .22, .13 } }, { "chestnut", { .58, .34, .18 } },
  { "red", { .78, .34, .13 } },   { "blond", { .93, .78, .42 } }, { "gray", { .66, .66, .68 } },
  { "pink", { .88, .42, .60 } },  { "blue", { .27, .42, .75 } },
};
static const Shade eye_shades[] = {
  { "brown", { .36, .20, .10 } }, { "blue", { .16, .42, .82 } }, { "green", { .18, .58, .26 } },
};
static const Shade top_shades[] = {
  { "red", { .80, .20, .20 } },   { "blue", { .20, .37, .76 } },   { "green", { .22, .58, .32 } },
  { "yellow", { .95, .80, .26 } }, { "white", { .94, .93, .90 } }, { "black", { .19, .20, .24 } },
  { "purple", { .53, .28, .66 } }, { "orange", { .94, .53, .20 } },
};
/* From light to dark; skin lies anywhere between. */
static const MoaColour skins[] = {
  { .99, .87, .77 }, { .94, .75, .58 }, { .77, .55, .38 }, { .55, .36, .23 }, { .36, .23, .15 },
};

static const struct {
  const char *name;
  int n;
  const char *classes[9];
} attributes[MOA_N_ATTRIBUTES] = {
  [MOA_ATTRIBUTE_STYLE] = { "hair style", 9,
                            { "bald", "short", "spiky", "afro", "long", "bob", "ponytail", "bun",
                              "pigtails" } },
  [MOA_ATTRIBUTE_HAIR] = { "hair colour", G_N_ELEMENTS (hair_shades) },
  [MOA_ATTRIBUTE_EYES] = { "eyes", G_N_ELEMENTS (eye_shades) },
  [MOA_ATTRIBUTE_FACIAL] = { "facial hair", 3, { "none", "moustache", "beard" } },
  [MOA_ATTRIBUTE_GLASSES] = { "glasses", 3, { "none", "clear", "dark" } },
  [MOA_ATTRIBUTE_HAT] = { "hat", 4, { "none", "cap", "beanie", "sun hat" } },
  [MOA_ATTRIBUTE_TOP] = { "top", G_N_ELEMENTS (top_shades) },
  [MOA_ATTRIBUTE_SECOND] = { "second colour", G_N_ELEMENTS (top_shades) },
  [MOA_ATTRIBUTE_PATTERN] = { "pattern", 6,
                              { "plain", "stripes across", "upright stripes", "dots", "halves",
                                "heart" } },
  [MOA_ATTRIBUTE_SLEEVES] = { "sleeves", 2, { "long", "short" } },
  [MOA_ATTRIBUTE_WOMAN] = { "woman", 2, { "man", "woman" } },
  [MOA_ATTRIBUTE_KID] = { "kid", 2, { "adult", "kid" } },
};

const char *
moa_attribute_name (MoaAttribute attribute)
{
  return attributes[attribute].name;
}

int
moa_attribute_n_classes (MoaAttribute attribute)
{
  return attributes[attribute].n;
}

const char *
moa_attribute_class_name (MoaAttribute attribute, int value)
{
  g_return_val_if_fail (value >= 0 && value < attributes[attribute].n, NULL);
  switch (attribute)
    {
    case MOA_ATTRIBUTE_HAIR:
      return hair_shades[value].name;
    case MOA_ATTRIBUTE_EYES:
      return eye_shades[value].name;
    case MOA_ATTRIBUTE_TOP:
    case MOA_ATTRIBUTE_SECOND:
      return top_shades[value].name;
    default:
      return attributes[attribute].classes[value];
    }
}

static MoaColour
skin_colour (double skin)
{
  double place = skin * (G_N_ELEMENTS (skins) - 1);
  int i = MIN ((int) place, (int) G_N_ELEMENTS (skins) - 2);
  return moa_colour_mix (skins[i], skins[i + 1], place - i);
}

/* Hats leave only these styles to be seen as what they are. */
static int
style_under_hat (int style)
{
  switch (style)
    {
    case STYLE_SPIKY:
      return STYLE_SHORT;
    case STYLE_AFRO:
      return STYLE_BOB;
    case STYLE_BUN:
      return STYLE_PONYTAIL;
    default:
      return style;
    }
}

static void
sample_head (MoaDice *dice, int *is)
{
  static const double woman_styles[] = { 0, .08, .05, .13, .22, .17, .13, .11, .11 };
  static const double man_styles[] = { .17, .29, .22, .14, .08, .04, .03, .03, 0 };
  static const double hair_weights[] = { .19, .16, .13, .13, .15, .10, .07, .07 };
  static const double facial_weights[] = { .45, .20, .35 };
  static const double glasses_weights[] = { .64, .24, .12 };
  static const double hat_weights[] = { .79, .07, .07, .07 };
  gboolean woman = is[MOA_ATTRIBUTE_WOMAN], kid = is[MOA_ATTRIBUTE_KID];

  int style = moa_dice_choose (dice, woman ? woman_styles : man_styles, 9);
  int hair = moa_dice_choose (dice, hair_weights, G_N_ELEMENTS (hair_weights));
  int facial = moa_dice_choose (dice, facial_weights, 3);
  int hat = moa_dice_choose (dice, hat_weights, 4);
  if (kid && style == STYLE_BALD)
    style = STYLE_SHORT;
  if (kid && hair == 5)
    hair = 2;
  is[MOA_ATTRIBUTE_STYLE] = hat == HAT_NONE ? style : style_under_hat (style);
  is[MOA_ATTRIBUTE_HAIR] = hair;
  is[MOA_ATTRIBUTE_FACIAL] = woman || kid ? FACIAL_NONE : facial;
  is[MOA_ATTRIBUTE_HAT] = hat;
  is[MOA_ATTRIBUTE_GLASSES] = moa_dice_choose (dice, glasses_weights, 3);
  is[MOA_ATTRIBUTE_EYES] = moa_dice_below (dice, G_N_ELEMENTS (eye_shades));
}

static void
sample_clothes (MoaDice *dice, int *is)
{
  static const double pattern_weights[] = { .25, .17, .15, .15, .15, .13 };
  int n = G_N_ELEMENTS (top_shades);
  int top = moa_dice_below (dice, n);
  is[MOA_ATTRIBUTE_TOP] = top;
  is[MOA_ATTRIBUTE_SECOND] = (top + 1 + moa_dice_below (dice, n - 1)) % n;
  is[MOA_ATTRIBUTE_PATTERN] = moa_dice_choose (dice, pattern_weights, 6);
  is[MOA_ATTRIBUTE_SLEEVES] = moa_dice_chance (dice, .4) ? SLEEVES_SHORT : SLEEVES_LONG;
}

void
moa_identity_sample (MoaDice *dice, int kid, MoaIdentity *identity)
{
  int *is = identity->is;
  gboolean any_kid = moa_dice_chance (dice, .22);
  is[MOA_ATTRIBUTE_KID] = kid < 0 ? any_kid : kid;
  is[MOA_ATTRIBUTE_WOMAN] = moa_dice_chance (dice, .5);
  sample_head (dice, is);
  sample_clothes (dice, is);
  identity->skin = moa_dice_unit (dice);
  identity->face = moa_dice_unit (dice);
  identity->width = moa_dice_unit (dice);
  identity->skin_colour = skin_colour (identity->skin);
  identity->hair = moa_dice_colour (dice, hair_shades[is[MOA_ATTRIBUTE_HAIR]].colour, .05);
  identity->eyes = moa_dice_colour (dice, eye_shades[is[MOA_ATTRIBUTE_EYES]].colour, .03);
  identity->top = moa_dice_colour (dice, top_shades[is[MOA_ATTRIBUTE_TOP]].colour, .05);
  identity->second = moa_dice_colour (dice, top_shades[is[MOA_ATTRIBUTE_SECOND]].colour, .05);
  identity->hat = moa_dice_colour (
      dice, top_shades[moa_dice_below (dice, G_N_ELEMENTS (top_shades))].colour, .05);
}

void
moa_identity_classes (const MoaIdentity *identity, int out[MOA_N_ATTRIBUTES])
{
  for (int i = 0; i < MOA_N_ATTRIBUTES; i++)
    out[i] = identity->is[i];
  if (out[MOA_ATTRIBUTE_STYLE] == STYLE_BALD && out[MOA_ATTRIBUTE_FACIAL] == FACIAL_NONE)
    out[MOA_ATTRIBUTE_HAIR] = -1;
  if (out[MOA_ATTRIBUTE_GLASSES] == GLASSES_DARK)
    out[MOA_ATTRIBUTE_EYES] = -1;
  if (out[MOA_ATTRIBUTE_PATTERN] == PATTERN_PLAIN)
    out[MOA_ATTRIBUTE_SECOND] = -1;
}

static const char *const measures[MOA_N_MEASURES] = {
  "skin red", "skin green", "skin blue", "hair red",     "hair green",   "hair blue",   "top red",
  "top green", "top blue",  "second red", "second green", "second blue", "face",        "width",
};

const char *
moa_measure_name (int measure)
{
  return measures[measure];
}

void
moa_identity_measures (const MoaIdentity *identity, float out[MOA_N_MEASURES])
{
  int seen[MOA_N_ATTRIBUTES];
  moa_identity_classes (identity, seen);
  MoaColour hair = seen[MOA_ATTRIBUTE_HAIR] < 0 ? identity->skin_colour : identity->hair;
  MoaColour second = seen[MOA_ATTRIBUTE_SECOND] < 0 ? identity->top : identity->second;
  const MoaColour colours[4] = { identity->skin_colour, hair, identity->top, second };
  for (int i = 0; i < 4; i++)
    {
      out[3 * i] = (float) colours[i].r;
      out[3 * i + 1] = (float) colours[i].g;
      out[3 * i + 2] = (float) colours[i].b;
    }
  out[12] = (float) identity->face;
  out[13] = (float) identity->width;
}
