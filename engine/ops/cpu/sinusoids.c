/* Sinusoidal embeddings: of the timestep, and of timestep and layer. */
#include "ops/cpu/kernel.h"

/* In the graph's own precision, step by step as the reference does: at t = 999
 * the rounding of the argument alone is worth up to 6e-5. */
void
KERNEL (time_embedding) (const MoaTensor *t, MoaCpu *cpu, void *scratch)
{
  const real *step = t->in[0]->data;
  gsize dim = last_of (t), half = dim / 2;
  for (gsize b = 0; b < (gsize) t->shape.dim[0]; b++)
    for (gsize i = 0; i < half; i++)
      {
        real exponent = R (-9.210340371976184) * (real) i / (real) half;
        real x = step[b] * R (exp) (exponent);
        real *y = (real *) t->data + b * dim;
        y[i] = R (cos) (x);
        y[half + i] = R (sin) (x);
      }
}

void
KERNEL (fourier) (const MoaTensor *t, MoaCpu *cpu, void *scratch)
{
  const real *step = t->in[0]->data, *freq = t->in[1]->data;
  gsize half = last_of (t) / 2;
  real layer = t->attr.i[0];
  for (gsize b = 0; b < (gsize) t->shape.dim[0]; b++)
    for (gsize i = 0; i < half; i++)
      {
        real x = step[b] * freq[2 * i] + layer * freq[2 * i + 1];
        real *y = (real *) t->data + b * 2 * half;
        y[i] = R (sin) (x);
        y[half + i] = R (cos) (x);
      }
}

/* y = [sin u | cos u], u = t freq0 + l freq1:  du = dy_sin cos u - dy_cos sin u */
void
KERNEL (fourier_grad) (const MoaTensor *t, MoaCpu *cpu, void *scratch)
{
  const real *step = t->in[0]->data, *y = t->in[1]->data, *dy = t->in[2]->data;
  gsize half = t->shape.dim[0];
  for (gsize i = 0; i < half; i++)
    {
      double by_step = 0, by_layer = 0;
      for (gsize b = 0; b < (gsize) t->in[1]->shape.dim[0]; b++)
        {
          gsize s = b * 2 * half + i, c = s + half;
          double du = (double) dy[s] * y[c] - (double) dy[c] * y[s];
          by_step += step[b] * du;
          by_layer += t->attr.i[0] * du;
        }
      ((real *) t->data)[2 * i] = by_step;
      ((real *) t->data)[2 * i + 1] = by_layer;
    }
}
