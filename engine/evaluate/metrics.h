/* How near one picture is to another, and what many such numbers say. */
#ifndef MOA_METRICS_H
#define MOA_METRICS_H

#include "moa.h"

/* Pictures of one size with values in [0,1]; mask: one channel, weights of the
 * pixels, NULL: all alike.  NAN where the mask is empty. */

/* 10 log10 (1 / mean square error), in decibels; at most 100. */
double moa_psnr (const MoaImage *a, const MoaImage *b, const MoaImage *mask);

/* Structural similarity (Wang et al. 2004): Gaussian windows of 11 pixels,
 * sigma 1.5, K 0.01 and 0.03, mean over the channels.  Only windows that lie
 * inside the picture count, weighted by the mask at their centre.  NAN, too, when
 * the picture is smaller than a window. */
double moa_ssim (const MoaImage *a, const MoaImage *b, const MoaImage *mask);

/* Pixels above one half in both, of those in either. */
double moa_overlap (const float *a, const float *b, gsize n);

/* 1 - mask.  (transfer full) */
MoaImage *moa_mask_rest (const MoaImage *mask);

/* ---- Many numbers ----------------------------------------------------- */

/* Columns of a table: numbers under names, in the order in which the names
 * were first used.  What is NAN is left out. */
typedef struct _MoaScores MoaScores;

MoaScores *moa_scores_new (void);
void moa_scores_free (MoaScores *scores);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (MoaScores, moa_scores_free)

/* name must outlive scores. */
void moa_scores_add (MoaScores *scores, const char *name, double value);

int moa_scores_n (const MoaScores *scores);
const char *moa_scores_name (const MoaScores *scores, int i);
/* The numbers under a name, n of them; NULL and 0 if there are none. */
const double *moa_scores_values (const MoaScores *scores, const char *name, int *n);
/* NAN if there are none. */
double moa_scores_mean (const MoaScores *scores, const char *name);

/* The 95 % interval of the mean by the bootstrap's percentiles, of 2000 draws
 * that depend on n alone. */
void moa_bootstrap (const double *values, int n, double *low, double *high);

#endif
