/* Ops that look at each number, or each row, by itself. */
#include "ops/cuda/math.h"

template <int N>
static __global__ void
activation_kernel (Numbers x, Numbers y, unsigned n, int act)
{
  EACH_SOME (i, n)
    {
      Some<N> v = x.some<N> (i);
      for (int k = 0; k < N; k++)
        v[k] = activate (act, v[k]);
      y.put (i, v);
    }
}

KERNEL (activation)
{
  unsigned n = count_of (t);
  Numbers x = numbers (t->in[0]), y = numbers (t);
  LAUNCH_SOME (cuda, is_wide (n, { x, y }), n, activation_kernel, x, y, n, t->attr.i[0]);
}

template <int N>
static __global__ void
activation_grad_kernel (Numbers x, Numbers dy, Numbers dx, unsigned n, int act)
{
  EACH_SOME (i, n)
    {
      Some<N> v = x.some<N> (i), d = dy.some<N> (i);
      for (int k = 0; k < N; k++)
        d[k] *= slope (act, v[k]);
      dx.put (i, d);
    }
}

KERNEL (activation_grad)
{
  unsigned n = count_of (t);
  Numbers x = numbers (t->in[0]), dy = numbers (t->in[1]), dx = numbers (t);
  LAUNCH_SOME (cuda, is_wide (n, { x, dy, dx }), n, activation_grad_kernel, x, dy, dx, n, t->attr.i[0]);
}

/* Number i of rows of `width` in rows twice as long. */
static __device__ inline unsigned
in_double (unsigned i, unsigned width)
{
  return i + i / width * width;
}

/* x [rows][2 width] */
template <int N>
static __global__ void
geglu_kernel (Numbers x, Numbers y, unsigned n, unsigned width)
{
  EACH_SOME (i, n)
    {
      unsigned a = in_double (i, width);
      Some<N> v = x.some<N> (a), gate = x.some<N> (a + width);
      for (int k = 0; k < N; k++)
        v[k] *= activate (MOA_ACT_GELU, gate[k]);
      y.put (i, v);
    }
}

KERNEL (geglu)
{
  unsigned n = count_of (t), width = last_of (t);
  Numbers x = numbers (t->in[0]), y = numbers (t);
  LAUNCH_SOME (cuda, is_wide (width, { x, y }), n, geglu_kernel, x, y, n, width);
}

template <int N>
static __global__ void
geglu_grad_kernel (Numbers x, Numbers dy, Numbers dx, unsigned n, unsigned width)
{
  EACH_SOME (i, n)
    {
      unsigned a = in_double (i, width), b = a + width;
      Some<N> d = dy.some<N> (i), v = x.some<N> (a), gate = x.some<N> (b), d_gate;
      for (int k = 0; k < N; k++)
        {
          d_gate[k] = d[k] * v[k] * slope (MOA_ACT_GELU, gate[k]);
          d[k] *= activate (MOA_ACT_GELU, gate[k]);
        }
      dx.put (a, d);
      dx.put (b, d_gate);
    }
}

KERNEL (geglu_grad)
{
  unsigned n = count_of (t->in[1]), width = last_of (t->in[1]);
  Numbers x = numbers (t->in[0]), dy = numbers (t->in[1]), dx = numbers (t);
  LAUNCH_SOME (cuda, is_wide (width, { x, dy, dx }), n, geglu_grad_kernel, x, dy, dx, n, width);
}

/* Where the numbers of one shape, a, are in another, b, with dimensions of 1, aligned at the last.  From
 * the last dimension on, those that b goes through alike in one. */
struct Repeat {
  int rank;
  unsigned dim[MOA_MAX_DIMS], step[MOA_MAX_DIMS];

  __device__ unsigned
  place (unsigned i) const
  {
    unsigned at = 0;
    for (int k = 0; k < rank - 1; k++)
      {
        at += i % dim[k] * step[k];
        i /= dim[k];
      }
    return at + i * step[rank - 1];
  }

  /* Of x of shape b, what belongs to numbers i .. i + N - 1 of shape a. */
  template <int N>
  __device__ Some<N>
  some (const Numbers &x, unsigned i) const
  {
    unsigned at = place (i);
    return step[0] ? x.some<N> (at) : all_of<N> (x[at]);
  }
};

static Repeat
repeat_of (const MoaShape *a, const MoaShape *b)
{
  Repeat r = { 0, { 1 }, { 0 } };
  unsigned all = 1;
  for (int k = 1; k <= a->rank; k++)
    {
      unsigned mine = (unsigned) a->dim[a->rank - k];
      unsigned other = k <= b->rank ? (unsigned) b->dim[b->rank - k] : 1;
      unsigned step = other > 1 ? all : 0, last = MAX (r.rank, 1) - 1;
      all *= other;
      if (mine == 1)
        continue;
      if (r.rank > 0 && step == r.step[last] * r.dim[last])
        r.dim[last] *= mine;
      else
        {
          r.dim[r.rank] = mine;
          r.step[r.rank++] = step;
        }
    }
  r.rank = MAX (r.rank, 1);
  return r;
}

template <int N>
static __global__ void
add_kernel (Numbers a, Numbers b, Numbers y, unsigned n, Repeat repeat)
{
  EACH_SOME (i, n)
    {
      Some<N> v = a.some<N> (i), w = repeat.some<N> (b, i);
      for (int k = 0; k < N; k++)
        v[k] += w[k];
      y.put (i, v);
    }
}

KERNEL (add)
{
  unsigned n = count_of (t);
  Numbers a = numbers (t->in[0]), b = numbers (t->in[1]), y = numbers (t);
  Repeat repeat = repeat_of (&t->shape, &t->in[1]->shape);
  LAUNCH_SOME (cuda, is_wide (repeat.dim[0], { a, b, y }), n, add_kernel, a, b, y, n, repeat);
}

template <int N>
static __global__ void
mul_kernel (Numbers a, Numbers b, Numbers y, unsigned n, Repeat repeat)
{
  EACH_SOME (i, n)
    {
      Some<N> v = a.some<N> (i), w = repeat.some<N> (b, i);
      for (int k = 0; k < N; k++)
        v[k] *= w[k];
      y.put (i, v);
    }
}

KERNEL (mul)
{
  unsigned n = count_of (t);
  Numbers a = numbers (t->in[0]), b = numbers (t->in[1]), y = numbers (t);
  Repeat repeat = repeat_of (&t->shape, &t->in[1]->shape);
  LAUNCH_SOME (cuda, is_wide (repeat.dim[0], { a, b, y }), n, mul_kernel, a, b, y, n, repeat);
}

template <int N>
static __global__ void
broadcast_kernel (Numbers x, Numbers y, unsigned n, Repeat repeat)
{
  EACH_SOME (i, n)
    y.put (i, repeat.some<N> (x, i));
}

KERNEL (broadcast)
{
  unsigned n = count_of (t);
  Numbers x = numbers (t->in[0]), y = numbers (t);
  Repeat repeat = repeat_of (&t->shape, &t->in[0]->shape);
  LAUNCH_SOME (cuda, is_wide (repeat.dim[0], { x, y }), n, broadcast_kernel, x, y, n, repeat);
}

template <int N>
static __global__ void
scale_kernel (Numbers x, Numbers y, unsigned n, float factor, float offset)
{
  EACH_SOME (i, n)
    {
      Some<N> v = x.some<N> (i);
      for (int k = 0; k < N; k++)
        v[k] = factor * v[k] + offset;
      y.put (i, v);
    }
}

KERNEL (scale)
{
  unsigned n = count_of (t);
  Numbers x = numbers (t->in[0]), y = numbers (t);
  LAUNCH_SOME (cuda, is_wide (n, { x, y }), n, scale_kernel, x, y, n, (float) t->attr.f[0],
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
template <int N>
static __global__ void
mix_kernel (Numbers prior, Numbers mine, Numbers w, Numbers y, unsigned n, unsigned width)
{
  EACH_SOME (i, n)
    {
      Some<N> v = prior.some<N> (i), other = mine.some<N> (i);
      float weight = w[i / width];
      for (int k = 0; k < N; k++)
        v[k] += weight * (other[k] - v[k]);
      y.put (i, v);
    }
}

KERNEL (mix)
{
  unsigned n = count_of (t), width = last_of (t);
  Numbers prior = numbers (t->in[0]), mine = numbers (t->in[1]), w = numbers (t->in[2]), y = numbers (t);
  LAUNCH_SOME (cuda, is_wide (width, { prior, mine, y }), n, mix_kernel, prior, mine, w, y, n, width);
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

template <int N>
static __global__ void
convert_kernel (Numbers x, Numbers y, unsigned n)
{
  EACH_SOME (i, n)
    y.move<N> (i, x, i);
}

void
moa_cuda_convert (MoaCuda *cuda, Numbers x, Numbers y, gsize n)
{
  LAUNCH_SOME (cuda, is_wide (n, { x, y }), (unsigned) n, convert_kernel, x, y, (unsigned) n);
}
