/* cuBLAS' products on the CPU. */
#include <algorithm>
#include <cstring>
#include <vector>

#include <cublas_v2.h>
#undef __restrict__

extern "C" {
#include "base/half.h"
}
#include "internal.h"

struct emulated_blas {
  cudaStream_t stream;
  int device;
  void *workspace; /* NULL: its own, which it allocates with the first product of a stream */
  unsigned mode;
};

using namespace emulated;

cublasStatus_t
cublasCreate (cublasHandle_t *handle)
{
  if (attempt (false) != cudaSuccess)
    return CUBLAS_STATUS_EXECUTION_FAILED;
  *handle = new emulated_blas{ NULL, chosen_device (), NULL, CUBLAS_DEFAULT_MATH };
  count_living (1);
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t
cublasDestroy (cublasHandle_t handle)
{
  spoil_captures (); /* "implicitly calls cudaDeviceSynchronize ()" */
  delete handle;
  count_living (-1);
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t
cublasSetStream (cublasHandle_t handle, cudaStream_t stream)
{
  handle->stream = stream;
  handle->workspace = NULL;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t
cublasSetWorkspace (cublasHandle_t handle, void *at, size_t bytes)
{
  handle->workspace = at;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t
cublasSetMathMode (cublasHandle_t handle, cublasMath_t mode)
{
  handle->mode = mode;
  return CUBLAS_STATUS_SUCCESS;
}

const char *
cublasGetStatusString (cublasStatus_t status)
{
  return status == CUBLAS_STATUS_SUCCESS         ? "CUBLAS_STATUS_SUCCESS"
         : status == CUBLAS_STATUS_INVALID_VALUE ? "CUBLAS_STATUS_INVALID_VALUE"
         : status == CUBLAS_STATUS_NOT_SUPPORTED ? "CUBLAS_STATUS_NOT_SUPPORTED"
                                                 : "CUBLAS_STATUS_EXECUTION_FAILED";
}

static float
number_at (const void *x, cudaDataType_t type, size_t i)
{
  return type == CUDA_R_32F   ? ((const float *) x)[i]
         : type == CUDA_R_16F ? moa_half_to_float (((const uint16_t *) x)[i])
                              : moa_bfloat_to_float (((const uint16_t *) x)[i]);
}

static void
put_number (void *x, cudaDataType_t type, size_t i, float v)
{
  if (type == CUDA_R_32F)
    ((float *) x)[i] = v;
  else
    ((uint16_t *) x)[i] = type == CUDA_R_16F ? moa_half_from_float (v) : moa_bfloat_from_float (v);
}

/* op (x) of rows x columns, column by column in memory, as floats row by row. */
static void
unfold (const void *x, cudaDataType_t type, size_t first, size_t ld, bool turned, size_t rows,
        size_t columns, float *to)
{
  for (size_t i = 0; i < rows; i++)
    for (size_t j = 0; j < columns; j++)
      to[i * columns + j] = number_at (x, type, first + (turned ? i * ld + j : j * ld + i));
}

struct Product {
  bool turn_a, turn_b;
  size_t m, n, k, lda, ldb, ldc;
  float alpha, beta;
  const void *a, *b;
  void *c;
  cudaDataType_t a_type, b_type, c_type;
  long long stride_a, stride_b, stride_c;
  bool tf32;
  bool narrow_parts; /* sums of parts of k have C's type on their way, which the default allows */
};

/* As tensor cores take them: 10 bits of mantissa, rounded. */
static void
round_to_tf32 (std::vector<float> &numbers)
{
  for (float &x : numbers)
    {
      uint32_t bits;
      memcpy (&bits, &x, 4);
      bits = (bits + 0x1000) & ~0x1fffu;
      memcpy (&x, &bits, 4);
    }
}

/* to[j] += sum x[l] b[l][j], four l at a time */
static void
add_rows (const float *x, const float *b, size_t k, size_t n, float *__restrict__ to)
{
  size_t l = 0;
  for (; l + 4 <= k; l += 4, b += 4 * n)
    {
      const float *__restrict__ b0 = b, *__restrict__ b1 = b + n, *__restrict__ b2 = b + 2 * n,
                  *__restrict__ b3 = b + 3 * n;
      float x0 = x[l], x1 = x[l + 1], x2 = x[l + 2], x3 = x[l + 3];
      for (size_t j = 0; j < n; j++)
        to[j] += (x0 * b0[j] + x1 * b1[j]) + (x2 * b2[j] + x3 * b3[j]);
    }
  for (; l < k; l++, b += n)
    for (size_t j = 0; j < n; j++)
      to[j] += x[l] * b[j];
}

static float
rounded (cudaDataType_t type, float v)
{
  float number = 0;
  put_number (&number, type, 0, v);
  return number_at (&number, type, 0);
}

/* to[j]: a row of A times B.  If parts are narrow, of two halves of k. */
static void
multiply_row (const Product &p, const float *a, const float *b, std::vector<float> &to)
{
  size_t half = p.narrow_parts ? p.k / 2 : 0;
  std::fill (to.begin (), to.end (), 0.f);
  add_rows (a + half, b + half * p.n, p.k - half, p.n, to.data ());
  if (half == 0)
    return;
  std::vector<float> first (p.n);
  add_rows (a, b, half, p.n, first.data ());
  for (size_t j = 0; j < p.n; j++)
    to[j] = rounded (p.c_type, rounded (p.c_type, first[j]) + rounded (p.c_type, to[j]));
}

static void
multiply (const Product &p, size_t item)
{
  std::vector<float> a (p.m * p.k), b (p.k * p.n), row (p.n);
  unfold (p.a, p.a_type, item * p.stride_a, p.lda, p.turn_a, p.m, p.k, a.data ());
  unfold (p.b, p.b_type, item * p.stride_b, p.ldb, p.turn_b, p.k, p.n, b.data ());
  if (p.tf32)
    {
      round_to_tf32 (a);
      round_to_tf32 (b);
    }
  for (size_t i = 0; i < p.m; i++)
    {
      multiply_row (p, a.data () + i * p.k, b.data (), row);
      for (size_t j = 0; j < p.n; j++)
        {
          size_t at = item * p.stride_c + j * p.ldc + i;
          float old = p.beta != 0 ? p.beta * number_at (p.c, p.c_type, at) : 0;
          put_number (p.c, p.c_type, at, p.alpha * row[j] + old);
        }
    }
}

cublasStatus_t
cublasGemmStridedBatchedEx (cublasHandle_t handle, cublasOperation_t transa, cublasOperation_t transb,
                            int m, int n, int k, const void *alpha, const void *a,
                            cudaDataType_t a_type, int lda, long long stride_a, const void *b,
                            cudaDataType_t b_type, int ldb, long long stride_b, const void *beta,
                            void *c, cudaDataType_t c_type, int ldc, long long stride_c, int batch,
                            cublasComputeType_t compute, cublasGemmAlgo_t algo)
{
  if (attempt (false) != cudaSuccess)
    return CUBLAS_STATUS_EXECUTION_FAILED;
  bool fits = m > 0 && n > 0 && k > 0 && batch > 0 && a_type == b_type && ldc >= m
              && (compute == CUBLAS_COMPUTE_32F || a_type == CUDA_R_32F)
              && lda >= (transa == CUBLAS_OP_N ? m : k) && ldb >= (transb == CUBLAS_OP_N ? k : n);
  if (!fits)
    return CUBLAS_STATUS_INVALID_VALUE;
  if (c_type != CUDA_R_32F && c_type != a_type) /* the manual's table for these compute types */
    return CUBLAS_STATUS_NOT_SUPPORTED;
  if (check_stream (handle->stream) != cudaSuccess || handle->device != chosen_device ()
      || (!handle->workspace && spoil_own_capture ()))
    return CUBLAS_STATUS_EXECUTION_FAILED;
  Product p = { transa == CUBLAS_OP_T, transb == CUBLAS_OP_T, (size_t) m, (size_t) n, (size_t) k,
                (size_t) lda, (size_t) ldb, (size_t) ldc, *(const float *) alpha,
                *(const float *) beta, a, b, c, a_type, b_type, c_type, stride_a, stride_b, stride_c,
                compute == CUBLAS_COMPUTE_32F_FAST_TF32,
                c_type != CUDA_R_32F && !(handle->mode & CUBLAS_MATH_DISALLOW_REDUCED_PRECISION_REDUCTION) };
  queue (handle->stream, [=] {
    for (int i = 0; i < batch; i++)
      multiply (p, i);
  });
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t
cublasGemmEx (cublasHandle_t handle, cublasOperation_t transa, cublasOperation_t transb, int m, int n, int k,
              const void *alpha, const void *a, cudaDataType_t a_type, int lda, const void *b,
              cudaDataType_t b_type, int ldb, const void *beta, void *c, cudaDataType_t c_type, int ldc,
              cublasComputeType_t compute, cublasGemmAlgo_t algo)
{
  return cublasGemmStridedBatchedEx (handle, transa, transb, m, n, k, alpha, a, a_type, lda, 0, b, b_type,
                                     ldb, 0, beta, c, c_type, ldc, 0, 1, compute, algo);
}
