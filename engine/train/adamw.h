/* AdamW (Loshchilov and Hutter 2019), as torch.optim.AdamW computes it. */
#ifndef MOA_ADAMW_H
#define MOA_ADAMW_H

#include <glib.h>

typedef struct {
  double lr, beta1, beta2, eps, decay;
  guint64 step;            /* 1 for the first */
  double gradient_scale;   /* the gradient is multiplied by it first */
} MoaAdamW;

/* One step on n numbers; m and v are the moments, zeros at first. */
void moa_adamw (const MoaAdamW *a, float *value, const float *gradient, float *m, float *v,
                gsize n);

#endif
