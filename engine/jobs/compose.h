/* The composite mask, and putting a result into its picture. */
#ifndef MOA_JOB_COMPOSE_H
#define MOA_JOB_COMPOSE_H

#include "moa.h"

/* weight: the routers' personalised weight; change: how much the picture has
 * changed, 0 to 1, or NULL; selection: where persons may change, or NULL; all
 * at the work picture's size, as is the result.
 * *found: whether the routers found a person.  (transfer full) */
MoaImage *moa_mask_composite (const MoaImage *weight, const MoaImage *change,
                              const MoaImage *selection, double threshold, double grow,
                              double feather, gboolean *found, GError **error);

/* mask <- min (mask, other), of the same size. */
void moa_mask_limit (MoaImage *mask, const MoaImage *other);

/* Gives result the source's mean and spread of each colour, as they are in a
 * ring of the given width around the mask; all of the same size, RGB. */
gboolean moa_match_colors (MoaImage *result, const MoaImage *source, const MoaImage *mask,
                           double width, GError **error);

/* RGB: where the mask is 0 the source's own numbers, else a blend.  (transfer full) */
MoaImage *moa_image_compose (const MoaImage *source, const MoaImage *result, const MoaImage *mask,
                             GError **error);

#endif
