/* Ops that move numbers: joining and cutting, pixels up and down. */
#include "ops/cuda/kernel.h"

/* Numbers from `axis` on. */
static unsigned
run_length (const MoaTensor *t, int axis)
{
  gint64 n = 1;
  for (int i = axis; i < t->shape.rank; i++)
    n *= t->shape.dim[i];
  return (unsigned) n;
}

template <int N>
static __global__ void
concat_kernel (Numbers a, Numbers b, Numbers y, unsigned n, unsigned na, unsigned nb)
{
  EACH_SOME (i, n)
    {
      unsigned run = i / (na + nb), at = i % (na + nb);
      if (at < na)
        y.move<N> (i, a, run * na + at);
      else
        y.move<N> (i, b, run * nb + at - na);
    }
}

KERNEL (concat)
{
  int axis = t->attr.i[0];
  unsigned n = count_of (t), na = run_length (t->in[0], axis), nb = run_length (t->in[1], axis);
  Numbers a = numbers (t->in[0]), b = numbers (t->in[1]), y = numbers (t);
  LAUNCH_SOME (cuda, is_wide (na | nb, { a, b, y }), n, concat_kernel, a, b, y, n, na, nb);
}

/* Runs of `from` numbers to runs of `to`, number 0 of y's being number `first` of x's; zeros where x
 * has none. */
template <int N>
static __global__ void
cut_kernel (Numbers x, Numbers y, unsigned n, unsigned from, unsigned to, int first)
{
  EACH_SOME (i, n)
    {
      int at = (int) (i % to) + first;
      if (at >= 0 && at < (int) from)
        y.move<N> (i, x, i / to * from + at);
      else
        y.put (i, all_of<N> (0));
    }
}

/* first: of the places along the axis. */
static void
queue_cut (MoaCuda *cuda, const MoaTensor *t, int first)
{
  int axis = t->attr.i[0];
  unsigned n = count_of (t), from = run_length (t->in[0], axis), to = run_length (t, axis);
  unsigned place = to / (unsigned) t->shape.dim[axis];
  Numbers x = numbers (t->in[0]), y = numbers (t);
  bool wide = is_wide (from | to | place * (unsigned) ABS (first), { x, y });
  LAUNCH_SOME (cuda, wide, n, cut_kernel, x, y, n, from, to, first * (int) place);
}

KERNEL (take)
{
  queue_cut (cuda, t, t->attr.i[1]);
}

KERNEL (pad)
{
  queue_cut (cuda, t, -t->attr.i[1]);
}

static __global__ void
add_at_kernel (Numbers base, Numbers part, Numbers y, unsigned n, unsigned first, unsigned n_part)
{
  EACH (i, n)
    {
      float v = base.data ? base[i] : 0;
      y.put (i, i >= first && i - first < n_part ? v + part[i - first] : v);
    }
}

KERNEL (add_at)
{
  unsigned n = count_of (t);
  LAUNCH_EACH (cuda, n, add_at_kernel, numbers (t->in[0]), numbers (t->in[1]), numbers (t), n,
               (unsigned) t->attr.f[0], count_of (t->in[1]));
}

/* B,H,W,C */
struct Pixels {
  unsigned height, width, channels;
};

static Pixels
pixels_of (const MoaTensor *t)
{
  Pixels p = { (unsigned) t->shape.dim[1], (unsigned) t->shape.dim[2], (unsigned) t->shape.dim[3] };
  return p;
}

/* A number's place. */
struct Place {
  unsigned item, y, x, c;
};

static __device__ inline Place
place_of (const Pixels &p, unsigned i)
{
  Place at;
  at.c = i % p.channels;
  i /= p.channels;
  at.x = i % p.width;
  i /= p.width;
  at.y = i % p.height;
  at.item = i / p.height;
  return at;
}

static __device__ inline unsigned
index_of (const Pixels &p, unsigned item, unsigned y, unsigned x, unsigned c)
{
  return ((item * p.height + y) * p.width + x) * p.channels + c;
}

/* Nearest: source = floor (i * in / out), as torch's interpolate. */
template <int N>
static __global__ void
upsample_kernel (Numbers x, Numbers y, unsigned n, Pixels from, Pixels to)
{
  EACH_SOME (i, n)
    {
      Place at = place_of (to, i);
      y.move<N> (i, x, index_of (from, at.item, at.y * from.height / to.height,
                                 at.x * from.width / to.width, at.c));
    }
}

KERNEL (upsample)
{
  unsigned n = count_of (t);
  Numbers x = numbers (t->in[0]), y = numbers (t);
  LAUNCH_SOME (cuda, is_wide (last_of (t), { x, y }), n, upsample_kernel, x, y, n, pixels_of (t->in[0]),
               pixels_of (t));
}

/* The first place of the larger side that upsample made from place i of n, or one before. */
static __device__ inline unsigned
first_copy (unsigned i, unsigned n, unsigned larger)
{
  return (i * larger + n - 1) / n;
}

static __global__ void
upsample_grad_kernel (Numbers dy, Numbers dx, unsigned n, Pixels large, Pixels small)
{
  EACH (i, n)
    {
      Place at = place_of (small, i);
      float sum = 0;
      for (unsigned y = first_copy (at.y, small.height, large.height);
           y < first_copy (at.y + 1, small.height, large.height); y++)
        for (unsigned x = first_copy (at.x, small.width, large.width);
             x < first_copy (at.x + 1, small.width, large.width); x++)
          sum += dy[index_of (large, at.item, y, x, at.c)];
      dx.put (i, sum);
    }
}

KERNEL (upsample_grad)
{
  unsigned n = count_of (t);
  LAUNCH_EACH (cuda, n, upsample_grad_kernel, numbers (t->in[0]), numbers (t), n,
               pixels_of (t->in[0]), pixels_of (t));
}

static __global__ void
avg_pool_kernel (Numbers x, Numbers y, unsigned n, Pixels from, Pixels to, unsigned k)
{
  EACH (i, n)
    {
      Place at = place_of (to, i);
      float sum = 0;
      for (unsigned a = 0; a < k; a++)
        for (unsigned b = 0; b < k; b++)
          sum += x[index_of (from, at.item, at.y * k + a, at.x * k + b, at.c)];
      y.put (i, sum / (k * k));
    }
}

KERNEL (avg_pool)
{
  unsigned n = count_of (t);
  LAUNCH_EACH (cuda, n, avg_pool_kernel, numbers (t->in[0]), numbers (t), n, pixels_of (t->in[0]),
               pixels_of (t), (unsigned) t->attr.i[0]);
}

/* Bilinear: place i of `out` looks at (i + 1/2) in / out - 1/2, between two neighbours. */
struct Between {
  unsigned a, b;
  float weight; /* of b */
};

static __device__ inline Between
look (unsigned i, unsigned in, unsigned out)
{
  Between v;
  float at = fmaxf (((float) i + 0.5f) * ((float) in / (float) out) - 0.5f, 0.f);
  v.a = min ((unsigned) at, in - 1);
  v.b = min (v.a + 1, in - 1);
  v.weight = at - v.a;
  return v;
}

static __global__ void
resize_kernel (Numbers x, Numbers y, unsigned n, Pixels from, Pixels to)
{
  EACH (i, n)
    {
      Place at = place_of (to, i);
      Between v = look (at.y, from.height, to.height), u = look (at.x, from.width, to.width);
      float up = (1 - u.weight) * x[index_of (from, at.item, v.a, u.a, at.c)]
                 + u.weight * x[index_of (from, at.item, v.a, u.b, at.c)];
      float down = (1 - u.weight) * x[index_of (from, at.item, v.b, u.a, at.c)]
                   + u.weight * x[index_of (from, at.item, v.b, u.b, at.c)];
      y.put (i, (1 - v.weight) * up + v.weight * down);
    }
}

KERNEL (resize)
{
  unsigned n = count_of (t);
  LAUNCH_EACH (cuda, n, resize_kernel, numbers (t->in[0]), numbers (t), n, pixels_of (t->in[0]),
               pixels_of (t));
}

/* The places of `out` that may look at place i of `in`: first .. end - 1. */
static __device__ inline void
lookers (unsigned i, unsigned in, unsigned out, unsigned *first, unsigned *end)
{
  float step = (float) out / (float) in;
  float low = ((float) i - 0.5f) * step - 1.5f, high = ((float) i + 1.5f) * step + 1.5f;
  *first = low > 0 && i > 0 ? min ((unsigned) low, out) : 0;
  *end = i == in - 1 ? out : min ((unsigned) high + 1, out);
}

static __device__ inline float
weight_at (const Between &v, unsigned i)
{
  return (v.a == i ? 1 - v.weight : 0) + (v.b == i ? v.weight : 0);
}

static __global__ void
resize_grad_kernel (Numbers dy, Numbers dx, unsigned n, Pixels from, Pixels to)
{
  EACH (i, n)
    {
      Place at = place_of (to, i);
      unsigned y0, y1, x0, x1;
      float sum = 0;
      lookers (at.y, to.height, from.height, &y0, &y1);
      lookers (at.x, to.width, from.width, &x0, &x1);
      for (unsigned y = y0; y < y1; y++)
        {
          float v = weight_at (look (y, to.height, from.height), at.y);
          for (unsigned x = x0; v != 0 && x < x1; x++)
            sum += v * weight_at (look (x, to.width, from.width), at.x)
                   * dy[index_of (from, at.item, y, x, at.c)];
        }
      dx.put (i, sum);
    }
}

KERNEL (resize_grad)
{
  unsigned n = count_of (t);
  LAUNCH_EACH (cuda, n, resize_grad_kernel, numbers (t->in[0]), numbers (t), n,
               pixels_of (t->in[0]), pixels_of (t));
}
