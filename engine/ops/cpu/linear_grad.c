/* The gradients of y = x W^T: dx = dy W, dW = dy^T x. */
#include "ops/cpu/product.h"
#include "ops/cpu/turn.h"
#include "ops/cpu/weight_grad.h"

void
KERNEL (linear_grad_x) (const MoaTensor *t, MoaCpu *cpu, void *scratch)
{
  const MoaTensor *dy = t->in[0], *w = t->in[1];
  gsize n = last_of (dy), k = last_of (t);
  Turn turn = { .from = w->data, .to = scratch, .n = n, .channels = k, .taps = 1, .n_taps = 1,
                .tap_width = 1 };
  run_turn (&turn, cpu);
  Product product = { .a = dy->data, .b = { turn.to }, .c = t->data, .m = count_of (dy) / n, .n = k,
                      .k = n, .scratch = turn.to + moa_panels_count (k, n, cpu) };
  run_product (&product, cpu);
}

void
KERNEL (linear_grad_w) (const MoaTensor *t, MoaCpu *cpu, void *scratch)
{
  const MoaTensor *x = t->in[0], *dy = t->in[1];
  WeightGrad grad = { .x = x->data, .dy = dy->data, .dw = t->data, .k = last_of (x),
                      .n = last_of (dy), .m = count_of (x) / last_of (x), .scratch = scratch };
  run_weight_grad (&grad, cpu);
}
