/* The drawn world: pictures of people with a fixed identity in varied places,
 * from a seed alone.  Who somebody is (identity) and everything else (context:
 * place, where people stand, pose, face, light, things held) are apart, so that
 * the same context can be drawn with another identity: what a swap should
 * give, known to the pixel.
 *
 * The same seed gives the same bytes on every machine with the same Cairo:
 * numbers come from base/rng.h, shapes are Bezier outlines whose points need
 * only + - * / and sqrt.  All functions may be called from several threads.
 */
#ifndef MOA_WORLD_H
#define MOA_WORLD_H

#include <glib.h>

#define MOA_WORLD_PEOPLE 2 /* most in one picture */

typedef struct {
  double r, g, b;
} MoaColour;

/* ---- Who: the identity ----------------------------------------------- */

/* Attributes that are one of a few; what a judge can be asked about. */
typedef enum {
  MOA_ATTRIBUTE_STYLE,  /* of the hair */
  MOA_ATTRIBUTE_HAIR,   /* its colour */
  MOA_ATTRIBUTE_EYES,   /* their colour */
  MOA_ATTRIBUTE_FACIAL, /* facial hair */
  MOA_ATTRIBUTE_GLASSES,
  MOA_ATTRIBUTE_HAT,
  MOA_ATTRIBUTE_TOP,     /* the top's colour */
  MOA_ATTRIBUTE_SECOND,  /* the colour of its pattern */
  MOA_ATTRIBUTE_PATTERN,
  MOA_ATTRIBUTE_SLEEVES,
  MOA_ATTRIBUTE_WOMAN,
  MOA_ATTRIBUTE_KID,
  MOA_N_ATTRIBUTES
} MoaAttribute;

typedef struct {
  int is[MOA_N_ATTRIBUTES]; /* the class of each attribute, visible or not */
  double skin;              /* 0 light to 1 dark */
  double face;              /* 0 narrow and long to 1 broad and round */
  double width;             /* of the body, 0 to 1 */
  MoaColour skin_colour, hair, eyes, top, second, hat; /* class colours, varied a little */
} MoaIdentity;

const char *moa_attribute_name (MoaAttribute attribute);
int moa_attribute_n_classes (MoaAttribute attribute);
const char *moa_attribute_class_name (MoaAttribute attribute, int value);

/* The classes as the eye can tell them: -1 where nothing shows it (the hair
 * colour of the bald, the eyes behind dark glasses, the second colour of a
 * plain top). */
void moa_identity_classes (const MoaIdentity *identity, int out[MOA_N_ATTRIBUTES]);

/* What is continuous: colours in [0,1] of skin, hair, top and second colour,
 * face, width.  What does not show is that of what shows instead. */
#define MOA_N_MEASURES 14
void moa_identity_measures (const MoaIdentity *identity, float out[MOA_N_MEASURES]);
const char *moa_measure_name (int measure);

/* ---- Where and how: the context -------------------------------------- */

typedef enum {
  MOA_POSE_DOWN,
  MOA_POSE_UP,
  MOA_POSE_WAVE,
  MOA_POSE_HIPS,
  MOA_POSE_CROSSED,
  MOA_POSE_CUP,
  MOA_POSE_FLOWERS,
  MOA_POSE_BALL,
  MOA_POSE_HUG, /* the arm on the other's side lies around the other */
  MOA_N_POSES
} MoaPose;

typedef struct {
  MoaPose pose;
  int side;            /* -1 or 1: the arm that waves or hugs */
  double lean, tilt;   /* of the body and of the head, radians */
  double smile;        /* -0.3 to 1 */
  int laugh;           /* mouth open */
  double look;         /* -1 to 1: where the eyes go */
  double arm;          /* -1 to 1: varies the arms a little */
  MoaColour thing;     /* colour of what the hands hold */
} MoaGesture;

typedef struct {
  double x, y, r; /* of the head, for a picture 128 wide */
  MoaGesture gesture;
} MoaPlacement;

/* What stands between the people and the eye. */
typedef enum { MOA_FRONT_NONE, MOA_FRONT_TABLE, MOA_FRONT_BUSH, MOA_FRONT_FENCE,
               MOA_N_FRONTS } MoaFront;

typedef struct {
  int place;         /* 0 .. moa_world_n_places () - 1 */
  guint64 details;   /* seed of the place's details */
  int n_people;
  MoaPlacement people[MOA_WORLD_PEOPLE]; /* left to right */
  int first;         /* who is drawn first and so may be hidden partly */
  MoaFront front;
  MoaColour front_colour;
  double light;      /* -1 from the left to 1 from the right */
  MoaColour tint;    /* colour of the light */
} MoaContext;

int moa_world_n_places (void);
const char *moa_world_place_name (int place);
const char *moa_pose_name (MoaPose pose);

/* ---- The world ------------------------------------------------------- */

typedef struct {
  MoaContext context;
  MoaIdentity people[MOA_WORLD_PEOPLE];
} MoaScene;

typedef struct _MoaWorld MoaWorld;

/* size: side of the pictures, photo_size: that of subject photos, in pixels,
 * 16 to 4096 each.  (transfer full) */
MoaWorld *moa_world_new (guint64 seed, int size, int photo_size);
void moa_world_free (MoaWorld *world);
int moa_world_size (const MoaWorld *world);
int moa_world_photo_size (const MoaWorld *world);

/* Scene number index of this world; n_people 0: one or two as the seed says.
 * Training takes scenes from 0 on, its own checks from 2^40 on, `moa evaluate`
 * from 2^41 and 2^42 on: what is measured was never seen, whatever the seed. */
void moa_world_scene (const MoaWorld *world, guint64 index, int n_people, MoaScene *scene);

/* The same context with other people: those of the bits in who are exchanged
 * (kids for kids).  variant 0, 1, ... gives different ones. */
void moa_world_swap (const MoaWorld *world, guint64 index, guint variant, guint who,
                     const MoaScene *scene, MoaScene *swapped);

/* size * size * 3 bytes, RGB, and masks of size * size bytes, 0 to 255, for
 * each person: what is seen of them, and their whole silhouette as if nothing
 * were before them.  Two scenes with the same context differ nowhere outside
 * both silhouettes.  Masks, and pointers in the arrays, may be NULL. */
void moa_world_draw (const MoaWorld *world, const MoaScene *scene, guint8 *rgb,
                     guint8 *const visible[MOA_WORLD_PEOPLE],
                     guint8 *const whole[MOA_WORLD_PEOPLE]);

/* How its people stand, as a picture for a ControlNet: size * size * 3 bytes, on black.  Who hides whom, and
 * what stands before them, does not count. */
void moa_world_pose (const MoaWorld *world, const MoaScene *scene, guint8 *rgb);

/* A photo of somebody in another pose on plain ground: photo_size^2 * 3 bytes.
 * Scene index and person name the stream of numbers, number the photo. */
void moa_world_photo (const MoaWorld *world, const MoaIdentity *identity, guint64 index,
                      int person, guint number, guint8 *rgb);

/* Head and shoulders cut out of the scene's picture, photo_size^2 * 3 bytes;
 * with a mask (of moa_world_draw) all else becomes gray. */
void moa_world_crop (const MoaWorld *world, const MoaScene *scene, guint64 index, int person,
                     const guint8 *rgb, const guint8 *mask, guint8 *out);

/* ---- Words ----------------------------------------------------------- */

#define MOA_CAPTION_BYTES 192

typedef struct {
  char text[MOA_CAPTION_BYTES];
  int n_people;
  int end[MOA_WORLD_PEOPLE];   /* bytes from the start to just after the k-th person's noun */
  int token[MOA_WORLD_PEOPLE]; /* its row in the window, 0 being the start token, where each
                                  word and each comma is one token */
} MoaCaption;

/* Caption number variant of a scene: another choice of words each. */
void moa_world_caption (const MoaWorld *world, const MoaScene *scene, guint64 index,
                        guint variant, MoaCaption *caption);

/* All words that captions use, and some more that a user may type; NULL ended. */
const char *const *moa_world_words (void);

/* Writes vocab.json, merges.txt, tokenizer_config.json and
 * special_tokens_map.json: CLIP's byte-pair encoding in which each of
 * moa_world_words() is one token.  window: ids of a prompt, 32 in the mini. */
gboolean moa_world_write_tokenizer (const char *folder, int window, GError **error);

#endif
