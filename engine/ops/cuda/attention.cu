/* Attention.  16-bit types go to flash_attention.cu if it takes them.  Else, heads of up to 160 channels: a
 * block of threads holds TILE rows of q, goes over the keys TILE at a time with the running maximum and sum
 * of its softmax (Milakov and Gimelshein 2018; Dao et al. 2022), and no score leaves it.  Wider heads, of
 * which there are few, go by blocks of scores. */
#include "ops/cuda/scores.h"

#define TILE 32
#define STEP (TILE + 1) /* between rows of probabilities: on different banks */

/* What a block of 128 threads holds: thread (row, lane), row 0 to 15, lane 0 to 7, has two rows of q,
 * four keys of each tile and every eighth channel. */
struct Shared {
  float *q, *kv, *p;
  unsigned step; /* between rows of q and kv */
};

static __device__ inline Shared
shared_of (float *memory, unsigned width)
{
  Shared s;
  s.step = width | 1;
  s.q = memory;
  s.kv = s.q + TILE * s.step;
  s.p = s.kv + TILE * s.step;
  return s;
}

/* TILE rows of a head into shared memory, zeros behind the last. */
static __device__ inline void
load_rows (float *to, unsigned step, const Numbers &x, unsigned from, unsigned n, const Heads &h)
{
  for (unsigned i = threadIdx.x; i < TILE * h.width; i += 128)
    {
      unsigned row = i / h.width, c = i % h.width;
      to[row * step + c] = row < n ? x[from + row * h.channels + c] : 0;
    }
}

/* max and sum over the eight lanes of a row */
static __device__ inline float
lanes_max (float v)
{
  for (int m = 4; m > 0; m >>= 1)
    v = fmaxf (v, __shfl_xor_sync (0xffffffffu, v, m));
  return v;
}

static __device__ inline float
lanes_sum (float v)
{
  for (int m = 4; m > 0; m >>= 1)
    v += __shfl_xor_sync (0xffffffffu, v, m);
  return v;
}

/* CHANNELS: of a thread, at least width / 8.  Grid: tiles of rows, heads, items; block 128. */
template <int CHANNELS>
static __global__ void
attention_kernel (Heads h, Numbers q, Numbers k, Numbers v, Numbers y)
{
  MOA_SHARED (float, memory);
  Shared s = shared_of (memory, h.width);
  unsigned row = threadIdx.x / 8 * 2, lane = threadIdx.x % 8, first = blockIdx.x * TILE;
  unsigned head = blockIdx.y * h.width, item = blockIdx.z;
  float out[2][CHANNELS], most[2] = { -INFINITY, -INFINITY }, sum[2] = { 0, 0 };
#pragma unroll
  for (int r = 0; r < 2; r++)
#pragma unroll
    for (int c = 0; c < CHANNELS; c++)
      out[r][c] = 0;
  load_rows (s.q, s.step, q, (item * h.rows + first) * h.channels + head, h.rows - first, h);
  unsigned keys = h.causal ? min (h.keys, first + TILE) : h.keys;
  for (unsigned key = 0; key < keys; key += TILE)
    {
      unsigned from = (item * h.keys + key) * h.channels + head;
      __syncthreads ();
      load_rows (s.kv, s.step, k, from, h.keys - key, h);
      __syncthreads ();
      float score[2][4] = { { 0, 0, 0, 0 }, { 0, 0, 0, 0 } };
      for (unsigned c = 0; c < h.width; c++)
#pragma unroll
        for (int j = 0; j < 4; j++)
          {
            float kv = s.kv[(lane + 8 * j) * s.step + c];
            score[0][j] += s.q[row * s.step + c] * kv;
            score[1][j] += s.q[(row + 1) * s.step + c] * kv;
          }
#pragma unroll
      for (int r = 0; r < 2; r++)
        {
          unsigned end = h.causal ? min (h.keys, first + row + r + 1) : h.keys;
          float top = most[r];
#pragma unroll
          for (int j = 0; j < 4; j++)
            {
              score[r][j] = key + lane + 8 * j < end ? h.scale * score[r][j] : -INFINITY;
              top = fmaxf (top, score[r][j]);
            }
          top = lanes_max (top);
          /* The first key is everyone's, so top is a number from the first tile on. */
          float shrink = expf (most[r] - top), part = 0;
#pragma unroll
          for (int j = 0; j < 4; j++)
            {
              float e = expf (score[r][j] - top);
              s.p[(row + r) * STEP + lane + 8 * j] = e;
              part += e;
            }
          sum[r] = sum[r] * shrink + part; /* the lane's own */
          most[r] = top;
#pragma unroll
          for (int c = 0; c < CHANNELS; c++)
            out[r][c] *= shrink;
        }
      __syncthreads ();
      load_rows (s.kv, s.step, v, from, h.keys - key, h);
      __syncthreads ();
      for (int i = 0; i < TILE; i++)
#pragma unroll
        for (int c = 0; c < CHANNELS; c++)
          if (lane + 8 * c < h.width)
            {
              float value = s.kv[i * s.step + lane + 8 * c];
              out[0][c] += s.p[row * STEP + i] * value;
              out[1][c] += s.p[(row + 1) * STEP + i] * value;
            }
    }
#pragma unroll
  for (int r = 0; r < 2; r++)
    sum[r] = lanes_sum (sum[r]);
#pragma unroll
  for (int r = 0; r < 2; r++)
#pragma unroll
    for (int c = 0; c < CHANNELS; c++)
      if (first + row + r < h.rows && lane + 8 * c < h.width)
        y.put ((item * h.rows + first + row + r) * h.channels + head + lane + 8 * c,
               out[r][c] / sum[r]);
}

gsize
moa_cuda_attention_scratch (const MoaTensor *t)
{
  Heads h = heads_of (t);
  if (h.width <= WIDEST)
    return 0;
  return operand_scratch (t, 3, h.number) + scores_bytes (h, MOA_F32)
         + (h.number == MOA_F32 ? 0 : scores_bytes (h, h.number));
}

static void
queue_wide (const MoaTensor *t, MoaCuda *cuda, const Heads &h, void *scratch)
{
  char *rest = (char *) scratch;
  Numbers x[3];
  for (int i = 0; i < 3; i++)
    x[i] = moa_cuda_as (cuda, numbers (t->in[i]), count_of (t->in[i]), h.number, &rest);
  Numbers s = floats (rest), p = s;
  if (h.number != MOA_F32)
    p = numbers_at (rest + scores_bytes (h, MOA_F32), h.number, 0);
  for (unsigned item = 0; item < h.items; item++)
    for (unsigned first = 0; first < h.rows; first += h.block)
      {
        unsigned n = MIN (h.block, h.rows - first);
        moa_cuda_scores (cuda, h, x[0], x[1], item, first, n, s);
        moa_cuda_softmax (cuda, h, s, p, first, n);
        moa_cuda_gemm (cuda, n, h.width, h.keys, score_rows (h, p, n),
                       head_rows (h, x[2], (gsize) item * h.keys),
                       head_rows (h, numbers (t), (gsize) item * h.rows + first), 1, 0, h.heads);
      }
}

KERNEL (attention)
{
  Heads h = heads_of (t);
  if (h.width > WIDEST)
    {
      queue_wide (t, cuda, h, scratch);
      return;
    }
  if (moa_cuda_flash_attention (cuda, t, h))
    return;
  dim3 grid (parts_of (h.rows, TILE), h.heads, h.items);
  gsize bytes = (2 * TILE * (h.width | 1) + TILE * STEP) * sizeof (float);
  Numbers q = numbers (t->in[0]), k = numbers (t->in[1]), v = numbers (t->in[2]);
  if (h.width <= 40)
    MOA_LAUNCH (cuda, (attention_kernel<5>), grid, dim3 (128), bytes, h, q, k, v, numbers (t));
  else if (h.width <= 80)
    MOA_LAUNCH (cuda, (attention_kernel<10>), grid, dim3 (128), bytes, h, q, k, v, numbers (t));
  else
    MOA_LAUNCH (cuda, (attention_kernel<20>), grid, dim3 (128), bytes, h, q, k, v, numbers (t));
}
