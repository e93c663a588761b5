/* Group norm and layer norm. */
#include "ops/cuda/norm.h"

Groups
moa_cuda_groups (const MoaTensor *t)
{
  const MoaTensor *x = t->in[0];
  Groups g;
  g.items = (unsigned) x->shape.dim[0];
  g.channels = last_of (x);
  g.groups = (unsigned) t->attr.i[0];
  g.size = g.channels / g.groups;
  g.pixels = count_of (x) / g.items / g.channels;
  g.slice = MIN (g.groups & -g.groups, GROUP_BLOCK / 32);
  g.parts = MIN (MAX (g.pixels * g.slice * g.size / (GROUP_BLOCK * WIDE), 1), MIN (GROUP_PARTS, g.pixels));
  g.eps = (float) t->attr.f[0];
  g.silu = t->attr.i[1];
  return g;
}

gsize
moa_cuda_group_scratch (const Groups &g)
{
  return (gsize) g.items * g.groups * 2 * (1 + g.parts) * sizeof (float);
}

/* What a thread knows of its channels' numbers. */
template <int N>
struct Welford {
  Some<N> mean, squares; /* of distances from the mean */
  float count;

  __device__ void
  add (const Some<N> &v)
  {
    float share = 1 / ++count;
    for (int k = 0; k < N; k++)
      {
        float d = v[k] - mean[k];
        mean[k] += d * share;
        squares[k] += d * (v[k] - mean[k]);
      }
  }
};

/* The numbers of one group, by a warp: of each channel of rows of pixels, means and squares. */
static __device__ inline void
join_rows (const float *means, const float *squares, unsigned n, unsigned rows, unsigned step, unsigned size,
           float *out)
{
  unsigned lane = threadIdx.x % 32, at_once = max (32 / size, 1u);
  unsigned first = lane / size < at_once ? lane / size : rows;
  Shares pixels (n, rows);
  float mean = 0, sum = 0;
  for (unsigned r = first; r < rows; r += at_once)
    for (unsigned c = lane % size; c < size; c += 32)
      mean += pixels.count (r) * means[r * step + c];
  mean = warp_sum (mean) / ((float) n * size);
  for (unsigned r = first; r < rows; r += at_once)
    for (unsigned c = lane % size; c < size; c += 32)
      {
        float d = means[r * step + c] - mean;
        sum += squares[r * step + c] + pixels.count (r) * d * d;
      }
  sum = warp_sum (sum);
  if (lane == 0)
    {
      out[0] = mean;
      out[1] = sum;
    }
}

/* Mean and sum of squared distances of a part of each group: part [items][groups][parts][2].  Grid: parts,
 * slices of groups, items.  A thread has N channels of every so many pixels. */
template <int N>
static __global__ void
group_part_kernel (Groups g, Numbers x, float *part)
{
  MOA_SHARED (float, shared);
  unsigned channels = g.slice * g.size, across = min (channels / N, blockDim.x);
  unsigned rows = blockDim.x / across, row = threadIdx.x / across, warp = threadIdx.x / 32;
  Shares pixels (g.pixels, g.parts);
  unsigned n = pixels.count (blockIdx.x), first = blockIdx.z * g.pixels + pixels.first (blockIdx.x);
  Numbers means = { shared, MOA_F32 }, squares = { shared + rows * channels, MOA_F32 };
  for (unsigned c = threadIdx.x % across * N; row < rows && c < channels; c += across * N)
    {
      Welford<N> w = { all_of<N> (0), all_of<N> (0), 0 };
      for (unsigned p = row; p < n; p += rows)
        w.add (x.some<N> ((first + p) * g.channels + blockIdx.y * channels + c));
      means.put (row * channels + c, w.mean);
      squares.put (row * channels + c, w.squares);
    }
  __syncthreads ();
  unsigned group = (blockIdx.z * g.groups + blockIdx.y * g.slice) + warp;
  if (warp < g.slice)
    join_rows (shared + warp * g.size, shared + (rows * channels + warp * g.size), n, rows, channels, g.size,
               part + (group * g.parts + blockIdx.x) * 2);
}

/* A warp for each group. */
static __global__ void
group_join_kernel (Groups g, const float *part, float *stats, Numbers gamma, Numbers beta, float *line,
                   unsigned n)
{
  EACH_ROW (i, n)
    {
      Shares pixels (g.pixels, g.parts);
      const float *parts = part + i * g.parts * 2;
      float mean = 0, squares = 0;
      for (unsigned p = lane; p < g.parts; p += 32)
        mean += pixels.count (p) * parts[2 * p];
      mean = warp_sum (mean) / g.pixels;
      for (unsigned p = lane; p < g.parts; p += 32)
        {
          float d = parts[2 * p] - mean;
          squares += parts[2 * p + 1] + pixels.count (p) * g.size * d * d;
        }
      float inverse = 1 / sqrtf (warp_sum (squares) / ((float) g.pixels * g.size) + g.eps);
      if (lane == 0)
        {
          stats[i] = mean;
          stats[n + i] = inverse;
        }
      for (unsigned c = lane; line && c < g.size; c += 32)
        {
          unsigned channel = i % g.groups * g.size + c, at = i * g.size + c;
          line[at] = inverse * gamma[channel];
          line[g.items * g.channels + at] = beta[channel] - mean * line[at];
        }
    }
}

void
moa_cuda_group_stats (MoaCuda *cuda, const Groups &g, Numbers x, float *stats, Numbers gamma, Numbers beta,
                      float *line)
{
  unsigned n = g.items * g.groups, channels = g.slice * g.size;
  bool wide = is_wide (channels, { x });
  float *part = stats + 2 * n;
  dim3 grid (g.parts, g.groups / g.slice, g.items);
  unsigned shared = 2 * (unsigned) sizeof (float) * MAX (GROUP_BLOCK * (wide ? WIDE : 1), channels);
  if (wide)
    MOA_LAUNCH (cuda, (group_part_kernel<WIDE>), grid, dim3 (GROUP_BLOCK), shared, g, x, part);
  else
    MOA_LAUNCH (cuda, (group_part_kernel<1>), grid, dim3 (GROUP_BLOCK), shared, g, x, part);
  LAUNCH_ROWS (cuda, n, group_join_kernel, g, (const float *) part, stats, gamma, beta, line, n);
}

/* line: see moa_cuda_group_stats(). */
template <int N>
static __global__ void
group_norm_kernel (Groups g, Numbers x, Numbers line, Numbers y, unsigned n)
{
  EACH_SOME (i, n)
    {
      unsigned at = i / (g.pixels * g.channels) * g.channels + g.channel (i);
      Some<N> v = x.some<N> (i), scale = line.some<N> (at), add = line.some<N> (g.items * g.channels + at);
      for (int k = 0; k < N; k++)
        {
          v[k] = v[k] * scale[k] + add[k];
          if (g.silu)
            v[k] = activate (MOA_ACT_SILU, v[k]);
        }
      y.put (i, v);
    }
}

/* The lines of channels, then the statistics. */
gsize
moa_cuda_group_norm_scratch (const MoaTensor *t)
{
  Groups g = moa_cuda_groups (t);
  return (gsize) 2 * g.items * g.channels * sizeof (float) + moa_cuda_group_scratch (g);
}

KERNEL (group_norm)
{
  Groups g = moa_cuda_groups (t);
  unsigned n = count_of (t);
  float *line = (float *) scratch;
  Numbers x = numbers (t->in[0]), y = numbers (t), lines = floats (line);
  moa_cuda_group_stats (cuda, g, x, line + 2 * g.items * g.channels, numbers (t->in[1]), numbers (t->in[2]),
                        line);
  LAUNCH_SOME (cuda, is_wide (g.channels, { x, y, lines }), n, group_norm_kernel, g, x, lines, y, n);
}

template <int N>
static __global__ void
layer_norm_kernel (Numbers x, Numbers gamma, Numbers beta, Numbers y, unsigned n, unsigned width,
                   float eps)
{
  EACH_ROW (row, n)
    {
      float mean, inverse;
      row_stats<N> (x, row * width, width, lane, eps, &mean, &inverse);
      for (unsigned c = lane * N; c < width; c += 32 * N)
        {
          Some<N> v = x.some<N> (row * width + c), scale = gamma.some<N> (c), add = beta.some<N> (c);
          for (int k = 0; k < N; k++)
            v[k] = (v[k] - mean) * inverse * scale[k] + add[k];
          y.put (row * width + c, v);
        }
    }
}

KERNEL (layer_norm)
{
  unsigned width = last_of (t), n = count_of (t) / width;
  Numbers x = numbers (t->in[0]), gamma = numbers (t->in[1]), beta = numbers (t->in[2]), y = numbers (t);
  float eps = (float) t->attr.f[0];
  if (is_wide (width, { x, gamma, beta, y }))
    LAUNCH_ROWS (cuda, n, (layer_norm_kernel<WIDE>), x, gamma, beta, y, n, width, eps);
  else
    LAUNCH_ROWS (cuda, n, (layer_norm_kernel<1>), x, gamma, beta, y, n, width, eps);
}
