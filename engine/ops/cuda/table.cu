/* The kernels by the names of the ops: what graphs on a card run. */
#include "device/collective.h"
#include "device/vectors.h"
#include "ops/cuda/kernel.h"

#include <string.h>

extern const MoaDeviceVectors moa_cuda_vectors;
#ifdef MOA_HAVE_NCCL
extern const MoaDeviceCollective moa_cuda_collective;
#endif

#define PLAIN(X)                                                                                      \
  X (activation) X (activation_grad) X (add) X (add_at) X (avg_pool) X (broadcast) X (concat)         \
  X (cross_entropy) X (cross_entropy_grad) X (embedding) X (fourier) X (fourier_grad) X (gather_rows) \
  X (geglu) X (geglu_grad) X (layer_norm) X (layer_norm_grad_x) X (mix) X (mix_grad) X (mul) X (pad)  \
  X (put_rows) X (put_rows_grad) X (resize) X (resize_grad) X (router_weight)                         \
  X (router_weight_grad) X (scale) X (scatter_rows) X (take) X (time_embedding) X (unary)             \
  X (upsample) X (upsample_grad)
/* Those that need scratch memory. */
#define WITH_SCRATCH(X)                                                                            \
  X (attention) X (attention_grad) X (attention_map) X (attention_map_grad) X (conv2d)             \
  X (conv2d_grad_w) X (conv2d_grad_x) X (group_norm) X (group_norm_grad_x) X (group_norm_sums)     \
  X (layer_norm_grad_affine) X (linear) X (linear_grad_w) X (linear_grad_x) X (reduce)

#define DECLARE(name) void moa_cuda_##name (const MoaTensor *t, MoaDevice *device, void *scratch);
#define DECLARE_SCRATCH(name) gsize moa_cuda_##name##_scratch (const MoaTensor *t);
#define ROW(name) { #name, moa_cuda_##name, NULL },
#define ROW_SCRATCH(name) { #name, moa_cuda_##name, moa_cuda_##name##_scratch },

PLAIN (DECLARE)
WITH_SCRATCH (DECLARE)
WITH_SCRATCH (DECLARE_SCRATCH)

static const MoaDeviceOp rows[] = { PLAIN (ROW) WITH_SCRATCH (ROW_SCRATCH) };

gconstpointer
moa_cuda_find (const char *name)
{
  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    if (!strcmp (rows[i].name, name))
      return &rows[i];
#ifdef MOA_HAVE_NCCL
  if (!strcmp (name, MOA_DEVICE_COLLECTIVE))
    return &moa_cuda_collective;
#endif
  return strcmp (name, MOA_DEVICE_VECTORS) ? NULL : &moa_cuda_vectors;
}

static gboolean
too_large (const MoaTensor *t)
{
  double n = 1;
  for (int i = 0; t && i < t->shape.rank; i++)
    n *= (double) t->shape.dim[i];
  return n >= 2147483648.;
}

gboolean
moa_cuda_begin (MoaCuda *cuda, const MoaTensor *t)
{
  gboolean large = too_large (t);
  for (int i = 0; i < MOA_MAX_INPUTS; i++)
    large = large || too_large (t->in[i]);
  int n = g_snprintf (cuda->doing, sizeof (cuda->doing), "%s", t->op->name);
  for (int i = 0; i < t->shape.rank; i++)
    n += g_snprintf (cuda->doing + n, sizeof (cuda->doing) - n, "%c%" G_GINT64_FORMAT, i ? 'x' : ' ',
                     t->shape.dim[i]);
  if (large)
    moa_cuda_check (cuda, cudaErrorInvalidValue, "a tensor of 2^31 numbers");
  return !cuda->error && MOA_CUDA (cuda, cudaSetDevice, cuda->index);
}
