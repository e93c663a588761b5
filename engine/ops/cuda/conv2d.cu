/* Convolution and its gradients: some pixels at a time, what the kernel's taps see is gathered into rows
 * and multiplied, on tensor cores where the type has them.  x B,H,W,C; W [N][taps][C], as panels of
 * one.  A 1x1 kernel needs no gathering. */
#include "ops/cuda/gemm.h"

#define GATHER_BYTES ((gsize) 64 << 20) /* of gathered rows at a time */

struct Conv {
  unsigned height, width, channels;   /* of what is gathered from */
  unsigned out_height, out_width;     /* a row is gathered for each of these */
  unsigned kernel, stride, before;
  unsigned rows;                      /* items * out_height * out_width */
  bool back;                          /* gathered for the input's gradient */

  /* Where tap k of output place i looks, or -1. */
  __device__ int
  look (unsigned i, unsigned k, unsigned size) const
  {
    if (!back)
      {
        int at = (int) (i * stride + k) - (int) before;
        return at < (int) size ? at : -1;
      }
    int at = (int) (i + before) - (int) k;
    if (at < 0 || at % (int) stride != 0 || at / (int) stride >= (int) size)
      return -1;
    return at / (int) stride;
  }
};

static inline gsize
depth_of (const Conv &c)
{
  return (gsize) c.kernel * c.kernel * c.channels;
}

/* Whether rows are the tensor's own. */
static bool
is_product (const Conv &c)
{
  return c.kernel == 1 && c.stride == 1 && c.before == 0;
}

/* As many each time, for a last product of few rows would take as long as the others. */
static unsigned
rows_at_a_time (const Conv &c, int number)
{
  gsize most = MAX (GATHER_BYTES / (depth_of (c) * moa_number_size ((MoaNumber) number)), 64);
  gsize rows = parts_of (c.rows, parts_of (c.rows, most));
  return (unsigned) MIN ((rows + 63) / 64 * 64, c.rows);
}

/* Rows first .. first + n - 1; block 32 x 8, eight rows. */
template <int N>
static __global__ void
gather_kernel (Conv c, Numbers x, Numbers rows, unsigned first, unsigned n, unsigned depth)
{
  unsigned row = blockIdx.x * 8 + threadIdx.y;
  if (row >= n)
    return;
  unsigned pixel = first + row, out_x = pixel % c.out_width, line = pixel / c.out_width;
  unsigned out_y = line % c.out_height, item = line / c.out_height;
  unsigned channel = threadIdx.x * N % c.channels, tap = threadIdx.x * N / c.channels;
  unsigned down = tap / c.kernel, across = tap % c.kernel;
  for (unsigned i = threadIdx.x * N; i < depth; i += 32 * N)
    {
      int y = c.look (out_y, down, c.height), at = c.look (out_x, across, c.width);
      if (y >= 0 && at >= 0)
        rows.move<N> (row * depth + i, x, ((item * c.height + y) * c.width + at) * c.channels + channel);
      else
        rows.put (row * depth + i, all_of<N> (0));
      /* Divisions here would take longer than the memory. */
      for (channel += 32 * N; channel >= c.channels; channel -= c.channels)
        if (++across == c.kernel)
          {
            across = 0;
            down++;
          }
    }
}

/* Rows of x from `first` on as a matrix of that type. */
static Matrix
gather (MoaCuda *cuda, const Conv &c, Numbers x, unsigned first, unsigned n, int number,
        void *scratch)
{
  unsigned depth = (unsigned) depth_of (c);
  Numbers rows = numbers_at (scratch, number, 0);
  if (is_product (c) && x.number == number)
    return matrix (numbers_at (x.data, x.number, (gsize) first * depth), depth);
  dim3 grid (parts_of (n, 8)), block (32, 8);
  if (is_wide (c.channels, { x, rows }))
    MOA_LAUNCH (cuda, (gather_kernel<WIDE>), grid, block, 0, c, x, rows, first, n, depth);
  else
    MOA_LAUNCH (cuda, (gather_kernel<1>), grid, block, 0, c, x, rows, first, n, depth);
  return matrix (rows, depth);
}

/* Rows gathered at a time: all of what needs no gathering. */
static unsigned
step_of (const Conv &c, int from, int number)
{
  return is_product (c) && from == number ? c.rows : rows_at_a_time (c, number);
}

static unsigned
kernel_of (const MoaTensor *w)
{
  return w->shape.rank == 4 ? (unsigned) w->shape.dim[2] : 1;
}

static Conv
conv_of (const MoaTensor *x, const MoaTensor *y, unsigned kernel, const MoaAttrs *attr, bool back)
{
  Conv c = { (unsigned) x->shape.dim[1], (unsigned) x->shape.dim[2], (unsigned) x->shape.dim[3],
             (unsigned) y->shape.dim[1], (unsigned) y->shape.dim[2], kernel,
             (unsigned) attr->i[0], (unsigned) attr->i[1],
             (unsigned) (y->shape.dim[0] * y->shape.dim[1] * y->shape.dim[2]), back };
  return c;
}

/* Bytes of gathered rows. */
static gsize
rows_scratch (const Conv &c, int from, int number)
{
  if (is_product (c) && from == number)
    return 0;
  return (rows_at_a_time (c, number) * depth_of (c) * moa_number_size ((MoaNumber) number) + 255) / 256 * 256;
}

gsize
moa_cuda_conv2d_scratch (const MoaTensor *t)
{
  const MoaTensor *x = t->in[0], *w = t->in[1];
  return rows_scratch (conv_of (x, t, kernel_of (w), &t->attr, false), x->number, w->number);
}

KERNEL (conv2d)
{
  const MoaTensor *x = t->in[0], *w = t->in[1];
  Conv c = conv_of (x, t, kernel_of (w), &t->attr, false);
  unsigned n = last_of (t), depth = (unsigned) depth_of (c);
  unsigned step = step_of (c, x->number, w->number);
  float beta = moa_cuda_start (cuda, t->in[2], t->in[3], numbers (t), (gsize) c.rows * n, n);
  for (unsigned first = 0; first < c.rows; first += step)
    {
      unsigned rows = MIN (step, c.rows - first);
      Matrix a = gather (cuda, c, numbers (x), first, rows, w->number, scratch);
      moa_cuda_gemm (cuda, rows, n, depth, a, matrix (numbers (w), depth, true),
                     matrix (numbers_at (t->data, t->number, (gsize) first * n), n), 1, beta);
    }
}

/* W [N][taps][C] -> [taps][N][C] */
static __global__ void
turn_kernel (Numbers w, Numbers y, unsigned count, unsigned n, unsigned taps, unsigned channels)
{
  EACH (i, count)
    {
      unsigned c = i % channels, row = i / channels % n, tap = i / channels / n;
      y.put (i, w[(row * taps + tap) * channels + c]);
    }
}

/* The turned weight, then rows. */
gsize
moa_cuda_conv2d_grad_x_scratch (const MoaTensor *t)
{
  const MoaTensor *dy = t->in[0], *w = t->in[1];
  gsize turned = (count_of (w) * moa_number_size (w->number) + 255) / 256 * 256;
  return turned + rows_scratch (conv_of (dy, t, kernel_of (w), &t->attr, true), dy->number, w->number);
}

KERNEL (conv2d_grad_x)
{
  const MoaTensor *dy = t->in[0], *w = t->in[1];
  Conv c = conv_of (dy, t, kernel_of (w), &t->attr, true);
  unsigned channels = last_of (t), depth = (unsigned) depth_of (c), n_weight = count_of (w);
  unsigned step = step_of (c, dy->number, w->number);
  Numbers turned = numbers_at (scratch, w->number, 0);
  void *rest = (char *) scratch + (n_weight * moa_number_size (w->number) + 255) / 256 * 256;
  LAUNCH_EACH (cuda, n_weight, turn_kernel, numbers (w), turned, n_weight, c.channels,
               c.kernel * c.kernel, channels);
  for (unsigned first = 0; first < c.rows; first += step)
    {
      unsigned rows = MIN (step, c.rows - first);
      Matrix a = gather (cuda, c, numbers (dy), first, rows, w->number, rest);
      moa_cuda_gemm (cuda, rows, channels, depth, a, matrix (turned, channels),
                     matrix (numbers_at (t->data, t->number, (gsize) first * channels), channels));
    }
}

static int
common_number (const MoaTensor *t)
{
  return t->in[0]->number == MOA_F32 ? t->in[1]->number : t->in[0]->number;
}

/* dy converted, then rows. */
gsize
moa_cuda_conv2d_grad_w_scratch (const MoaTensor *t)
{
  const MoaTensor *x = t->in[0], *dy = t->in[1];
  int number = common_number (t);
  return as_scratch (dy, number)
         + rows_scratch (conv_of (x, dy, (unsigned) t->attr.i[3], &t->attr, false), x->number, number);
}

KERNEL (conv2d_grad_w)
{
  const MoaTensor *x = t->in[0];
  Conv c = conv_of (x, t->in[1], (unsigned) t->attr.i[3], &t->attr, false);
  int number = common_number (t);
  unsigned n = last_of (t->in[1]), depth = (unsigned) depth_of (c);
  unsigned step = step_of (c, x->number, number);
  char *rest = (char *) scratch;
  Numbers dy = moa_cuda_as (cuda, numbers (t->in[1]), (gsize) c.rows * n, number, &rest);
  for (unsigned first = 0; first < c.rows; first += step)
    {
      unsigned rows = MIN (step, c.rows - first);
      Matrix b = gather (cuda, c, numbers (x), first, rows, number, rest);
      moa_cuda_gemm (cuda, n, depth, rows,
                     matrix (numbers_at (dy.data, dy.number, (gsize) first * n), n, true), b,
                     matrix (numbers (t), depth), 1, first > 0 ? 1.f : 0.f);
    }
}
