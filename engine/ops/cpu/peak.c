/* Multiply-adds in registers alone, see device/peak.h. */
#include "ops/cpu/kernel.h"

#define CHAINS 12 /* more than latency times units */

/* Returns the operations done; *sink keeps the compiler from dropping them. */
double
KERNEL (peak) (gsize rounds, double *sink)
{
  vec acc[CHAINS], a = splat (R (0.999)), b = splat (R (0.001));
  for (int i = 0; i < CHAINS; i++)
    acc[i] = splat (i);
  for (gsize r = 0; r < rounds; r++)
#pragma GCC unroll 12
    for (int i = 0; i < CHAINS; i++)
      acc[i] = acc[i] * a + b;
  vec sum = { 0 };
  for (int i = 0; i < CHAINS; i++)
    sum += acc[i];
  *sink = vec_sum (sum);
  return 2. * CHAINS * VL * rounds;
}
