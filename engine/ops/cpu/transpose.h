/* A square of numbers turned on its diagonal, in registers. */
#ifndef MOA_TRANSPOSE_H
#define MOA_TRANSPOSE_H

#include "ops/cpu/kernel.h"

#define LANE_LOW(l, s) ((l) & (s) ? VL + (l) - (s) : (l))
#define LANE_HIGH(l, s) ((l) & (s) ? VL + (l) : (l) + (s))

/* Exchanges the off-diagonal squares of s x s within those of 2s x 2s. */
#define EXCHANGE(v, s)                                                  \
  for (int i_ = 0; i_ < VL; i_++)                                       \
    if (!(i_ & (s)))                                                    \
      {                                                                 \
        vec a_ = v[i_], b_ = v[i_ + (s)];                               \
        v[i_] = __builtin_shuffle (a_, b_, LANES (LANE_LOW, s));        \
        v[i_ + (s)] = __builtin_shuffle (a_, b_, LANES (LANE_HIGH, s)); \
      }

/* Transposes a square of VL x VL. */
static inline void
transpose (vec *v)
{
#if VL == 16
  EXCHANGE (v, 8)
#endif
#if VL >= 8
  EXCHANGE (v, 4)
#endif
  EXCHANGE (v, 2)
  EXCHANGE (v, 1)
}

#endif
