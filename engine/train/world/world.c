/* Scenes, and drawing them: layer over layer, each layer's coverage kept for
 * the masks. */
#include "train/world/draw.h"

#include <string.h>

struct _MoaWorld {
  guint64 seed;
  int size, photo_size;
};

MoaWorld *
moa_world_new (guint64 seed, int size, int photo_size)
{
  g_return_val_if_fail (size >= 16 && size <= 4096, NULL);
  g_return_val_if_fail (photo_size >= 16 && photo_size <= 4096, NULL);
  MoaWorld *world = g_new (MoaWorld, 1);
  *world = (MoaWorld) { .seed = seed, .size = size, .photo_size = photo_size };
  return world;
}

void
moa_world_free (MoaWorld *world)
{
  g_free (world);
}

int
moa_world_size (const MoaWorld *world)
{
  return world->size;
}

int
moa_world_photo_size (const MoaWorld *world)
{
  return world->photo_size;
}

guint64
moa_world_seed (const MoaWorld *world)
{
  return world->seed;
}

/* ---- Scenes ---------------------------------------------------------- */

void
moa_world_scene (const MoaWorld *world, guint64 index, int n_people, MoaScene *scene)
{
  MoaDice dice = moa_dice (world->seed, index, MOA_DICE_CONTEXT, n_people);
  memset (scene, 0, sizeof *scene);
  moa_context_sample (&dice, CLAMP (n_people, 0, MOA_WORLD_PEOPLE), &scene->context);
  for (int i = 0; i < scene->context.n_people; i++)
    {
      MoaDice person = moa_dice (world->seed, index, MOA_DICE_IDENTITY, i);
      moa_identity_sample (&person, -1, &scene->people[i]);
    }
}

void
moa_world_swap (const MoaWorld *world, guint64 index, guint variant, guint who,
                const MoaScene *scene, MoaScene *swapped)
{
  *swapped = *scene;
  for (int i = 0; i < scene->context.n_people; i++)
    if (who >> i & 1)
      {
        MoaDice dice
            = moa_dice (world->seed, index, MOA_DICE_SWAP, variant * MOA_WORLD_PEOPLE + i);
        moa_identity_sample (&dice, scene->people[i].is[MOA_ATTRIBUTE_KID], &swapped->people[i]);
      }
}

/* ---- Layers ---------------------------------------------------------- */

typedef struct {
  int size;
  double unit; /* pixels for each of 128 */
  const MoaScene *scene;
  cairo_surface_t *picture, *layer;
  guint8 *const *visible, *const *whole; /* may be NULL, as may their elements */
} Drawing;

static void
begin (cairo_surface_t *surface, cairo_t **cr, double unit)
{
  *cr = cairo_create (surface);
  cairo_set_antialias (*cr, CAIRO_ANTIALIAS_DEFAULT);
  cairo_set_tolerance (*cr, 0.1);
  cairo_scale (*cr, unit, unit);
}

static cairo_t *
begin_layer (Drawing *d)
{
  cairo_surface_flush (d->layer);
  memset (cairo_image_surface_get_data (d->layer), 0,
          (gsize) cairo_image_surface_get_stride (d->layer) * d->size);
  cairo_surface_mark_dirty (d->layer);
  cairo_t *cr;
  begin (d->layer, &cr, d->unit);
  return cr;
}

/* a + b - ab of bytes as parts of 255, rounded. */
static inline guint8
cover (guint8 a, guint8 b)
{
  return 255 - ((255 - a) * (255 - b) + 127) / 255;
}

/* Puts the layer on the picture.  It hides what is below, and shows, where it
 * belongs to somebody, more of them. */
static void
end_layer (Drawing *d, cairo_t *cr, int owner)
{
  cairo_destroy (cr);
  cr = cairo_create (d->picture);
  cairo_set_source_surface (cr, d->layer, 0, 0);
  cairo_paint (cr);
  cairo_destroy (cr);

  cairo_surface_flush (d->layer);
  const guint8 *data = cairo_image_surface_get_data (d->layer);
  int stride = cairo_image_surface_get_stride (d->layer);
  for (int k = 0; k < d->scene->context.n_people; k++)
    {
      guint8 *visible = d->visible ? d->visible[k] : NULL;
      guint8 *whole = d->whole ? d->whole[k] : NULL;
      for (int y = 0; y < d->size && (visible || whole); y++)
        for (int x = 0; x < d->size; x++)
          {
            guint32 pixel;
            memcpy (&pixel, data + (gsize) y * stride + 4 * x, sizeof pixel);
            guint8 alpha = pixel >> 24;
            gsize at = (gsize) y * d->size + x;
            if (!alpha)
              continue;
            if (visible)
              visible[at] = k == owner ? cover (visible[at], alpha)
                                       : (visible[at] * (255 - alpha) + 127) / 255;
            if (whole && k == owner)
              whole[at] = cover (whole[at], alpha);
          }
    }
}

/* Brighter toward the light, darker away from it, within what is drawn. */
static void
shine (cairo_t *cr, double light, double reach)
{
  double strong = .13 * (light < 0 ? -light : light);
  cairo_pattern_t *gradient = cairo_pattern_create_linear (-reach, 0, reach, 0);
  int lit = light > 0;
  cairo_pattern_add_color_stop_rgba (gradient, lit, 1, 1, 1, strong);
  cairo_pattern_add_color_stop_rgba (gradient, .5, .5, .5, .5, 0);
  cairo_pattern_add_color_stop_rgba (gradient, !lit, 0, 0, .1, strong);
  cairo_set_operator (cr, CAIRO_OPERATOR_ATOP);
  cairo_set_source (cr, gradient);
  cairo_paint (cr);
  cairo_set_operator (cr, CAIRO_OPERATOR_OVER);
  cairo_pattern_destroy (gradient);
}

static void
to_head (cairo_t *cr, const MoaPlacement *place)
{
  cairo_translate (cr, place->x, place->y);
  cairo_scale (cr, place->r, place->r);
}

static void
draw_one (Drawing *d, int k)
{
  const MoaPlacement *place = &d->scene->context.people[k];
  cairo_t *cr = begin_layer (d);
  to_head (cr, place);
  moa_draw_person (cr, &d->scene->people[k], &place->gesture);
  shine (cr, d->scene->context.light, 2.4);
  end_layer (d, cr, k);
  if (place->gesture.pose != MOA_POSE_CUP && place->gesture.pose != MOA_POSE_FLOWERS
      && place->gesture.pose != MOA_POSE_BALL)
    return;
  cr = begin_layer (d);
  to_head (cr, place);
  moa_draw_thing (cr, &d->scene->people[k], &place->gesture);
  end_layer (d, cr, -1);
}

/* Who is behind lays the hand on the other's far shoulder, who is before an
 * arm across the other's chest; from the head. */
static void
find_hug (const MoaContext *context, int k, double hand[2])
{
  const MoaPlacement *place = &context->people[k], *other = &context->people[!k];
  gboolean behind = k == context->first;
  double x = other->x + place->gesture.side * (behind ? 1.3 : .1) * other->r;
  double y = other->y + (behind ? 1.95 : 2.6) * other->r;
  hand[0] = (x - place->x) / place->r;
  hand[1] = (y - place->y) / place->r;
}

static void
draw_hug (Drawing *d, int k)
{
  const MoaPlacement *place = &d->scene->context.people[k];
  double hand[2];
  cairo_t *cr = begin_layer (d);
  find_hug (&d->scene->context, k, hand);
  to_head (cr, place);
  moa_draw_hug (cr, &d->scene->people[k], &place->gesture, hand[0], hand[1],
                k == d->scene->context.first);
  shine (cr, d->scene->context.light, 2.4);
  end_layer (d, cr, k);
}

static void
draw_people (Drawing *d)
{
  const MoaContext *context = &d->scene->context;
  int order[MOA_WORLD_PEOPLE] = { context->first, !context->first };
  for (int i = 0; i < context->n_people; i++)
    draw_one (d, order[i]);
  for (int i = 0; i < context->n_people; i++)
    if (context->people[order[i]].gesture.pose == MOA_POSE_HUG)
      draw_hug (d, order[i]);
  if (context->front == MOA_FRONT_NONE)
    return;
  cairo_t *cr = begin_layer (d);
  moa_draw_front (cr, context);
  end_layer (d, cr, -1);
}

/* The picture's bytes in the colour of the light. */
static void
read_tinted (cairo_surface_t *surface, int size, MoaColour tint, guint8 *rgb)
{
  guint8 table[3][256];
  const double channels[3] = { tint.r, tint.g, tint.b };
  for (int c = 0; c < 3; c++)
    for (int i = 0; i < 256; i++)
      table[c][i] = (guint8) MIN (i * channels[c] + .5, 255);
  cairo_surface_flush (surface);
  const guint8 *data = cairo_image_surface_get_data (surface);
  int stride = cairo_image_surface_get_stride (surface);
  for (int y = 0; y < size; y++)
    for (int x = 0; x < size; x++, rgb += 3)
      {
        guint32 pixel;
        memcpy (&pixel, data + (gsize) y * stride + 4 * x, sizeof pixel);
        rgb[0] = table[0][pixel >> 16 & 255];
        rgb[1] = table[1][pixel >> 8 & 255];
        rgb[2] = table[2][pixel & 255];
      }
}

/* A blur of about 0.6 pixels along one direction, the edge repeated: n lines of `length`
 * values, `step` apart.  It spares the autoencoder edges that it cannot keep.
 * up: rounded up, so that no pixel that somebody touches is 0 in their mask. */
static void
soften_lines (guint8 *data, int n, gsize line, int length, gsize step, gboolean up)
{
  enum { SIDE_WEIGHT = 50, MIDDLE = 256 - 2 * SIDE_WEIGHT };
  int round = up ? 255 : 128;
  for (int i = 0; i < n; i++, data += line)
    {
      int before = data[0];
      for (int j = 0; j < length; j++)
        {
          int here = data[j * step], after = data[MIN (j + 1, length - 1) * step];
          data[j * step] = (SIDE_WEIGHT * (before + after) + MIDDLE * here + round) >> 8;
          before = here;
        }
    }
}

static void
soften (guint8 *data, int size, int channels, gboolean up)
{
  for (int c = 0; c < channels; c++)
    {
      soften_lines (data + c, size, (gsize) size * channels, size, channels, up);
      soften_lines (data + c, size, channels, size, (gsize) size * channels, up);
    }
}

void
moa_world_draw (const MoaWorld *world, const MoaScene *scene, guint8 *rgb,
                guint8 *const visible[MOA_WORLD_PEOPLE], guint8 *const whole[MOA_WORLD_PEOPLE])
{
  int size = world->size;
  Drawing d = { size, size / 128.0, scene,
                cairo_image_surface_create (CAIRO_FORMAT_RGB24, size, size),
                cairo_image_surface_create (CAIRO_FORMAT_ARGB32, size, size), visible, whole };
  for (int k = 0; k < MOA_WORLD_PEOPLE; k++)
    {
      if (visible && visible[k])
        memset (visible[k], 0, (gsize) size * size);
      if (whole && whole[k])
        memset (whole[k], 0, (gsize) size * size);
    }
  MoaDice details = moa_dice (scene->context.details, 0, MOA_DICE_DETAILS, 0);
  cairo_t *cr;
  begin (d.picture, &cr, d.unit);
  moa_draw_place (cr, scene->context.place, &details);
  cairo_destroy (cr);
  draw_people (&d);
  read_tinted (d.picture, size, scene->context.tint, rgb);
  soften (rgb, size, 3, FALSE);
  for (int k = 0; k < scene->context.n_people; k++)
    {
      if (visible && visible[k])
        soften (visible[k], size, 1, TRUE);
      if (whole && whole[k])
        soften (whole[k], size, 1, TRUE);
    }
  cairo_surface_destroy (d.picture);
  cairo_surface_destroy (d.layer);
}

void
moa_world_pose (const MoaWorld *world, const MoaScene *scene, guint8 *rgb)
{
  const MoaContext *context = &scene->context;
  cairo_surface_t *picture = cairo_image_surface_create (CAIRO_FORMAT_RGB24, world->size, world->size);
  cairo_t *cr;
  begin (picture, &cr, world->size / 128.0);
  for (int k = 0; k < context->n_people; k++)
    {
      double hand[2];
      gboolean hugs = context->people[k].gesture.pose == MOA_POSE_HUG;
      if (hugs)
        find_hug (context, k, hand);
      cairo_save (cr);
      to_head (cr, &context->people[k]);
      moa_draw_pose (cr, &scene->people[k], &context->people[k].gesture, hugs ? hand : NULL);
      cairo_restore (cr);
    }
  cairo_destroy (cr);
  read_tinted (picture, world->size, (MoaColour) { 1, 1, 1 }, rgb);
  cairo_surface_destroy (picture);
}

/* ---- Photos ---------------------------------------------------------- */

void
moa_world_photo (const MoaWorld *world, const MoaIdentity *identity, guint64 index, int person,
                 guint number, guint8 *rgb)
{
  MoaDice dice = moa_dice (world->seed, index, MOA_DICE_PHOTO, number * MOA_WORLD_PEOPLE + person);
  int size = world->photo_size;
  MoaGesture gesture;
  moa_gesture_sample (&dice, TRUE, &gesture);
  double gray = moa_dice_between (&dice, .60, .95);
  MoaColour ground = moa_dice_colour (&dice, (MoaColour) { gray, gray, gray }, .12);
  MoaPlacement place = { .x = moa_dice_between (&dice, 58, 70) };
  place.y = moa_dice_between (&dice, 46, 56);
  place.r = moa_dice_between (&dice, 24, 29);
  double light = moa_dice_between (&dice, -1, 1), bright = moa_dice_between (&dice, .9, 1);

  cairo_surface_t *picture = cairo_image_surface_create (CAIRO_FORMAT_RGB24, size, size);
  cairo_surface_t *layer = cairo_image_surface_create (CAIRO_FORMAT_ARGB32, size, size);
  cairo_t *cr;
  begin (layer, &cr, size / 128.0);
  to_head (cr, &place);
  moa_draw_person (cr, identity, &gesture);
  shine (cr, light, 2.4);
  cairo_destroy (cr);
  begin (picture, &cr, 1);
  moa_draw_colour (cr, ground);
  cairo_paint (cr);
  cairo_set_source_surface (cr, layer, 0, 0);
  cairo_paint (cr);
  cairo_destroy (cr);
  read_tinted (picture, size, (MoaColour) { bright, bright, bright }, rgb);
  cairo_surface_destroy (picture);
  cairo_surface_destroy (layer);
}

/* Pixel at x, y, the edge repeated, of the picture with all but the mask gray. */
static void
seen_pixel (const guint8 *rgb, const guint8 *mask, int size, int x, int y, double out[3])
{
  gsize at = (gsize) CLAMP (y, 0, size - 1) * size + CLAMP (x, 0, size - 1);
  double part = mask ? mask[at] / 255.0 : 1;
  for (int c = 0; c < 3; c++)
    out[c] = part * rgb[3 * at + c] + (1 - part) * 127;
}

void
moa_world_crop (const MoaWorld *world, const MoaScene *scene, guint64 index, int person,
                const guint8 *rgb, const guint8 *mask, guint8 *out)
{
  MoaDice dice = moa_dice (world->seed, index, MOA_DICE_CROP, person);
  const MoaPlacement *place = &scene->context.people[person];
  int size = world->size, n = world->photo_size;
  double unit = size / 128.0, half = place->r * moa_dice_between (&dice, 2.1, 2.6) * unit;
  double left = place->x * unit - half, top = (place->y + .9 * place->r) * unit - half;
  double step = 2 * half / n;
  for (int j = 0; j < n; j++)
    for (int i = 0; i < n; i++, out += 3)
      {
        /* Bilinear; + 8 size keeps what is cut off by the conversion positive. */
        double x = left + (i + .5) * step - .5 + 8 * size;
        double y = top + (j + .5) * step - .5 + 8 * size;
        int x0 = (int) x, y0 = (int) y;
        double fx = x - x0, fy = y - y0, p[4][3];
        for (int k = 0; k < 4; k++)
          seen_pixel (rgb, mask, size, x0 + (k & 1) - 8 * size, y0 + (k >> 1) - 8 * size, p[k]);
        for (int c = 0; c < 3; c++)
          out[c] = (guint8) ((p[0][c] * (1 - fx) + p[1][c] * fx) * (1 - fy)
                             + (p[2][c] * (1 - fx) + p[3][c] * fx) * fy + .5);
      }
}
