/* The optimizer's work: see device/vectors.h.  Vectors may have more than 2^31 numbers. */
#include "device/vectors.h"
#include "ops/cuda/kernel.h"

#include <math.h>

typedef unsigned long long Index;

/* A few blocks go over all numbers. */
static unsigned
blocks_of (gsize n)
{
  return (unsigned) MIN (MAX (n / 1024, 1), 4096);
}

#define LONG_EACH(i, n)                                                                 \
  for (Index i = (Index) blockIdx.x * blockDim.x + threadIdx.x; i < (n); \
       i += (Index) gridDim.x * blockDim.x)

static gboolean
begin (MoaCuda *cuda, const char *what)
{
  g_strlcpy (cuda->doing, what, sizeof (cuda->doing));
  return !cuda->error && MOA_CUDA (cuda, cudaSetDevice, cuda->index);
}

static __global__ void
vector_add_kernel (float *sum, Numbers x, Index n)
{
  LONG_EACH (i, n)
    sum[i] += x[(unsigned) i];
}

static void
add (MoaDevice *device, float *sum, gconstpointer x, MoaNumber number, gsize n)
{
  MoaCuda *cuda = (MoaCuda *) device;
  MoaCudaTurn turn (cuda);
  if (!begin (cuda, "the sum of gradients"))
    return;
  /* A tensor has less than 2^31 numbers. */
  MOA_LAUNCH (cuda, vector_add_kernel, dim3 (blocks_of (n)), dim3 (256), 0, sum,
              numbers_at ((void *) x, number, 0), (Index) n);
}

/* parts[block] = a block's share, in an order of its own */
static __global__ void
vector_squares_kernel (const float *x, Index n, float *parts)
{
  MOA_SHARED (float, shared);
  float sum = 0, part = 0;
  int some = 0;
  LONG_EACH (i, n)
    {
      part += x[i] * x[i];
      if (++some % 64 == 0)
        {
          sum += part;
          part = 0;
        }
    }
  sum = block_sum (sum + part, shared);
  if (threadIdx.x == 0)
    parts[blockIdx.x] = sum;
}

static double
squares (MoaDevice *device, const float *x, gsize n, float *parts)
{
  MoaCuda *cuda = (MoaCuda *) device;
  MoaCudaTurn turn (cuda);
  float host[MOA_VECTOR_PARTS];
  unsigned blocks = MIN (blocks_of (n), MOA_VECTOR_PARTS);
  double sum = 0;
  if (!begin (cuda, "the norm of gradients"))
    return NAN;
  MOA_LAUNCH (cuda, vector_squares_kernel, dim3 (blocks), dim3 (256), 8 * sizeof (float), x,
              (Index) n, parts);
  device->methods->download (device, host, parts, blocks * sizeof (float));
  for (unsigned i = 0; i < blocks; i++)
    sum += host[i];
  return sum;
}

static __global__ void
vector_step_kernel (MoaVectorStep s, float *value, const float *gradient, float *m, float *v,
                    float *average, Index n)
{
  LONG_EACH (i, n)
    {
      float g = gradient[i] * s.scale;
      float first = m[i] + (g - m[i]) * (1 - s.beta1);
      float second = v[i] * s.beta2 + g * g * (1 - s.beta2);
      float moved = value[i] * s.keep - s.rate * first / (sqrtf (second) * s.root + s.eps);
      m[i] = first;
      v[i] = second;
      value[i] = moved;
      average[i] += (moved - average[i]) * s.move;
    }
}

static void
step (MoaDevice *device, const MoaVectorStep *s, float *value, const float *gradient, float *m,
      float *v, float *average, gsize n)
{
  MoaCuda *cuda = (MoaCuda *) device;
  MoaCudaTurn turn (cuda);
  if (begin (cuda, "AdamW"))
    MOA_LAUNCH (cuda, vector_step_kernel, dim3 (blocks_of (n)), dim3 (256), 0, *s, value, gradient,
                m, v, average, (Index) n);
}

static __global__ void
vector_round_kernel (Numbers y, const float *x, int rounded, Index n)
{
  LONG_EACH (i, n)
    y.put ((unsigned) i, rounded == MOA_F16 ? __half2float (__float2half_rn (x[i]))
                                            : __bfloat162float (__float2bfloat16_rn (x[i])));
}

static void
round_to (MoaDevice *device, gpointer y, MoaNumber held, const float *x, MoaNumber rounded, gsize n)
{
  MoaCuda *cuda = (MoaCuda *) device;
  MoaCudaTurn turn (cuda);
  if (begin (cuda, "16-bit weights"))
    MOA_LAUNCH (cuda, vector_round_kernel, dim3 (blocks_of (n)), dim3 (256), 0,
                numbers_at (y, held, 0), x, (int) rounded, (Index) n);
}

static __global__ void
vector_exchange_kernel (float *a, float *b, Index n)
{
  LONG_EACH (i, n)
    {
      float kept = a[i];
      a[i] = b[i];
      b[i] = kept;
    }
}

static void
exchange (MoaDevice *device, float *a, float *b, gsize n)
{
  MoaCuda *cuda = (MoaCuda *) device;
  MoaCudaTurn turn (cuda);
  if (begin (cuda, "the averages"))
    MOA_LAUNCH (cuda, vector_exchange_kernel, dim3 (blocks_of (n)), dim3 (256), 0, a, b, (Index) n);
}

extern const MoaDeviceVectors moa_cuda_vectors;
const MoaDeviceVectors moa_cuda_vectors = { add, squares, step, round_to, exchange };
