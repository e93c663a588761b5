/* y = x W^T + bias + residual and its gradients dx = dy W, dW = dy^T x; W [N][K], as panels of one. */
#include "ops/cuda/gemm.h"

gsize
moa_cuda_linear_scratch (const MoaTensor *t)
{
  return as_scratch (t->in[0], t->in[1]->number);
}

KERNEL (linear)
{
  unsigned n = last_of (t), k = last_of (t->in[0]), m = count_of (t->in[0]) / k;
  char *free_scratch = (char *) scratch;
  Numbers w = numbers (t->in[1]);
  float beta = moa_cuda_start (cuda, t->in[2], t->in[3], numbers (t), (gsize) m * n, n);
  Numbers x = moa_cuda_as (cuda, numbers (t->in[0]), (gsize) m * k, w.number, &free_scratch);
  moa_cuda_gemm (cuda, m, n, k, matrix (x, k), matrix (w, k, true), matrix (numbers (t), n), 1, beta);
}

gsize
moa_cuda_linear_grad_x_scratch (const MoaTensor *t)
{
  return as_scratch (t->in[0], t->in[1]->number);
}

KERNEL (linear_grad_x)
{
  unsigned k = last_of (t), n = last_of (t->in[0]), m = count_of (t) / k;
  char *free_scratch = (char *) scratch;
  Numbers w = numbers (t->in[1]);
  Numbers dy = moa_cuda_as (cuda, numbers (t->in[0]), (gsize) m * n, w.number, &free_scratch);
  moa_cuda_gemm (cuda, m, k, n, matrix (dy, n), matrix (w, k), matrix (numbers (t), k));
}

/* x and dy may differ in type: the narrower is taken. */
static int
common_number (const MoaTensor *t)
{
  return t->in[0]->number == MOA_F32 ? t->in[1]->number : t->in[0]->number;
}

gsize
moa_cuda_linear_grad_w_scratch (const MoaTensor *t)
{
  return as_scratch (t->in[0], common_number (t)) + as_scratch (t->in[1], common_number (t));
}

KERNEL (linear_grad_w)
{
  unsigned k = last_of (t->in[0]), n = last_of (t->in[1]), m = count_of (t->in[0]) / k;
  char *free_scratch = (char *) scratch;
  int number = common_number (t);
  Numbers x = moa_cuda_as (cuda, numbers (t->in[0]), (gsize) m * k, number, &free_scratch);
  Numbers dy = moa_cuda_as (cuda, numbers (t->in[1]), (gsize) m * n, number, &free_scratch);
  moa_cuda_gemm (cuda, n, k, m, matrix (dy, n, true), matrix (x, k), matrix (numbers (t), k));
}
