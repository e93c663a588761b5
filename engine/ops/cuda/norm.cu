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
  g.parts = MIN (MAX (g.pixels * g.size / 4096, 1), MIN (GROUP_PARTS, g.pixels));
  g.eps = (float) t->attr.f[0];
  g.silu = t->attr.i[1];
  return g;
}

gsize
moa_cuda_group_scratch (const Groups &g)
{
  return (gsize) g.items * g.groups * 2 * (1 + g.parts) * sizeof (float);
}

/* Mean and sum of squared distances of a part of a group: part [items][groups][parts][2].  Grid: parts,
 * groups, items. */
static __global__ void
group_part_kernel (Groups g, Numbers x, float *part)
{
  MOA_SHARED (float, shared);
  unsigned first = (unsigned) ((unsigned long long) g.pixels * blockIdx.x / g.parts);
  unsigned end = (unsigned) ((unsigned long long) g.pixels * (blockIdx.x + 1) / g.parts);
  unsigned n = (end - first) * g.size;
  unsigned from = (blockIdx.z * g.pixels + first) * g.channels + blockIdx.y * g.size;
  float sum = 0, squares = 0;
  for (unsigned i = threadIdx.x; i < n; i += blockDim.x)
    sum += x[from + i / g.size * g.channels + i % g.size];
  float mean = block_sum (sum, shared) / n;
  for (unsigned i = threadIdx.x; i < n; i += blockDim.x)
    {
      float d = x[from + i / g.size * g.channels + i % g.size] - mean;
      squares += d * d;
    }
  squares = block_sum (squares, shared);
  float *out = part + ((blockIdx.z * g.groups + blockIdx.y) * g.parts + blockIdx.x) * 2;
  if (threadIdx.x == 0)
    {
      out[0] = mean;
      out[1] = squares;
    }
}

static __global__ void
group_join_kernel (Groups g, const float *part, float *stats, unsigned n)
{
  EACH (i, n)
    {
      double count = 0, mean = 0, squares = 0;
      for (unsigned p = 0; p < g.parts; p++)
        {
          unsigned first = (unsigned) ((unsigned long long) g.pixels * p / g.parts);
          unsigned end = (unsigned) ((unsigned long long) g.pixels * (p + 1) / g.parts);
          double more = (double) (end - first) * g.size, all = count + more;
          double d = part[(i * g.parts + p) * 2] - mean;
          mean += d * more / all;
          squares += part[(i * g.parts + p) * 2 + 1] + d * d * count * more / all;
          count = all;
        }
      stats[i] = (float) mean;
      stats[n + i] = (float) (1 / sqrt (squares / count + g.eps));
    }
}

void
moa_cuda_group_stats (MoaCuda *cuda, const Groups &g, Numbers x, float *stats)
{
  unsigned n = g.items * g.groups;
  float *part = stats + 2 * n;
  unsigned threads = g.pixels * g.size / g.parts < 512 ? 32 : 256;
  MOA_LAUNCH (cuda, group_part_kernel, dim3 (g.parts, g.groups, g.items), dim3 (threads),
              8 * sizeof (float), g, x, part);
  LAUNCH_EACH (cuda, n, group_join_kernel, g, (const float *) part, stats, n);
}

static __global__ void
group_norm_kernel (Groups g, Numbers x, Numbers gamma, Numbers beta, const float *stats, Numbers y,
                   unsigned n)
{
  EACH (i, n)
    {
      unsigned c = g.channel (i), k = g.group (i);
      float v = (x[i] - stats[k]) * stats[g.items * g.groups + k] * gamma[c] + beta[c];
      y.put (i, g.silu ? activate (MOA_ACT_SILU, v) : v);
    }
}

gsize
moa_cuda_group_norm_scratch (const MoaTensor *t)
{
  return moa_cuda_group_scratch (moa_cuda_groups (t));
}

KERNEL (group_norm)
{
  Groups g = moa_cuda_groups (t);
  unsigned n = count_of (t);
  float *stats = (float *) scratch;
  moa_cuda_group_stats (cuda, g, numbers (t->in[0]), stats);
  LAUNCH_EACH (cuda, n, group_norm_kernel, g, numbers (t->in[0]), numbers (t->in[1]),
               numbers (t->in[2]), (const float *) stats, numbers (t), n);
}

static __global__ void
layer_norm_kernel (Numbers x, Numbers gamma, Numbers beta, Numbers y, unsigned n, unsigned width,
                   float eps)
{
  EACH_ROW (row, n)
    {
      float mean, inverse;
      row_stats (x, row * width, width, lane, eps, &mean, &inverse);
      for (unsigned c = lane; c < width; c += 32)
        y.put (row * width + c, (x[row * width + c] - mean) * inverse * gamma[c] + beta[c]);
    }
}

KERNEL (layer_norm)
{
  unsigned width = last_of (t), n = count_of (t) / width;
  LAUNCH_ROWS (cuda, n, layer_norm_kernel, numbers (t->in[0]), numbers (t->in[1]),
               numbers (t->in[2]), numbers (t), n, width, (float) t->attr.f[0]);
}
