/* AdamW: m and v follow the gradient and its square, the value decays by
 * itself and moves by m / sqrt (v), both freed from their start at zero. */
#include "train/adamw.h"

#include <math.h>

typedef struct {
  float keep, rate, root, eps, scale, b1, b2, c2;
} Factors;

static inline __attribute__ ((always_inline)) void
step (const Factors f, float *restrict value, const float *restrict gradient, float *restrict m,
      float *restrict v, gsize n)
{
  for (gsize i = 0; i < n; i++)
    {
      float g = gradient[i] * f.scale;
      m[i] += (g - m[i]) * f.b1;
      v[i] = v[i] * f.b2 + g * g * f.c2;
      value[i] = value[i] * f.keep - f.rate * m[i] / (sqrtf (v[i]) * f.root + f.eps);
    }
}

static void
step_plain (Factors f, float *value, const float *gradient, float *m, float *v, gsize n)
{
  step (f, value, gradient, m, v, n);
}

#ifdef MOA_HAVE_X86_KERNELS
/* Twice as wide, and no fused multiply-adds: the same bits. */
__attribute__ ((target ("avx2"))) static void
step_avx2 (Factors f, float *value, const float *gradient, float *m, float *v, gsize n)
{
  step (f, value, gradient, m, v, n);
}
#endif

void
moa_adamw (const MoaAdamW *a, float *value, const float *gradient, float *m, float *v, gsize n)
{
  double correction1 = 1 - pow (a->beta1, a->step), correction2 = 1 - pow (a->beta2, a->step);
  const Factors f = { 1 - a->lr * a->decay, a->lr / correction1, 1 / sqrt (correction2), a->eps,
                      a->gradient_scale, 1 - a->beta1, a->beta2, 1 - a->beta2 };
#ifdef MOA_HAVE_X86_KERNELS
  if (__builtin_cpu_supports ("avx2"))
    {
      step_avx2 (f, value, gradient, m, v, n);
      return;
    }
#endif
  step_plain (f, value, gradient, m, v, n);
}
