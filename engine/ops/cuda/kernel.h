/* What every CUDA kernel file starts from.
 *
 * A kernel reads and writes tensors through Numbers, which are float, float16 or bfloat16, and
 * computes in float.  KERNEL (add) { ... } defines how op "add" is queued, with the node `t`, the
 * card `cuda` and `scratch`; a failed card queues nothing.  Tensors have less than 2^31 numbers. */
#ifndef MOA_CUDA_KERNEL_H
#define MOA_CUDA_KERNEL_H

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <initializer_list>

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

/* Numbers side by side, which a kernel moves at once and computes in float: it is made for N = 8, for
 * tensors whose rows are multiples of 8 at addresses of whole vectors (is_wide), and for N = 1. */
#define WIDE 8
template <int N>
struct Some {
  float v[N];

  __device__ float &operator[] (int k) { return v[k]; }
  __device__ const float &operator[] (int k) const { return v[k]; }
};

template <int N>
static __device__ inline Some<N>
all_of (float value)
{
  Some<N> some;
  for (int k = 0; k < N; k++)
    some[k] = value;
  return some;
}

/* How N of a type lie in memory, for instructions of up to 16 bytes. */
template <class T, int N>
struct alignas (sizeof (T) * N < 16 ? sizeof (T) * N : 16) Vector {
  T v[N];
};

static __device__ inline float float_of (float x) { return x; }
static __device__ inline float float_of (__half x) { return __half2float (x); }
static __device__ inline float float_of (__nv_bfloat16 x) { return __bfloat162float (x); }
static __device__ inline void round_to (float &to, float x) { to = x; }
static __device__ inline void round_to (__half &to, float x) { to = __float2half_rn (x); }
static __device__ inline void round_to (__nv_bfloat16 &to, float x) { to = __float2bfloat16_rn (x); }

/* The numbers of a tensor as kernels take them; data NULL: none. */
struct Numbers {
  void *data;
  int number;

  __device__ float
  operator[] (unsigned i) const
  {
    return some<1> (i)[0];
  }

  __device__ void
  put (unsigned i, float value) const
  {
    put (i, all_of<1> (value));
  }

  /* Numbers i .. i + N - 1; i is a multiple of N. */
  template <int N>
  __device__ Some<N>
  some (unsigned i) const
  {
    return number == MOA_F32 ? load<float, N> (i) : number == MOA_F16 ? load<__half, N> (i)
                                                                     : load<__nv_bfloat16, N> (i);
  }

  template <int N>
  __device__ void
  put (unsigned i, const Some<N> &values) const
  {
    if (number == MOA_F32)
      store<float> (i, values);
    else if (number == MOA_F16)
      store<__half> (i, values);
    else
      store<__nv_bfloat16> (i, values);
  }

  /* Numbers i .. of x to j .. of this: as they lie there, unless the types differ. */
  template <int N>
  __device__ void
  move (unsigned j, const Numbers &x, unsigned i) const
  {
    if (x.number != number)
      put (j, x.some<N> (i));
    else if (number == MOA_F32)
      *at<float, N> (j) = *x.at<float, N> (i);
    else
      *at<unsigned short, N> (j) = *x.at<unsigned short, N> (i);
  }

  template <class T, int N>
  __device__ Vector<T, N> *
  at (unsigned i) const
  {
    return reinterpret_cast<Vector<T, N> *> (static_cast<T *> (data) + i);
  }

  template <class T, int N>
  __device__ Some<N>
  load (unsigned i) const
  {
    Vector<T, N> vector = *at<T, N> (i);
    Some<N> values;
    for (int k = 0; k < N; k++)
      values[k] = float_of (vector.v[k]);
    return values;
  }

  template <class T, int N>
  __device__ void
  store (unsigned i, const Some<N> &values) const
  {
    Vector<T, N> vector;
    for (int k = 0; k < N; k++)
      round_to (vector.v[k], values[k]);
    *at<T, N> (i) = vector;
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

/* Whether tensors in rows of that many numbers can be gone through WIDE numbers at a time. */
static inline bool
is_wide (gsize row, std::initializer_list<Numbers> tensors)
{
  gsize rest = row % WIDE;
  for (const Numbers &x : tensors)
    rest |= (gsize) x.data % 16;
  return rest == 0;
}

/* A thread for each N of n numbers: LAUNCH_SOME (cuda, wide, n, kernel, arguments) of a kernel that is
 * a template of N, in which EACH_SOME (i, n) { ... } has the first of the thread's. */
#define LAUNCH_SOME(cuda, wide, n, kernel, ...)                        \
  do                                                                   \
    {                                                                  \
      if (wide)                                                        \
        LAUNCH_EACH (cuda, (n) / WIDE, (kernel<WIDE>), __VA_ARGS__);   \
      else                                                             \
        LAUNCH_EACH (cuda, n, (kernel<1>), __VA_ARGS__);               \
    }                                                                  \
  while (0)
#define EACH_SOME(i, n)                                                             \
  for (unsigned i = (blockIdx.x * blockDim.x + threadIdx.x) * N; i < (n); i = (n))

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
