/* What the golden tests of experts with masks for routers share. */
#ifndef GOLDEN_MASKED_H
#define GOLDEN_MASKED_H

#include "golden.h"
#include "jobs/job.h"

/* A job on the model with the fixture's file as the expert. */
gboolean masked_open (const Golden *golden, const Fixture *f, MoaJob **job, GError **error);

/* eps of the fixture's sample, text and first n feats, at timestep 441, against the output `name`
 * ("eps.two"), and that the routers' maps show the masks ("router.two").  masks [n, h, w], or NULL:
 * everywhere; index: rows of the subjects' words; scale: of an IP-Adapter's attentions. */
gboolean masked_check (MoaJob *job, Fixture *f, const char *name, int n, const float *masks,
                       const gint32 *index, double scale, GError **error);

#endif
