/* Helpers of the ops' shape rules. */
#ifndef MOA_RULE_H
#define MOA_RULE_H

#include "ops/kernels.h"
#include "ops/op.h"
#include "ops/ops.h"

/* Fails with the shapes of the inputs behind the message. */
gboolean moa_rule_fail (const MoaTensor *t, GError **error, const char *message);

static inline gint64
moa_last_dim (const MoaTensor *t)
{
  return t->shape.dim[t->shape.rank - 1];
}

/* Whether t is a vector of n. */
static inline gboolean
moa_is_vector (const MoaTensor *t, gint64 n)
{
  return t->shape.rank == 1 && t->shape.dim[0] == n;
}

/* Whether b has a's dimensions or 1, aligned at the last. */
gboolean moa_repeats (const MoaShape *b, const MoaShape *a);

/* Why the ops of gradients have none themselves. */
#define MOA_NO_SECOND_GRADIENT "it is part of a gradient, and nothing needs second derivatives"

/* NULL inputs pass through the op functions after an error: nothing to make. */
#define MOA_NEED(...)                                                   \
  G_STMT_START                                                          \
  {                                                                     \
    MoaTensor *const needed_[] = { __VA_ARGS__ };                       \
    for (gsize need_ = 0; need_ < G_N_ELEMENTS (needed_); need_++)      \
      if (!needed_[need_])                                              \
        return NULL;                                                    \
  }                                                                     \
  G_STMT_END

#endif
