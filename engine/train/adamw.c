/* AdamW: m and v follow the gradient and its square, the value decays by
 * itself and moves by m / sqrt (v), both freed from their start at zero. */
#include "train/adamw.h"

#include <math.h>

void
moa_adamw (const MoaAdamW *a, float *restrict value, const float *restrict gradient,
           float *restrict m, float *restrict v, gsize n)
{
  double correction1 = 1 - pow (a->beta1, a->step), correction2 = 1 - pow (a->beta2, a->step);
  const float keep = 1 - a->lr * a->decay, rate = a->lr / correction1;
  const float root = 1 / sqrt (correction2), eps = a->eps, scale = a->gradient_scale;
  const float b1 = 1 - a->beta1, b2 = a->beta2, c2 = 1 - a->beta2;
  for (gsize i = 0; i < n; i++)
    {
      float g = gradient[i] * scale;
      m[i] += (g - m[i]) * b1;
      v[i] = v[i] * b2 + g * g * c2;
      value[i] = value[i] * keep - rate * m[i] / (sqrtf (v[i]) * root + eps);
    }
}
