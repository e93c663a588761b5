/* Sinusoidal embeddings: of the timestep, and of timestep and layer. */
#include "ops/cuda/kernel.h"

/* In float step by step as the reference does, the exponential rounded correctly: at t = 999 the
 * rounding of the argument alone is worth up to 6e-5. */
static __global__ void
time_embedding_kernel (Numbers t, Numbers y, unsigned n, unsigned half)
{
  EACH (i, n)
    {
      unsigned b = i / half, k = i % half;
      float exponent = -9.210340371976184f * (float) k / (float) half;
      float x = t[b] * (float) exp ((double) exponent);
      y.put (b * 2 * half + k, cosf (x));
      y.put (b * 2 * half + half + k, sinf (x));
    }
}

KERNEL (time_embedding)
{
  unsigned n = count_of (t) / 2;
  LAUNCH_EACH (cuda, n, time_embedding_kernel, numbers (t->in[0]), numbers (t), n, last_of (t) / 2);
}

static __global__ void
fourier_kernel (Numbers t, Numbers freq, Numbers y, unsigned n, unsigned half, float layer)
{
  EACH (i, n)
    {
      unsigned b = i / half, k = i % half;
      float x = t[b] * freq[2 * k] + layer * freq[2 * k + 1];
      y.put (b * 2 * half + k, sinf (x));
      y.put (b * 2 * half + half + k, cosf (x));
    }
}

KERNEL (fourier)
{
  unsigned n = count_of (t) / 2;
  LAUNCH_EACH (cuda, n, fourier_kernel, numbers (t->in[0]), numbers (t->in[1]), numbers (t), n,
               last_of (t) / 2, (float) t->attr.i[0]);
}

/* y = [sin u | cos u], u = t freq0 + l freq1:  du = dy_sin cos u - dy_cos sin u */
static __global__ void
fourier_grad_kernel (Numbers t, Numbers y, Numbers dy, Numbers df, unsigned half, unsigned items,
                     float layer)
{
  EACH (i, half)
    {
      double by_step = 0, by_layer = 0;
      for (unsigned b = 0; b < items; b++)
        {
          unsigned s = b * 2 * half + i, c = s + half;
          double du = (double) dy[s] * y[c] - (double) dy[c] * y[s];
          by_step += t[b] * du;
          by_layer += layer * du;
        }
      df.put (2 * i, (float) by_step);
      df.put (2 * i + 1, (float) by_layer);
    }
}

KERNEL (fourier_grad)
{
  unsigned half = (unsigned) t->shape.dim[0];
  LAUNCH_EACH (cuda, half, fourier_grad_kernel, numbers (t->in[0]), numbers (t->in[1]),
               numbers (t->in[2]), numbers (t), half, (unsigned) t->in[1]->shape.dim[0],
               (float) t->attr.i[0]);
}
