/* What every CUDA kernel file starts from.
 *
 * A kernel reads and writes tensors through Numbers, which are float, float16 or bfloat16, and
 * computes in float.  KERNEL (add) { ... } defines how op "add" is queued, with the node `t`, the
 * card `cuda` and `scratch`; a failed card queues nothing.  Tensors have less than 2^31 numbers. */
#ifndef MOA_CUDA_KERNEL_H
#define MOA_CUDA_KERNEL_H

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include "device/cuda.h"

extern "C" {
#include "ops/op.h"
#include "ops/ops.h"
}

/* Tells the card what it is doing; FALSE: there is nothing to queue. */
gboolean moa_cuda_begin (MoaCuda *cuda, const MoaTensor *t);

#define KERNEL(name)                                                               \
  static void name##_queue (const MoaTensor *t, MoaCuda *cuda, void *scratch);     \
  void moa_cuda_##name (const MoaTensor *t, MoaDevice *device, void *scratch)      \
  {                                                                                \
    MoaCudaTurn turn ((MoaCuda *) device);                                         \
    if (moa_cuda_begin ((MoaCuda *) device, t))                                    \
      name##_queue (t, (MoaCuda *) device, scratch);                               \
  }                                                                                \
  static void name##_queue (const MoaTensor *t, MoaCuda *cuda, void *scratch)

/* The numbers of a tensor as kernels take them; data NULL: none. */
struct Numbers {
  void *data;
  int number;

  __device__ float
  operator[] (unsigned i) const
  {
    if (number == MOA_F32)
      return static_cast<const float *> (data)[i];
    if (number == MOA_F16)
      return __half2float (static_cast<const __half *> (data)[i]);
    return __bfloat162float (static_cast<const __nv_bfloat16 *> (data)[i]);
  }

  __device__ void
  put (unsigned i, float value) const
  {
    if (number == MOA_F32)
      static_cast<float *> (data)[i] = value;
    else if (number == MOA_F16)
      static_cast<__half *> (data)[i] = __float2half_rn (value);
    else
      static_cast<__nv_bfloat16 *> (data)[i] = __float2bfloat16_rn (value);
  }
};

static inline Numbers
numbers_at (void *data, int number, gsize first)
{
  Numbers n = { data, number };
  if (data)
    n.data = (char *) data + first * moa_number_size ((MoaNumber) number);
  return n;
}

static inline Numbers
numbers (const MoaTensor *t)
{
  return t ? numbers_at (t->data, t->number, 0) : numbers_at (NULL, MOA_F32, 0);
}

static inline Numbers
floats (void *data)
{
  return numbers_at (data, MOA_F32, 0);
}

static inline unsigned
count_of (const MoaTensor *t)
{
  gint64 n = 1;
  for (int i = 0; i < t->shape.rank; i++)
    n *= t->shape.dim[i];
  return (unsigned) n;
}

static inline unsigned
last_of (const MoaTensor *t)
{
  return (unsigned) t->shape.dim[t->shape.rank - 1];
}

static inline unsigned
parts_of (gsize n, gsize part)
{
  return (unsigned) ((n + part - 1) / part);
}

/* A thread for each of n: LAUNCH_EACH (cuda, n, kernel, arguments), in the kernel
 * EACH (i, n) { ... }. */
#define EACH_BLOCK 256
#define LAUNCH_EACH(cuda, n, kernel, ...) \
  MOA_LAUNCH (cuda, kernel, dim3 (parts_of (n, EACH_BLOCK)), dim3 (EACH_BLOCK), 0, __VA_ARGS__)
#define EACH(i, n)                                                          \
  for (unsigned i = blockIdx.x * blockDim.x + threadIdx.x; i < (n); i = (n))

/* A warp for each of n rows, four to a block: in the kernel EACH_ROW (row, n) { ... }, with `lane`
 * 0 to 31; all lanes of a warp have the same row. */
#define LAUNCH_ROWS(cuda, n, kernel, ...) \
  MOA_LAUNCH (cuda, kernel, dim3 (parts_of (n, 4)), dim3 (32, 4), 0, __VA_ARGS__)
#define EACH_ROW(row, n)                                                                  \
  for (unsigned row = blockIdx.x * 4 + threadIdx.y, lane = threadIdx.x; row < (n) && lane < 32; \
       row = (n))

static __device__ inline float
warp_sum (float v)
{
  for (int m = 16; m > 0; m >>= 1)
    v += __shfl_xor_sync (0xffffffffu, v, m);
  return v;
}

static __device__ inline float
warp_max (float v)
{
  for (int m = 16; m > 0; m >>= 1)
    v = fmaxf (v, __shfl_xor_sync (0xffffffffu, v, m));
  return v;
}

/* The sum over a block of whole warps in one dimension, for all of it; part: a float of shared memory
 * for each. */
static __device__ inline float
block_sum (float v, float *part)
{
  v = warp_sum (v);
  __syncthreads ();
  if (threadIdx.x % 32 == 0)
    part[threadIdx.x / 32] = v;
  __syncthreads ();
  v = 0;
  for (unsigned i = 0; i < blockDim.x / 32; i++)
    v += part[i];
  return v;
}

/* y = x, from one type to another. */
void moa_cuda_convert (MoaCuda *cuda, Numbers x, Numbers y, gsize n);

#endif
