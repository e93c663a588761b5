/* The list of ops: tests and the bench go through it. */
#include "ops/op.h"

extern const MoaOp moa_op_activation;
extern const MoaOp moa_op_add;
extern const MoaOp moa_op_attention;
extern const MoaOp moa_op_attention_map;
extern const MoaOp moa_op_avg_pool;
extern const MoaOp moa_op_broadcast;
extern const MoaOp moa_op_concat;
extern const MoaOp moa_op_conv2d;
extern const MoaOp moa_op_embedding;
extern const MoaOp moa_op_fourier;
extern const MoaOp moa_op_gather_rows;
extern const MoaOp moa_op_geglu;
extern const MoaOp moa_op_group_norm;
extern const MoaOp moa_op_layer_norm;
extern const MoaOp moa_op_linear;
extern const MoaOp moa_op_mix;
extern const MoaOp moa_op_put_rows;
extern const MoaOp moa_op_router_weight;
extern const MoaOp moa_op_time_embedding;
extern const MoaOp moa_op_upsample;

const MoaOp *const moa_ops[] = {
  &moa_op_activation,
  &moa_op_add,
  &moa_op_attention,
  &moa_op_attention_map,
  &moa_op_avg_pool,
  &moa_op_broadcast,
  &moa_op_concat,
  &moa_op_conv2d,
  &moa_op_embedding,
  &moa_op_fourier,
  &moa_op_gather_rows,
  &moa_op_geglu,
  &moa_op_group_norm,
  &moa_op_layer_norm,
  &moa_op_linear,
  &moa_op_mix,
  &moa_op_put_rows,
  &moa_op_router_weight,
  &moa_op_time_embedding,
  &moa_op_upsample,
  NULL
};
