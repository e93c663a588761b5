/* The list of ops: tests and the bench go through it. */
#include "ops/op.h"

extern const MoaOp moa_op_activation;
extern const MoaOp moa_op_activation_grad;
extern const MoaOp moa_op_add;
extern const MoaOp moa_op_add_at;
extern const MoaOp moa_op_attention;
extern const MoaOp moa_op_attention_grad;
extern const MoaOp moa_op_attention_map;
extern const MoaOp moa_op_attention_map_grad;
extern const MoaOp moa_op_avg_pool;
extern const MoaOp moa_op_broadcast;
extern const MoaOp moa_op_concat;
extern const MoaOp moa_op_conv2d;
extern const MoaOp moa_op_conv2d_grad_w;
extern const MoaOp moa_op_conv2d_grad_x;
extern const MoaOp moa_op_cross_entropy;
extern const MoaOp moa_op_cross_entropy_grad;
extern const MoaOp moa_op_embedding;
extern const MoaOp moa_op_fourier;
extern const MoaOp moa_op_fourier_grad;
extern const MoaOp moa_op_gather_rows;
extern const MoaOp moa_op_geglu;
extern const MoaOp moa_op_geglu_grad;
extern const MoaOp moa_op_group_norm;
extern const MoaOp moa_op_group_norm_grad_x;
extern const MoaOp moa_op_group_norm_sums;
extern const MoaOp moa_op_layer_norm;
extern const MoaOp moa_op_layer_norm_grad_affine;
extern const MoaOp moa_op_layer_norm_grad_x;
extern const MoaOp moa_op_linear;
extern const MoaOp moa_op_linear_grad_w;
extern const MoaOp moa_op_linear_grad_x;
extern const MoaOp moa_op_mix;
extern const MoaOp moa_op_mix_grad;
extern const MoaOp moa_op_mul;
extern const MoaOp moa_op_pad;
extern const MoaOp moa_op_put_rows;
extern const MoaOp moa_op_put_rows_grad;
extern const MoaOp moa_op_reduce;
extern const MoaOp moa_op_resize;
extern const MoaOp moa_op_resize_grad;
extern const MoaOp moa_op_router_weight;
extern const MoaOp moa_op_router_weight_grad;
extern const MoaOp moa_op_scale;
extern const MoaOp moa_op_scatter_rows;
extern const MoaOp moa_op_take;
extern const MoaOp moa_op_time_embedding;
extern const MoaOp moa_op_unary;
extern const MoaOp moa_op_upsample;
extern const MoaOp moa_op_upsample_grad;

const MoaOp *const moa_ops[] = {
  &moa_op_activation,
  &moa_op_activation_grad,
  &moa_op_add,
  &moa_op_add_at,
  &moa_op_attention,
  &moa_op_attention_grad,
  &moa_op_attention_map,
  &moa_op_attention_map_grad,
  &moa_op_avg_pool,
  &moa_op_broadcast,
  &moa_op_concat,
  &moa_op_conv2d,
  &moa_op_conv2d_grad_w,
  &moa_op_conv2d_grad_x,
  &moa_op_cross_entropy,
  &moa_op_cross_entropy_grad,
  &moa_op_embedding,
  &moa_op_fourier,
  &moa_op_fourier_grad,
  &moa_op_gather_rows,
  &moa_op_geglu,
  &moa_op_geglu_grad,
  &moa_op_group_norm,
  &moa_op_group_norm_grad_x,
  &moa_op_group_norm_sums,
  &moa_op_layer_norm,
  &moa_op_layer_norm_grad_affine,
  &moa_op_layer_norm_grad_x,
  &moa_op_linear,
  &moa_op_linear_grad_w,
  &moa_op_linear_grad_x,
  &moa_op_mix,
  &moa_op_mix_grad,
  &moa_op_mul,
  &moa_op_pad,
  &moa_op_put_rows,
  &moa_op_put_rows_grad,
  &moa_op_reduce,
  &moa_op_resize,
  &moa_op_resize_grad,
  &moa_op_router_weight,
  &moa_op_router_weight_grad,
  &moa_op_scale,
  &moa_op_scatter_rows,
  &moa_op_take,
  &moa_op_time_embedding,
  &moa_op_unary,
  &moa_op_upsample,
  &moa_op_upsample_grad,
  NULL
};
