/* Held-out pictures of the drawn world with everything that measuring a swap
 * needs: the picture, the truth, who stands where, photos, the selection.
 *
 * They are scenes number MOA_HELD_OUT_FIRST and up of the world with the seed
 * of the evaluation.  Training draws scenes 0 to 2^30, its own checks 2^40 and
 * up to 2^40 + 2^17, whatever its seed: so no picture, person or place of an
 * evaluation was ever seen, even if both have the same seed. */
#ifndef MOA_EVALUATE_CASE_H
#define MOA_EVALUATE_CASE_H

#include "moa.h"
#include "train/world/world.h"

#define MOA_HELD_OUT_FIRST ((guint64) 1 << 41)
#define MOA_HELD_OUT_PAIRS ((guint64) 1 << 42) /* pictures of two people */

typedef struct {
  guint64 index;
  guint64 noise;     /* a seed for what a model draws by chance */
  int n_people;
  guint who;         /* bits of the people who are replaced */
  MoaScene scene, swapped;
  MoaImage *source, *truth;                  /* RGB */
  MoaImage *before[MOA_WORLD_PEOPLE], *after[MOA_WORLD_PEOPLE]; /* where each is seen */
  MoaImage *region;    /* 0 or 1: where somebody who is replaced, or who came, is seen, and what
                          else differs, a 32nd of the side wider: the rest is background */
  MoaImage *selection; /* 0 or 1: who is replaced, a 16th of the side wider; what a user selects */
  MoaImage *photo[MOA_WORLD_PEOPLE]; /* of who shall be there: a photo of who comes, who stays cut
                                        out of the picture */
} MoaCase;

/* Case number i of its kind.  who 0: one of them, left and right in turn.  NULL: no memory. */
MoaCase *moa_case_new (const MoaWorld *world, int i, int n_people, guint who);
void moa_case_free (MoaCase *c);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (MoaCase, moa_case_free)

/* A prompt that says what the truth shows: one of its captions, each person's
 * noun marked <1>, <2>; and what it promises. */
typedef struct {
  char text[MOA_CAPTION_BYTES + 8 * MOA_WORLD_PEOPLE];
  gboolean front, pose; /* whether it says what is in front, and what they do */
} MoaCasePrompt;

void moa_case_prompt (const MoaWorld *world, const MoaCase *c, MoaCasePrompt *prompt);

/* Bytes of RGB from a picture, rounded.  (transfer full) */
guint8 *moa_case_bytes (const MoaImage *picture);

#endif
