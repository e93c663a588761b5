/* What the world's files share: random numbers, colours and shapes.  A shape
 * is filled outlines only (no strokes, arcs or rotations of Cairo's, whose
 * points come from the C library's sin and cos). */
#ifndef MOA_WORLD_DRAW_H
#define MOA_WORLD_DRAW_H

#include "base/exact.h"
#include "train/world/world.h"

#include <cairo.h>

guint64 moa_world_seed (const MoaWorld *world);

/* ---- Numbers: a stream that is read in order ------------------------- */

typedef struct {
  guint64 seed, stream, next;
} MoaDice;

/* What a stream is for; scenes, people and variants get streams of their own,
 * so that drawing one thing more never changes another. */
typedef enum {
  MOA_DICE_CONTEXT,
  MOA_DICE_IDENTITY,
  MOA_DICE_SWAP,
  MOA_DICE_PHOTO,
  MOA_DICE_CROP,
  MOA_DICE_CAPTION,
  MOA_DICE_DETAILS
} MoaDiceUse;

MoaDice moa_dice (guint64 seed, guint64 index, MoaDiceUse use, guint variant);
double moa_dice_unit (MoaDice *dice);                        /* [0,1) */
double moa_dice_between (MoaDice *dice, double a, double b);
int moa_dice_below (MoaDice *dice, int n);                   /* 0 .. n-1 */
gboolean moa_dice_chance (MoaDice *dice, double p);
/* Index of a weight, by weight; they need not sum to 1. */
int moa_dice_choose (MoaDice *dice, const double *weights, int n);
/* The colour moved by up to spread in each channel, kept in [0,1]. */
MoaColour moa_dice_colour (MoaDice *dice, MoaColour colour, double spread);

/* ---- Colours --------------------------------------------------------- */

MoaColour moa_colour_mix (MoaColour a, MoaColour b, double t);
/* Times k, kept in [0,1]. */
MoaColour moa_colour_scale (MoaColour a, double k);

/* ---- Shapes ---------------------------------------------------------- */

void moa_draw_rotate (cairo_t *cr, double angle); /* |angle| below 1 */
void moa_draw_colour (cairo_t *cr, MoaColour colour);
void moa_draw_fill (cairo_t *cr, MoaColour colour);
/* The path is filled with a at y0 (or x0) changing to b at y1. */
void moa_draw_fill_down (cairo_t *cr, double y0, MoaColour a, double y1, MoaColour b);
/* Paths */
void moa_draw_ellipse (cairo_t *cr, double x, double y, double rx, double ry);
void moa_draw_ring (cairo_t *cr, double x, double y, double rx, double ry, double width);
void moa_draw_box (cairo_t *cr, double x, double y, double w, double h, double radius);
void moa_draw_polygon (cairo_t *cr, const double (*points)[2], int n);
/* A line of n points with round ends and joints. */
void moa_draw_line (cairo_t *cr, const double (*points)[2], int n, double width);

/* ---- Parts of a picture ---------------------------------------------- */

/* How a place is called in a caption ("on a beach"), and the colour of its light. */
const char *moa_place_phrase (int place);
MoaColour moa_place_tint (int place);
/* The picture is 128 wide and high here. */
void moa_draw_place (cairo_t *cr, int place, MoaDice *details);
void moa_draw_front (cairo_t *cr, const MoaContext *context);

/* Origin at the head's centre, unit the head's radius. */
void moa_draw_person (cairo_t *cr, const MoaIdentity *identity, const MoaGesture *gesture);
void moa_draw_head (cairo_t *cr, const MoaIdentity *identity, const MoaGesture *gesture);
void moa_draw_hair_back (cairo_t *cr, const MoaIdentity *identity);
void moa_draw_locks (cairo_t *cr, const MoaIdentity *identity);
/* What the hands hold, and the hands on it. */
void moa_draw_thing (cairo_t *cr, const MoaIdentity *identity, const MoaGesture *gesture);
/* The arm of a hug, from the own shoulder to the point x, y on the other; of an
 * arm behind the other only the hand. */
void moa_draw_hug (cairo_t *cr, const MoaIdentity *identity, const MoaGesture *gesture, double x,
                   double y, gboolean behind);

/* ---- Where somebody's limbs are --------------------------------------- */

/* From the head, leaning, to the body, which has other units. */
void moa_draw_to_body (cairo_t *cr, const MoaIdentity *identity);
/* Shoulder, elbow and hand of the body's left (-1) or right (1) arm; FALSE: that one hugs. */
gboolean moa_person_arm (const MoaIdentity *identity, const MoaGesture *gesture, int side,
                         double points[3][2]);
/* Of the arm of a hug, as moa_draw_hug(). */
void moa_person_hug (const MoaIdentity *identity, const MoaGesture *gesture, double x, double y,
                     double points[3][2]);
/* Limbs and joints, in the manner of OpenPose, as far as a drawn person has them.  hug: where the hand of a
 * hug lies, from the head; NULL: there is none. */
void moa_draw_pose (cairo_t *cr, const MoaIdentity *identity, const MoaGesture *gesture,
                    const double hug[2]);

/* ---- From numbers ---------------------------------------------------- */

void moa_identity_sample (MoaDice *dice, int kid, MoaIdentity *identity); /* kid -1: either */
void moa_context_sample (MoaDice *dice, int n_people, MoaContext *context);
void moa_gesture_sample (MoaDice *dice, gboolean calm, MoaGesture *gesture);

/* Classes that drawing asks for */
enum { STYLE_BALD, STYLE_SHORT, STYLE_SPIKY, STYLE_AFRO, STYLE_LONG, STYLE_BOB, STYLE_PONYTAIL,
       STYLE_BUN, STYLE_PIGTAILS };
enum { FACIAL_NONE, FACIAL_MOUSTACHE, FACIAL_BEARD };
enum { GLASSES_NONE, GLASSES_CLEAR, GLASSES_DARK };
enum { HAT_NONE, HAT_CAP, HAT_BEANIE, HAT_SUN };
enum { PATTERN_PLAIN, PATTERN_ACROSS, PATTERN_UPRIGHT, PATTERN_DOTS, PATTERN_HALVES,
       PATTERN_HEART };
enum { SLEEVES_LONG, SLEEVES_SHORT };

#endif
