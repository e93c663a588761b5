/* Ops that look at each number, or each row, by itself. */
#include "ops/cuda/math.h"

static __global__ void
activation_kernel (Numbers x, Numbers y, unsigned n, int act)
{
  EACH (i, n)
    y.put (i, activate (act, x[i]));
}

KERNEL (activation)
{
  unsigned n = count_of (t);
  LAUNCH_EACH (cuda, n, activation_kernel, numbers (t->in[0]), numbers (t), n, t->attr.i[0]);
}

static __global__ void
activation_grad_kernel (Numbers x, Numbers dy, Numbers dx, unsigned n, int act)
{
  EACH (i, n)
    dx.put (i, dy[i] * slope (act, x[i]));
}

KERNEL (activation_grad)
{
  unsigned n = count_of (t);
  LAUNCH_EACH (cuda, n, activation_grad_kernel, numbers (t->in[0]), numbers (t->in[1]), numbers (t),
               n, t->attr.i[0]);
}

/* x [rows][2 width] */
static __global__ void
geglu_kernel (Numbers x, Numbers y, unsigned n, unsigned width)
{
  EACH (i, n)
    {
      unsigned a = i / width * 2 * width + i % width;
      y.put (i, x[a] * activate (MOA_ACT_GELU, x[a + width]));
    }
}

KERNEL (geglu)
{
  unsigned n = count_of (t);
  LAUNCH_EACH (cuda, n, geglu_kernel, numbers (t->in[0]), numbers (t), n, last_of (t));
}

static __global__ void
geglu_grad_kernel (Numbers x, Numbers dy, Numbers dx, unsigned n, unsigned width)
{
  EACH (i, n)
    {
      unsigned a = i / width * 2 * width + i % width, b = a + width;
      float d = dy[i], gate = x[b];
      dx.put (a, d * activate (MOA_ACT_GELU, gate));
      dx.put (b, d * x[a] * slope (MOA_ACT_GELU, gate));
    }
}

KERNEL (geglu_grad)
{
  unsigned n = count_of (t->in[1]);
  LAUNCH_EACH (cuda, n, geglu_grad_kernel, numbers (t->in[0]), numbers (t->in[1]), numbers (t), n,
               last_of (t->in[1]));
}

/* Where a number of one shape is in another with dimensions of 1, aligned at the last. */
struct Repeat {
  unsigned dim[MOA_MAX_DIMS], step[MOA_MAX_DIMS];

  __device__ unsigned
  place (unsigned i) const
  {
    unsigned at = 0;
    for (int k = MOA_MAX_DIMS - 1; k >= 0; k--)
      {
        at += i % dim[k] * step[k];
        i /= dim[k];
      }
    return at;
  }
};

static Repeat
repeat_of (const MoaShape *a, const MoaShape *b)
{
  Repeat r;
  unsigned step = 1;
  for (int k = 1; k <= MOA_MAX_DIMS; k++)
    {
      unsigned mine = k <= a->rank ? (unsigned) a->dim[a->rank - k] : 1;
      unsigned other = k <= b->rank ? (unsigned) b->dim[b->rank - k] : 1;
      r.dim[MOA_MAX_DIMS - k] = mine;
      r.step[MOA_MAX_DIMS - k] = other > 1 ? step : 0;
      step *= other;
    }
  return r;
}

static __global__ void
add_kernel (Numbers a, Numbers b, Numbers y, unsigned n, Repeat repeat)
{
  EACH (i, n)
    y.put (i, a[i] + b[repeat.place (i)]);
}

KERNEL (add)
{
  unsigned n = count_of (t);
  LAUNCH_EACH (cuda, n, add_kernel, numbers (t->in[0]), numbers (t->in[1]), numbers (t), n,
               repeat_of (&t->shape, &t->in[1]->shape));
}

static __global__ void
mul_kernel (Numbers a, Numbers b, Numbers y, unsigned n, Repeat repeat)
{
  EACH (i, n)
    y.put (i, a[i] * b[repeat.place (i)]);
}

KERNEL (mul)
{
  unsigned n = count_of (t);
  LAUNCH_EACH (cuda, n, mul_kernel, numbers (t->in[0]), numbers (t->in[1]), numbers (t), n,
               repeat_of (&t->shape, &t->in[1]->shape));
}

static __global__ void
broadcast_kernel (Numbers x, Numbers y, unsigned n, Repeat repeat)
{
  EACH (i, n)
    y.put (i, x[repeat.place (i)]);
}

KERNEL (broadcast)
{
  unsigned n = count_of (t);
  LAUNCH_EACH (cuda, n, broadcast_kernel, numbers (t->in[0]), numbers (t), n,
               repeat_of (&t->shape, &t->in[0]->shape));
}

static __global__ void
scale_kernel (Numbers x, Numbers y, unsigned n, float factor, float offset)
{
  EACH (i, n)
    y.put (i, factor * x[i] + offset);
}

KERNEL (scale)
{
  unsigned n = count_of (t);
  LAUNCH_EACH (cuda, n, scale_kernel, numbers (t->in[0]), numbers (t), n, (float) t->attr.f[0],
               (float) t->attr.f[1]);
}

static __global__ void
unary_kernel (Numbers x, Numbers y, unsigned n, int what)
{
  EACH (i, n)
    {
      float v = x[i], sign = (v > 0) - (v < 0);
      y.put (i, what == MOA_EXP ? expf (v) : what == MOA_ABS ? v * sign : sign);
    }
}

KERNEL (unary)
{
  unsigned n = count_of (t);
  LAUNCH_EACH (cuda, n, unary_kernel, numbers (t->in[0]), numbers (t), n, t->attr.i[0]);
}

/* Eq. 7; softmax over two is a sigmoid of the difference. */
static __global__ void
router_weight_kernel (Numbers x, Numbers limit, Numbers w, unsigned n)
{
  EACH (i, n)
    w.put (i, 1 / (1 + expf (x[2 * i] - x[2 * i + 1])) * (limit.data ? limit[i] : 1));
}

KERNEL (router_weight)
{
  unsigned n = count_of (t);
  LAUNCH_EACH (cuda, n, router_weight_kernel, numbers (t->in[0]), numbers (t->in[1]), numbers (t),
               n);
}

/* w = s limit with s = sigmoid (x1 - x0):  dx1 = -dx0 = dy limit s (1 - s) */
static __global__ void
router_weight_grad_kernel (Numbers x, Numbers limit, Numbers dy, Numbers dx, unsigned n)
{
  EACH (i, n)
    {
      float s = 1 / (1 + expf (x[2 * i] - x[2 * i + 1]));
      float d = dy[i] * (limit.data ? limit[i] : 1) * s * (1 - s);
      dx.put (2 * i, -d);
      dx.put (2 * i + 1, d);
    }
}

KERNEL (router_weight_grad)
{
  unsigned n = count_of (t->in[2]);
  LAUNCH_EACH (cuda, n, router_weight_grad_kernel, numbers (t->in[0]), numbers (t->in[1]),
               numbers (t->in[2]), numbers (t), n);
}

/* Eq. 6 */
static __global__ void
mix_kernel (Numbers prior, Numbers mine, Numbers w, Numbers y, unsigned n, unsigned width)
{
  EACH (i, n)
    y.put (i, prior[i] + w[i / width] * (mine[i] - prior[i]));
}

KERNEL (mix)
{
  unsigned n = count_of (t);
  LAUNCH_EACH (cuda, n, mix_kernel, numbers (t->in[0]), numbers (t->in[1]), numbers (t->in[2]),
               numbers (t), n, last_of (t));
}

static __global__ void
mix_grad_kernel (Numbers prior, Numbers mine, Numbers dy, Numbers dw, unsigned n, unsigned width)
{
  EACH_ROW (row, n)
    {
      float sum = 0;
      for (unsigned i = row * width + lane; i < (row + 1) * width; i += 32)
        sum += dy[i] * (mine[i] - prior[i]);
      sum = warp_sum (sum);
      if (lane == 0)
        dw.put (row, sum);
    }
}

KERNEL (mix_grad)
{
  unsigned n = count_of (t);
  LAUNCH_ROWS (cuda, n, mix_grad_kernel, numbers (t->in[0]), numbers (t->in[1]), numbers (t->in[2]),
               numbers (t), n, last_of (t->in[2]));
}

static __global__ void
convert_kernel (Numbers x, Numbers y, unsigned n)
{
  EACH (i, n)
    y.put (i, x[i]);
}

void
moa_cuda_convert (MoaCuda *cuda, Numbers x, Numbers y, gsize n)
{
  LAUNCH_EACH (cuda, n, convert_kernel, x, y, (unsigned) n);
}
