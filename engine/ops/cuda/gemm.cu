/* Products by cuBLAS: see gemm.h. */
#include "ops/cuda/gemm.h"

static cudaDataType_t
type_of (int number)
{
  return number == MOA_F32 ? CUDA_R_32F : number == MOA_F16 ? CUDA_R_16F : CUDA_R_16BF;
}

/* cuBLAS counts column by column, where each of these matrices is its own transpose:
 * C^T = op (B)^T op (A)^T. */
void
moa_cuda_gemm (MoaCuda *cuda, unsigned m, unsigned n, unsigned k, const Matrix &a, const Matrix &b,
               const Matrix &c, float alpha, float beta, unsigned batch)
{
  g_assert (a.x.number == b.x.number);
  bool tf32 = cuda->device.tf32 && a.x.number == MOA_F32;
  cublasComputeType_t compute = tf32 ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F;
  cublasOperation_t of_b = b.turned ? CUBLAS_OP_T : CUBLAS_OP_N, of_a = a.turned ? CUBLAS_OP_T : CUBLAS_OP_N;
  cublasStatus_t status;
  if (batch == 1)
    status = cublasGemmEx (cuda->blas, of_b, of_a, (int) n, (int) m, (int) k, &alpha,
                           b.x.data, type_of (b.x.number), (int) b.step,
                           a.x.data, type_of (a.x.number), (int) a.step, &beta,
                           c.x.data, type_of (c.x.number), (int) c.step, compute, CUBLAS_GEMM_DEFAULT);
  else
    status = cublasGemmStridedBatchedEx (cuda->blas, of_b, of_a, (int) n, (int) m, (int) k, &alpha,
                                         b.x.data, type_of (b.x.number), (int) b.step, b.stride,
                                         a.x.data, type_of (a.x.number), (int) a.step, a.stride, &beta,
                                         c.x.data, type_of (c.x.number), (int) c.step, c.stride,
                                         (int) batch, compute, CUBLAS_GEMM_DEFAULT);
  moa_cuda_check_blas (cuda, status, batch == 1 ? "cublasGemmEx" : "cublasGemmStridedBatchedEx");
}

Numbers
moa_cuda_as (MoaCuda *cuda, Numbers x, gsize n, int number, char **scratch)
{
  if (x.number == number)
    return x;
  Numbers y = numbers_at (*scratch, number, 0);
  moa_cuda_convert (cuda, x, y, n);
  *scratch += (n * moa_number_size ((MoaNumber) number) + 255) / 256 * 256;
  return y;
}

template <int N>
static __global__ void
start_kernel (Numbers bias, Numbers add, Numbers y, unsigned n, unsigned width)
{
  EACH_SOME (i, n)
    {
      Some<N> v = bias.data ? bias.some<N> (i % width) : all_of<N> (0);
      if (add.data)
        {
          Some<N> w = add.some<N> (i);
          for (int k = 0; k < N; k++)
            v[k] += w[k];
        }
      y.put (i, v);
    }
}

float
moa_cuda_start (MoaCuda *cuda, const MoaTensor *bias, const MoaTensor *add, Numbers y, gsize n,
                unsigned width)
{
  if (!bias && !add)
    return 0;
  Numbers b = numbers (bias), a = numbers (add);
  bool wide = is_wide (width, { b, a, y });
  if (bias || add->data != y.data)
    LAUNCH_SOME (cuda, wide, (unsigned) n, start_kernel, b, a, y, (unsigned) n, width);
  return 1;
}
