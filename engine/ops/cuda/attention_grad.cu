/* The gradients of attention.  16-bit types go to flash_attention_grad.cu if it takes them.  Else, heads of
 * up to WIDEST channels: the same two kernels in float, which go over tiles of scores and keep none:
 *
 *   p = exp (scale q k^T - l)     l = log sum exp (scale q k^T)
 *   dp = dy v^T    d = sum p dp    ds = p (dp - d)
 *   dq = scale ds k    dk = scale ds^T q    dv = p^T dy
 *
 * the first with a tile of rows, for l and d (the marks) and dq, the second with a tile of keys, for dk and
 * dv.  Wider heads go by blocks of scores. */
#include "ops/cuda/scores.h"

#define TILE 64          /* rows and columns of scores for a block of 256 threads, 4 x 4 for each */
#define STEP (TILE + 4)  /* between columns in shared memory: whole float4, on different banks */
#define PIECE 32         /* channels of a product at a time */

/* A head of a tensor, from its first row. */
struct Head {
  Numbers x;
  unsigned first, rows; /* numbers before it */
  unsigned channels, width;
};

static __device__ inline Head
head_of (const Numbers &x, unsigned rows, const Heads &h)
{
  Head head = { x, blockIdx.z * rows * h.channels + blockIdx.y * h.width, rows, h.channels, h.width };
  return head;
}

static __device__ inline float
number_of (const Head &x, unsigned row, unsigned c)
{
  return row < x.rows && c < x.width ? x.x[x.first + row * x.channels + c] : 0;
}

/* The thread's place in a tile of scores: four rows and four columns from there. */
static __device__ inline unsigned
my_row ()
{
  return threadIdx.x / 16 * 4;
}

static __device__ inline unsigned
my_column ()
{
  return threadIdx.x % 16 * 4;
}

/* PIECE channels of TILE rows, channel by channel. */
static __device__ inline void
load_channels (float *to, const Head &x, unsigned row, unsigned c)
{
  for (unsigned i = threadIdx.x; i < TILE * PIECE; i += 256)
    {
      unsigned of = i % 8 + i / (8 * TILE) * 8, at = i / 8 % TILE;
      to[of * STEP + at] = number_of (x, row + at, c + of);
    }
}

/* s = a b^T for a tile; memory: 2 PIECE STEP. */
static __device__ inline void
multiply (float (&s)[4][4], const Head &a, unsigned row, const Head &b, unsigned column, float *memory)
{
  float *of_b = memory + PIECE * STEP;
#pragma unroll
  for (int i = 0; i < 16; i++)
    s[i / 4][i % 4] = 0;
  for (unsigned c = 0; c < a.width; c += PIECE)
    {
      __syncthreads ();
      load_channels (memory, a, row, c);
      load_channels (of_b, b, column, c);
      __syncthreads ();
      unsigned n = min (a.width - c, (unsigned) PIECE);
#pragma unroll 4
      for (unsigned i = 0; i < n; i++)
        {
          float4 x = *reinterpret_cast<const float4 *> (memory + i * STEP + my_row ());
          float4 y = *reinterpret_cast<const float4 *> (of_b + i * STEP + my_column ());
          const float left[4] = { x.x, x.y, x.z, x.w }, right[4] = { y.x, y.y, y.z, y.w };
#pragma unroll
          for (int k = 0; k < 16; k++)
            s[k / 4][k % 4] += left[k / 4] * right[k % 4];
        }
    }
}

/* out += s x, the tile's columns being rows of x: the thread's rows, every 16th channel.  memory: TILE STEP
 * for s, and channels of x behind it, five for a thread at most. */
template <int CHANNELS>
static __device__ inline void
add_product (float (&out)[4][CHANNELS], const float (&s)[4][4], const Head &x, unsigned row, float *memory)
{
  constexpr unsigned some = CHANNELS < 5 ? CHANNELS : 5, step = 16 * some;
  float *rows = memory + TILE * STEP;
  __syncthreads ();
#pragma unroll
  for (int j = 0; j < 4; j++)
    {
      float4 column = { s[0][j], s[1][j], s[2][j], s[3][j] };
      *reinterpret_cast<float4 *> (memory + (my_column () + j) * STEP + my_row ()) = column;
    }
#pragma unroll
  for (unsigned first = 0; first < CHANNELS; first += some)
    {
      if (first > 0)
        __syncthreads ();
      for (unsigned i = threadIdx.x; i < TILE * step; i += 256)
        rows[i] = number_of (x, row + i / step, 16 * first + i % step);
      __syncthreads ();
#pragma unroll 4
      for (unsigned i = 0; i < TILE; i++)
        {
          float4 p = *reinterpret_cast<const float4 *> (memory + i * STEP + my_row ());
#pragma unroll
          for (unsigned c = 0; c < some; c++)
            {
              float value = rows[i * step + threadIdx.x % 16 + 16 * c];
              out[0][first + c] += p.x * value;
              out[1][first + c] += p.y * value;
              out[2][first + c] += p.z * value;
              out[3][first + c] += p.w * value;
            }
        }
    }
}

template <int CHANNELS>
static __device__ inline void
clear (float (&out)[4][CHANNELS])
{
#pragma unroll
  for (int i = 0; i < 4 * CHANNELS; i++)
    out[i / CHANNELS][i % CHANNELS] = 0;
}

template <int CHANNELS>
static __device__ inline void
put_rows (const Head &y, const float (&out)[4][CHANNELS], float factor, unsigned row)
{
#pragma unroll
  for (int r = 0; r < 4; r++)
#pragma unroll
    for (int i = 0; i < CHANNELS; i++)
      {
        unsigned at = row + my_row () + r, c = threadIdx.x % 16 + 16 * i;
        if (at < y.rows && c < y.width)
          y.x.put (y.first + at * y.channels + c, factor * out[r][i]);
      }
}

/* ---- Rows ---------------------------------------------------------------- */

/* What a thread found in its own columns of a row; most stays a number where it saw none. */
struct Sums {
  float most, sum, dot;
};

static __device__ inline void
add_columns (Sums &row, const float (&s)[4], const float (&dp)[4])
{
  float most = fmaxf (fmaxf (fmaxf (s[0], s[1]), fmaxf (s[2], s[3])), row.most);
  float shrink = expf (row.most - most);
  row.sum *= shrink;
  row.dot *= shrink;
  row.most = most;
#pragma unroll
  for (int j = 0; j < 4; j++)
    {
      float e = expf (s[j] - most);
      row.sum += e;
      row.dot += e * dp[j];
    }
}

/* l and d of a row, from its 16 threads: l in most, d in dot. */
static __device__ inline Sums
join_row (Sums row)
{
  float most = row.most;
  for (int m = 8; m > 0; m >>= 1)
    most = fmaxf (most, __shfl_xor_sync (0xffffffffu, most, m));
  float shrink = expf (row.most - most), sum = row.sum * shrink, dot = row.dot * shrink;
  for (int m = 8; m > 0; m >>= 1)
    {
      sum += __shfl_xor_sync (0xffffffffu, sum, m);
      dot += __shfl_xor_sync (0xffffffffu, dot, m);
    }
  Sums all = { most + logf (sum), sum, dot / sum };
  return all;
}

/* Also into memory, which goes on behind the last row: there p is 0. */
static __device__ inline void
end_sums (Sums (&rows)[4], unsigned row, const Heads &h, float *marks)
{
#pragma unroll
  for (int r = 0; r < 4; r++)
    {
      rows[r] = join_row (rows[r]);
      unsigned at = row + my_row () + r;
      if (threadIdx.x % 16 > 0)
        continue;
      marks[at] = at < h.rows ? rows[r].most : INFINITY;
      marks[marks_of (h) + at] = at < h.rows ? rows[r].dot : 0;
    }
}

/* The scores of a tile; -INFINITY where a row does not see a key. */
static __device__ inline void
find_scores (float (&s)[4][4], const Head &q, unsigned row, const Head &k, unsigned key, float *memory,
             const Heads &h)
{
  multiply (s, q, row, k, key, memory);
#pragma unroll
  for (int i = 0; i < 16; i++)
    {
      unsigned r = row + my_row () + i / 4, at = key + my_column () + i % 4;
      s[i / 4][i % 4] = at < h.keys && !(h.causal && at > r) ? h.scale * s[i / 4][i % 4] : -INFINITY;
    }
}

/* CHANNELS: of a thread, at least width / 16.  Grid: tiles of rows, heads, items. */
template <int CHANNELS>
static __global__ void __launch_bounds__ (256)
attention_grad_q_kernel (Heads h, Numbers q, Numbers k, Numbers v, Numbers dy, Numbers dq, float *marks)
{
  MOA_SHARED (float, memory);
  Head of_q = head_of (q, h.rows, h), of_k = head_of (k, h.keys, h), of_v = head_of (v, h.keys, h);
  Head of_dy = head_of (dy, h.rows, h);
  unsigned row = blockIdx.x * TILE, keys = h.causal ? min (h.keys, row + TILE) : h.keys;
  float s[4][4], dp[4][4], out[4][CHANNELS];
  Sums sums[4];
#pragma unroll
  for (int r = 0; r < 4; r++)
    sums[r] = { -1e30f, 0, 0 };
  for (unsigned key = 0; key < keys; key += TILE)
    {
      find_scores (s, of_q, row, of_k, key, memory, h);
      multiply (dp, of_dy, row, of_v, key, memory);
#pragma unroll
      for (int r = 0; r < 4; r++)
        add_columns (sums[r], s[r], dp[r]);
    }
  end_sums (sums, row, h, marks + (blockIdx.z * h.heads + blockIdx.y) * 2 * marks_of (h));
  clear (out);
  for (unsigned key = 0; key < keys; key += TILE)
    {
      find_scores (s, of_q, row, of_k, key, memory, h);
      multiply (dp, of_dy, row, of_v, key, memory);
#pragma unroll
      for (int i = 0; i < 16; i++)
        s[i / 4][i % 4] = expf (s[i / 4][i % 4] - sums[i / 4].most) * (dp[i / 4][i % 4] - sums[i / 4].dot);
      add_product (out, s, of_k, key, memory);
    }
  put_rows (head_of (dq, h.rows, h), out, h.scale, row);
}

/* ---- Keys ---------------------------------------------------------------- */

/* Scores are turned: rows are keys, columns rows of q.  Grid: tiles of keys, heads, items. */
template <int CHANNELS>
static __global__ void __launch_bounds__ (256)
attention_grad_k_kernel (Heads h, Numbers q, Numbers k, Numbers v, Numbers dy, const float *marks, Numbers dk,
                         Numbers dv)
{
  MOA_SHARED (float, memory);
  Head of_q = head_of (q, h.rows, h), of_k = head_of (k, h.keys, h), of_v = head_of (v, h.keys, h);
  Head of_dy = head_of (dy, h.rows, h);
  unsigned key = blockIdx.x * TILE;
  float p[4][4], dp[4][4], k_out[4][CHANNELS], v_out[4][CHANNELS];
  clear (k_out);
  clear (v_out);
  marks += (blockIdx.z * h.heads + blockIdx.y) * 2 * marks_of (h);
  for (unsigned row = h.causal ? key : 0; row < h.rows; row += TILE)
    {
      const float *l = marks + row + my_column (), *d = l + marks_of (h);
      multiply (p, of_k, key, of_q, row, memory);
#pragma unroll
      for (int i = 0; i < 16; i++)
        {
          bool hidden = h.causal && key + my_row () + i / 4 > row + my_column () + i % 4;
          p[i / 4][i % 4] = hidden ? 0 : expf (h.scale * p[i / 4][i % 4] - l[i % 4]);
        }
      add_product (v_out, p, of_dy, row, memory);
      multiply (dp, of_v, key, of_dy, row, memory);
#pragma unroll
      for (int i = 0; i < 16; i++)
        p[i / 4][i % 4] *= dp[i / 4][i % 4] - d[i % 4];
      add_product (k_out, p, of_q, row, memory);
    }
  put_rows (head_of (dk, h.keys, h), k_out, h.scale, key);
  put_rows (head_of (dv, h.keys, h), v_out, 1, key);
}

/* ---- Queueing ------------------------------------------------------------ */

/* Two numbers for each row of all heads. */
static gsize
marks_bytes (const Heads &h)
{
  return (gsize) h.items * h.heads * 2 * marks_of (h) * sizeof (float);
}

/* Marks, and dy as tensor cores take it; or operands, scores and their gradients, and both as products take
 * them. */
gsize
moa_cuda_attention_grad_scratch (const MoaTensor *t)
{
  Heads h = heads_of (t);
  if (h.width <= WIDEST)
    return marks_bytes (h) + as_scratch (t->in[3], h.number);
  return operand_scratch (t, 4, h.number) + 2 * scores_bytes (h, MOA_F32)
         + (h.number == MOA_F32 ? 0 : 2 * scores_bytes (h, h.number));
}

/* The three gradients, one behind the other. */
struct Results {
  Numbers dq, dk, dv;
};

static Results
results_of (const MoaTensor *t)
{
  gsize n_q = count_of (t->in[0]), n_k = count_of (t->in[1]);
  Results r = { numbers (t), numbers_at (t->data, t->number, n_q),
                numbers_at (t->data, t->number, n_q + n_k) };
  return r;
}

template <int CHANNELS>
static void
queue_tiles (const MoaTensor *t, MoaCuda *cuda, const Heads &h, float *marks)
{
  Numbers q = numbers (t->in[0]), k = numbers (t->in[1]), v = numbers (t->in[2]), dy = numbers (t->in[3]);
  Results r = results_of (t);
  constexpr gsize rows = TILE * STEP + TILE * 16 * (CHANNELS < 5 ? CHANNELS : 5), pieces = 2 * PIECE * STEP;
  const gsize shared = MAX (rows, pieces) * sizeof (float);
  dim3 rows_grid (parts_of (h.rows, TILE), h.heads, h.items);
  dim3 keys_grid (parts_of (h.keys, TILE), h.heads, h.items);
  MOA_LAUNCH (cuda, (attention_grad_q_kernel<CHANNELS>), rows_grid, dim3 (256), shared, h, q, k, v, dy, r.dq,
              marks);
  MOA_LAUNCH (cuda, (attention_grad_k_kernel<CHANNELS>), keys_grid, dim3 (256), shared, h, q, k, v, dy, marks,
              r.dk, r.dv);
}

/* For a block of rows p anew, dp and ds = scale p (dp - d). */
static void
queue_wide (const MoaTensor *t, MoaCuda *cuda, const Heads &h, void *scratch)
{
  char *rest = (char *) scratch;
  Numbers x[4]; /* q, k, v, dy */
  for (int i = 0; i < 4; i++)
    x[i] = moa_cuda_as (cuda, numbers (t->in[i]), count_of (t->in[i]), h.number, &rest);
  Numbers s = floats (rest), dp = floats (rest + scores_bytes (h, MOA_F32)), p = s, ds = dp;
  rest += 2 * scores_bytes (h, MOA_F32);
  if (h.number != MOA_F32)
    {
      p = numbers_at (rest, h.number, 0);
      ds = numbers_at (rest + scores_bytes (h, h.number), h.number, 0);
    }
  Results r = results_of (t);
  for (unsigned item = 0; item < h.items; item++)
    for (unsigned first = 0; first < h.rows; first += h.block)
      {
        unsigned n = MIN (h.block, h.rows - first);
        gsize row = (gsize) item * h.rows + first, key = (gsize) item * h.keys;
        float beta = first > 0 ? 1.f : 0.f;
        moa_cuda_scores (cuda, h, x[0], x[1], item, first, n, s);
        moa_cuda_scores (cuda, h, x[3], x[2], item, first, n, dp);
        moa_cuda_softmax_grad (cuda, h, s, dp, n * h.keys, p, ds, h.scale, first, n);
        moa_cuda_gemm (cuda, h.keys, h.width, n, score_rows (h, p, n, true),
                       head_rows (h, x[3], row), head_rows (h, r.dv, key), 1, beta, h.heads);
        moa_cuda_gemm (cuda, n, h.width, h.keys, score_rows (h, ds, n), head_rows (h, x[1], key),
                       head_rows (h, r.dq, row), 1, 0, h.heads);
        moa_cuda_gemm (cuda, h.keys, h.width, n, score_rows (h, ds, n, true),
                       head_rows (h, x[0], row), head_rows (h, r.dk, key), 1, beta, h.heads);
      }
}

KERNEL (attention_grad)
{
  Heads h = heads_of (t);
  float *marks = (float *) scratch;
  if (h.width > WIDEST)
    queue_wide (t, cuda, h, scratch);
  else if (moa_cuda_flash_attention_grad (cuda, t, h, marks, (char *) scratch + marks_bytes (h)))
    return;
  else if (h.width <= 48)
    queue_tiles<3> (t, cuda, h, marks);
  else if (h.width <= 80)
    queue_tiles<5> (t, cuda, h, marks);
  else
    queue_tiles<10> (t, cuda, h, marks);
}
