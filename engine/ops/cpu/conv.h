/* Direct convolution's ground: the forward op and its gradients gather the same way. */
#ifndef MOA_CONV_H
#define MOA_CONV_H

#include "ops/cpu/gemm.h"
#include "ops/scratch.h"

typedef struct {
  MoaConvSize s;
  const real *x, *bias, *add;  /* bias, add may be NULL */
  Packed w;          /* depth: set by run_conv() */
  real *y;
  real *scratch;
  gsize m, depth;    /* pixels of y; numbers of a gathered row */
  gboolean by_rows;  /* tasks share the output's pixels, else its channels */
  int n_tasks;
} Conv;

#define run_conv KERNEL (run_conv)
#define run_winograd KERNEL (run_winograd)
#define run_winograd_grad_w KERNEL (run_winograd_grad_w)

/* The way that the sizes are best served by; scratch as moa_conv_scratch() says. */
void run_conv (Conv *conv, MoaCpu *cpu);

/* Where moa_conv_uses_winograd(). */
void run_winograd (const Conv *conv, MoaCpu *cpu);
void run_winograd_grad_w (const Conv *conv, const real *dy, real *dw, MoaCpu *cpu);

static inline void
copy_numbers (real *to, const real *from, gsize n)
{
  gsize i = 0;
  for (; i + VL <= n; i += VL)
    save (to + i, load (from + i));
  if (i < n && n >= VL)
    save (to + n - VL, load (from + n - VL));
  else
    for (; i < n; i++)
      to[i] = from[i];
}

static inline void
clear_numbers (real *to, gsize n)
{
  for (gsize i = 0; i < n; i++)
    to[i] = 0;
}

/* Columns k0 .. k0+k-1 of the gathered row of output pixel `pixel`: for each row of taps a run of
 * the input's row, zeros where that leaves the picture. */
static inline void
conv_gather (gconstpointer data, gsize pixel, gsize k0, gsize k, real *out)
{
  const Conv *conv = data;
  const MoaConvSize *s = &conv->s;
  gsize ox = pixel % s->out_width, row = pixel / s->out_width, oy = row % s->out_height;
  gssize line = s->width * s->channels, length = s->kernel_width * s->channels;
  const real *item = conv->x + row / s->out_height * s->height * line;
  gssize left = ((gssize) (ox * s->stride) - s->left) * (gssize) s->channels;
  gssize y = (gssize) (oy * s->stride + k0 / length) - s->top;
  for (gssize at = k0 % length; k > 0; at = 0, y++)
    {
      gssize n = MIN ((gssize) k, length - at), first = left + at, before = n, inside = 0;
      if (y >= 0 && y < (gssize) s->height)
        {
          before = CLAMP (-first, 0, n);
          inside = CLAMP (line - first, before, n) - before;
        }
      clear_numbers (out, before);
      if (inside > 0)
        copy_numbers (out + before, item + y * line + first + before, inside);
      clear_numbers (out + before + inside, n - before - inside);
      out += n;
      k -= n;
    }
}

#endif
