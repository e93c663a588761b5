/* The kernels that ops/cpu/ defines, once per instruction set. */
#ifndef MOA_KERNELS_H
#define MOA_KERNELS_H

#include "ops/op.h"

#define MOA_DECLARE_KERNEL(name)                                             \
  void moa_##name##_base (const MoaTensor *t, MoaCpu *cpu, void *scratch);   \
  void moa_##name##_avx2 (const MoaTensor *t, MoaCpu *cpu, void *scratch);   \
  void moa_##name##_avx512 (const MoaTensor *t, MoaCpu *cpu, void *scratch); \
  void moa_##name##_f64 (const MoaTensor *t, MoaCpu *cpu, void *scratch);

/* The kernels of a table row. */
#ifdef MOA_HAVE_X86_KERNELS
#define MOA_KERNELS(name)                                                    \
  { moa_##name##_base, moa_##name##_avx2, moa_##name##_avx512, moa_##name##_f64 }
#else
#define MOA_KERNELS(name) { moa_##name##_base, NULL, NULL, moa_##name##_f64 }
#endif

MOA_DECLARE_KERNEL (activation)
MOA_DECLARE_KERNEL (activation_grad)
MOA_DECLARE_KERNEL (add)
MOA_DECLARE_KERNEL (add_at)
MOA_DECLARE_KERNEL (attention)
MOA_DECLARE_KERNEL (attention_grad)
MOA_DECLARE_KERNEL (attention_map)
MOA_DECLARE_KERNEL (attention_map_grad)
MOA_DECLARE_KERNEL (avg_pool)
MOA_DECLARE_KERNEL (broadcast)
MOA_DECLARE_KERNEL (concat)
MOA_DECLARE_KERNEL (conv2d)
MOA_DECLARE_KERNEL (conv2d_grad_w)
MOA_DECLARE_KERNEL (conv2d_grad_x)
MOA_DECLARE_KERNEL (cross_entropy)
MOA_DECLARE_KERNEL (cross_entropy_grad)
MOA_DECLARE_KERNEL (embedding)
MOA_DECLARE_KERNEL (fourier)
MOA_DECLARE_KERNEL (fourier_grad)
MOA_DECLARE_KERNEL (gather_rows)
MOA_DECLARE_KERNEL (geglu)
MOA_DECLARE_KERNEL (geglu_grad)
MOA_DECLARE_KERNEL (group_norm)
MOA_DECLARE_KERNEL (group_norm_grad_x)
MOA_DECLARE_KERNEL (group_norm_sums)
MOA_DECLARE_KERNEL (layer_norm)
MOA_DECLARE_KERNEL (layer_norm_grad_affine)
MOA_DECLARE_KERNEL (layer_norm_grad_x)
MOA_DECLARE_KERNEL (linear)
MOA_DECLARE_KERNEL (linear_grad_w)
MOA_DECLARE_KERNEL (linear_grad_x)
MOA_DECLARE_KERNEL (mix)
MOA_DECLARE_KERNEL (mix_grad)
MOA_DECLARE_KERNEL (mul)
MOA_DECLARE_KERNEL (pad)
MOA_DECLARE_KERNEL (put_rows)
MOA_DECLARE_KERNEL (put_rows_grad)
MOA_DECLARE_KERNEL (reduce)
MOA_DECLARE_KERNEL (resize)
MOA_DECLARE_KERNEL (resize_grad)
MOA_DECLARE_KERNEL (router_weight)
MOA_DECLARE_KERNEL (router_weight_grad)
MOA_DECLARE_KERNEL (scale)
MOA_DECLARE_KERNEL (scatter_rows)
MOA_DECLARE_KERNEL (take)
MOA_DECLARE_KERNEL (time_embedding)
MOA_DECLARE_KERNEL (unary)
MOA_DECLARE_KERNEL (upsample)
MOA_DECLARE_KERNEL (upsample_grad)

/* Not an op: multiply-adds in registers alone, for the bench. */
double moa_peak_base (gsize rounds, double *sink);
double moa_peak_avx2 (gsize rounds, double *sink);
double moa_peak_avx512 (gsize rounds, double *sink);
double moa_peak_f64 (gsize rounds, double *sink);

/* Scratch memory of the larger kernels: the same for every instruction set of
 * equal panel width, so that rules can ask before a kernel is chosen. */
gsize moa_attention_map_scratch (const MoaTensor *t, const MoaCpu *cpu);
gsize moa_attention_map_grad_scratch (const MoaTensor *t, const MoaCpu *cpu);

#endif
