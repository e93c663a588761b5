/* What every CPU kernel file starts from.  Each file is compiled once per
 * instruction set (MOA_KERNEL_ISA: base, avx2, avx512, f64); `real` is the
 * graph's number and `vec` a full vector of them.  KERNEL (linear) is the
 * kernel's name in the table, moa_linear_avx2 for example. */
#ifndef MOA_KERNEL_H
#define MOA_KERNEL_H

#include <math.h>
#include <string.h>

#include "ops/kernels.h"
#include "ops/op.h"

#define MOA_PASTE_(a, b) a##_##b
#define MOA_PASTE(a, b) MOA_PASTE_ (a, b)
#define KERNEL(name) MOA_PASTE (moa_##name, MOA_KERNEL_ISA)

#ifdef MOA_KERNEL_F64
typedef double real;
typedef gint64 real_bits;
#define VL 4
#define R(x) x
#else
typedef float real;
typedef gint32 real_bits;
#define R(x) x##f
#if defined(__AVX512F__)
#define VL 16
#elif defined(__AVX2__)
#define VL 8
#else
#define VL 4
#endif
#endif

/* Loads and stores need no alignment. */
typedef real vec __attribute__ ((vector_size (VL * sizeof (real)), aligned (sizeof (real)), may_alias));
typedef real_bits veci __attribute__ ((vector_size (VL * sizeof (real))));

#define PANEL (2 * VL)  /* = moa_isa_panel () */

static inline vec
load (const real *p)
{
  return *(const vec *) p;
}

static inline void
save (real *p, vec v)
{
  *(vec *) p = v;
}

static inline vec
splat (real x)
{
  return x - (vec){ 0 };
}

/* A constant of f (lane, s) for each lane: shuffles are fast only with such. */
#define LANES_4(f, s, l) f (l, s), f (l + 1, s), f (l + 2, s), f (l + 3, s)
#if VL == 16
#define LANES(f, s) \
  ((veci){ LANES_4 (f, s, 0), LANES_4 (f, s, 4), LANES_4 (f, s, 8), LANES_4 (f, s, 12) })
#elif VL == 8
#define LANES(f, s) ((veci){ LANES_4 (f, s, 0), LANES_4 (f, s, 4) })
#else
#define LANES(f, s) ((veci){ LANES_4 (f, s, 0) })
#endif

#define LANE_ACROSS(l, s) ((l) ^ (s))

static inline real
vec_sum (vec v)
{
#if VL == 16
  v += __builtin_shuffle (v, LANES (LANE_ACROSS, 8));
#endif
#if VL >= 8
  v += __builtin_shuffle (v, LANES (LANE_ACROSS, 4));
#endif
  v += __builtin_shuffle (v, LANES (LANE_ACROSS, 2));
  v += __builtin_shuffle (v, LANES (LANE_ACROSS, 1));
  return v[0];
}

/* Elements of a tensor, and of its last dimension. */
static inline gsize
count_of (const MoaTensor *t)
{
  gsize n = 1;
  for (int i = 0; i < t->shape.rank; i++)
    n *= t->shape.dim[i];
  return n;
}

static inline gsize
last_of (const MoaTensor *t)
{
  return t->shape.dim[t->shape.rank - 1];
}

/* How many tasks to make of work that could be split in n: small work stays
 * on one thread, for waking another costs some microseconds. */
static inline int
task_count (const MoaCpu *cpu, gsize n, double operations)
{
  int most = operations < 30000 ? 1 : moa_cpu_threads (cpu) == 1 ? 1 : 4 * moa_cpu_threads (cpu);
  if (operations < 400000)
    most = MIN (most, moa_cpu_threads (cpu));
  return (int) MAX (1, MIN (n, (gsize) most));
}

/* The part of 0 .. n-1 that task of n_tasks does. */
static inline void
task_range (gsize n, int task, int n_tasks, gsize *first, gsize *end)
{
  *first = n * task / n_tasks;
  *end = n * (task + 1) / n_tasks;
}

#endif
