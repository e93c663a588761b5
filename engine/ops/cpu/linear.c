/* y = x W^T + bias + residual, as a product with packed panels. */
#include "ops/cpu/product.h"

void
KERNEL (linear) (const MoaTensor *t, MoaCpu *cpu, void *scratch)
{
  Product product = {
    .a = t->in[0]->data,
    .b = { t->in[1]->data, t->in[1]->number },
    .bias = t->in[2] ? t->in[2]->data : NULL,
    .add = t->in[3] ? t->in[3]->data : NULL,
    .c = t->data,
    .m = count_of (t->in[0]) / last_of (t->in[0]),
    .n = last_of (t),
    .k = last_of (t->in[0]),
    .scratch = scratch,
  };
  run_product (&product, cpu);
}
