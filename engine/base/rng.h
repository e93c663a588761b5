/* Philox4x32-10 (Salmon et al. 2011): counter based, so that element i of a
 * stream is known without drawing the others, on any device.  Normals use only
 * IEEE +, -, *, / and sqrt in a fixed order (no libm, no contraction), so that
 * a GPU gets the same bits. */
#ifndef MOA_RNG_H
#define MOA_RNG_H

#include <glib.h>

/* The block of four 32-bit words number `block` of stream (seed, stream). */
void moa_philox (guint64 seed, guint64 stream, guint64 block, guint32 out[4]);

/* n floats of the standard normal / uniform in [0,1), elements first .. first+n-1. */
void moa_rng_normal (guint64 seed, guint64 stream, guint64 first, float *out, gsize n);
void moa_rng_uniform (guint64 seed, guint64 stream, guint64 first, float *out, gsize n);

#endif
