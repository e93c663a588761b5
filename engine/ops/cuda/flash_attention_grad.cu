/* The gradients of attention on tensor cores for 16-bit types: FlashAttention-2 (Dao 2023), algorithm 2, in
 * two kernels, so that each sum has one order and the same bits each time.
 *
 *   p = exp (scale q k^T - l)     l = log sum exp (scale q k^T)
 *   dp = dy v^T    d = sum p dp    ds = p (dp - d)
 *   dq = scale ds k    dk = scale ds^T q    dv = p^T dy
 *
 * The first kernel goes over the keys twice for each tile of rows: for l and d, which it leaves in float for
 * the second, then for dq.  The second goes over the rows for each tile of keys, with p and ds turned: rows
 * of the products are keys.  There a warp has 16 rows of k and v as left matrices and sums of dk and dv; with
 * 160 channels those are too many registers, and dk and dv come from a launch each, which finds p again.
 * Tiles, and what goes over them, are as in flash_attention.cu; no score leaves a warp.  p and ds are of 16
 * bits as left matrices, without the scale, so that small ones in float16 lose less. */
#include "ops/cuda/flash.h"

/* Columns of scores at a time: enough products beside each other, if there are registers. */
template <int WIDTH>
static constexpr __host__ __device__ int
span_of ()
{
  return WIDTH <= 64 ? 32 : 16;
}

/* ---- Rows ---------------------------------------------------------------- */

/* What a lane found in its own columns of a row; most stays a number where it saw none. */
struct RowSums {
  float most, sum, dot;
};

/* The sums of both with the larger one's measure.  unit: the scale over ln 2. */
static __device__ inline RowSums
join (const RowSums &a, const RowSums &b, float unit)
{
  RowSums all = { fmaxf (a.most, b.most), 0, 0 };
  float of_a = fast_exp2 (unit * (a.most - all.most)), of_b = fast_exp2 (unit * (b.most - all.most));
  all.sum = a.sum * of_a + b.sum * of_b;
  all.dot = a.dot * of_a + b.dot * of_b;
  return all;
}

/* Those of rows g and g + 8 with some more columns. */
template <int SPAN>
static __device__ inline void
add_columns (RowSums (&rows)[2], const float (&s)[SPAN / 8][4], const float (&dp)[SPAN / 8][4], float unit)
{
#pragma unroll
  for (int r = 0; r < 2; r++)
    {
      RowSums more = { rows[r].most, 0, 0 };
#pragma unroll
      for (int j = 0; j < SPAN / 4; j++)
        more.most = fmaxf (more.most, s[j / 2][2 * r + j % 2]);
#pragma unroll
      for (int j = 0; j < SPAN / 4; j++)
        {
          float e = fast_exp2 (unit * (s[j / 2][2 * r + j % 2] - more.most));
          more.sum += e;
          more.dot += e * dp[j / 2][2 * r + j % 2];
        }
      float shrink = fast_exp2 (unit * (rows[r].most - more.most));
      rows[r].sum = rows[r].sum * shrink + more.sum;
      rows[r].dot = rows[r].dot * shrink + more.dot;
      rows[r].most = more.most;
    }
}

/* l over ln 2, and d, of rows g and g + 8. */
struct Marks {
  float l[2], d[2];
};

/* From the four lanes of each row, and into memory, which goes on behind the last row: there p is 0. */
static __device__ inline Marks __attribute__ ((unused)) /* by cards without those tensor cores */
end_sums (RowSums (&rows)[2], float unit, unsigned row, unsigned lane, const Heads &h, float *marks)
{
  Marks m;
#pragma unroll
  for (int r = 0; r < 2; r++)
    {
      RowSums all = rows[r];
      for (int other = 1; other <= 2; other *= 2)
        {
          RowSums theirs;
          theirs.most = __shfl_xor_sync (0xffffffffu, all.most, other);
          theirs.sum = __shfl_xor_sync (0xffffffffu, all.sum, other);
          theirs.dot = __shfl_xor_sync (0xffffffffu, all.dot, other);
          all = join (all, theirs, unit);
        }
      unsigned at = row + lane / 4 + 8 * r;
      m.l[r] = at < h.rows ? unit * all.most + log2f (all.sum) : INFINITY;
      m.d[r] = at < h.rows ? all.dot / all.sum : 0;
      if (lane % 4 == 0)
        {
          marks[at] = m.l[r];
          marks[marks_of (h) + at] = m.d[r];
        }
    }
  return m;
}

/* s, dp -> ds */
template <int SPAN>
static __device__ inline void
row_scores_grad (float (&s)[SPAN / 8][4], const float (&dp)[SPAN / 8][4], const Marks &m, float unit)
{
#pragma unroll
  for (int i = 0; i < SPAN / 2; i++)
    {
      int r = i % 4 / 2;
      float &one = s[i / 4][i % 4];
      one = fast_exp2 (unit * one - m.l[r]) * (dp[i / 4][i % 4] - m.d[r]);
    }
}

/* Grid: tiles of rows, heads, items.  Shared: two tiles of k, and two of v. */
template <class T, int WIDTH, int KEYS>
static __global__ void __launch_bounds__ (THREADS, WIDTH <= 48 ? 4 : 1)
flash_grad_q_kernel (Heads h, const T *q, const T *k, const T *v, const T *dy, T *dq, float *marks)
{
#ifdef MOA_HAVE_MMA
  MOA_SHARED (T, memory);
  constexpr int SPAN = span_of<WIDTH> ();
  const float unit = h.scale * PER_LN2, scale[2] = { h.scale, h.scale };
  unsigned lane = threadIdx.x % 32, row = blockIdx.x * ROWS + threadIdx.x / 32 * 16;
  unsigned head = blockIdx.y * h.width, keys = h.causal ? min (h.keys, (blockIdx.x + 1) * ROWS) : h.keys;
  q += blockIdx.z * h.rows * h.channels + head;
  k += blockIdx.z * h.keys * h.channels + head;
  v += blockIdx.z * h.keys * h.channels + head;
  dy += blockIdx.z * h.rows * h.channels + head;
  dq += blockIdx.z * h.rows * h.channels + head;
  marks += (blockIdx.z * h.heads + blockIdx.y) * 2 * marks_of (h);
  uint32_t q_rows[WIDTH / 16][4], dy_rows[WIDTH / 16][4];
  load_left<T, WIDTH> (q_rows, q, row, h.rows, lane, h);
  load_left<T, WIDTH> (dy_rows, dy, row, h.rows, lane, h);
  float out[WIDTH / 8][4];
  clear<WIDTH> (out);
  RowSums sums[2] = { { -1e30f, 0, 0 }, { -1e30f, 0, 0 } };
  Marks m;
#pragma unroll
  for (int pass = 0; pass < 2; pass++)
    {
      if (pass == 1)
        m = end_sums (sums, unit, row, lane, h, marks);
      __syncthreads (); /* all are done with the last pass */
      start_tiles<T, WIDTH, KEYS> (memory, 0, k, v, 0, h.keys, h);
      for (unsigned key = 0, side = 0; key < keys; key += KEYS, side ^= 1)
        {
          const T *k_tile = tile_of<T, WIDTH, KEYS> (memory, side, 0);
          const T *v_tile = tile_of<T, WIDTH, KEYS> (memory, side, 1);
          wait_for_tiles ();
          if (key + KEYS < keys)
            start_tiles<T, WIDTH, KEYS> (memory, side ^ 1, k, v, key + KEYS, h.keys, h);
#pragma unroll 1
          for (unsigned some = 0; some < KEYS; some += SPAN)
            {
              float s[SPAN / 8][4], dp[SPAN / 8][4];
              multiply<T, WIDTH, SPAN> (q_rows, k_tile + some * step_of<WIDTH> (), lane, s);
              multiply<T, WIDTH, SPAN> (dy_rows, v_tile + some * step_of<WIDTH> (), lane, dp);
              unsigned first = key + some;
              if (first + SPAN > h.keys || (h.causal && first + SPAN > row + 1))
                hide_keys<SPAN> (s, row, first, lane, h);
              if (pass == 0)
                {
                  add_columns<SPAN> (sums, s, dp, unit);
                  continue;
                }
              row_scores_grad<SPAN> (s, dp, m, unit);
#pragma unroll
              for (int i = 0; i < SPAN / 16; i++)
                {
                  uint32_t ds[4];
                  as_left<T> (ds, s[2 * i], s[2 * i + 1]);
                  add_product<T, WIDTH> (out, ds, k_tile + (some + 16 * i) * step_of<WIDTH> (), lane);
                }
            }
        }
    }
  put_rows<T, WIDTH> (dq, out, scale, row, h.rows, lane, h);
#endif
}

/* ---- Keys ---------------------------------------------------------------- */

/* The marks of a tile of rows, l's and then d's, in two places by turns. */
template <int TILE>
static __device__ inline void
start_marks (float *to, unsigned side, const float *marks, unsigned first, const Heads &h)
{
  unsigned i = threadIdx.x % (TILE / 4) * 4, which = threadIdx.x / (TILE / 4);
  if (which < 2)
    copy_16 (to + (2 * side + which) * TILE + i, marks + which * marks_of (h) + first + i, false);
}

/* s -> p, turned; key, row, l: of its first row and its columns. */
template <int SPAN>
static __device__ inline void
turned_softmax (float (&s)[SPAN / 8][4], const float *l, unsigned key, unsigned row, float unit,
                unsigned lane, bool causal)
{
#pragma unroll
  for (int i = 0; i < SPAN / 2; i++)
    {
      unsigned column = i / 4 * 8 + lane % 4 * 2 + i % 2;
      float &one = s[i / 4][i % 4];
      one = fast_exp2 (unit * one - l[column]);
      if (causal && key + lane / 4 + i % 4 / 2 * 8 > row + column)
        one = 0;
    }
}

/* p, dp -> ds, turned */
template <int SPAN>
static __device__ inline void
turned_scores_grad (float (&p)[SPAN / 8][4], const float (&dp)[SPAN / 8][4], const float *d, unsigned lane)
{
#pragma unroll
  for (int i = 0; i < SPAN / 2; i++)
    p[i / 4][i % 4] *= dp[i / 4][i % 4] - d[i / 4 * 8 + lane % 4 * 2 + i % 2];
}

/* out += s x, for SPAN rows of a tile */
template <class T, int WIDTH, int SPAN>
static __device__ inline void
add_span (float (&out)[WIDTH / 8][4], const float (&s)[SPAN / 8][4], const T *x, unsigned lane)
{
#pragma unroll
  for (int i = 0; i < SPAN / 16; i++)
    {
      uint32_t a[4];
      as_left<T> (a, s[2 * i], s[2 * i + 1]);
      add_product<T, WIDTH> (out, a, x + 16 * i * step_of<WIDTH> (), lane);
    }
}

/* dk, dv or both.  Grid: tiles of keys, heads, items.  Shared: two tiles of
 * TILE rows of q, two of dy, and their marks. */
template <class T, int WIDTH, int TILE, bool MAKE_K, bool MAKE_V>
static __global__ void __launch_bounds__ (THREADS, WIDTH <= 48 ? 3 : 1)
flash_grad_k_kernel (Heads h, const T *q, const T *k, const T *v, const T *dy, const float *marks, T *dk,
                     T *dv)
{
#ifdef MOA_HAVE_MMA
  MOA_SHARED (T, memory);
  constexpr int SPAN = span_of<WIDTH> ();
  float *tile_marks = reinterpret_cast<float *> (memory + 4 * TILE * step_of<WIDTH> ());
  const float unit = h.scale * PER_LN2, scale[2] = { h.scale, h.scale }, one[2] = { 1, 1 };
  unsigned lane = threadIdx.x % 32, key = blockIdx.x * ROWS + threadIdx.x / 32 * 16;
  unsigned head = blockIdx.y * h.width, begin = h.causal ? blockIdx.x * ROWS : 0;
  gsize own = blockIdx.z * h.keys * h.channels + head;
  q += blockIdx.z * h.rows * h.channels + head;
  dy += blockIdx.z * h.rows * h.channels + head;
  marks += (blockIdx.z * h.heads + blockIdx.y) * 2 * marks_of (h);
  uint32_t k_rows[WIDTH / 16][4], v_rows[WIDTH / 16][4];
  load_left<T, WIDTH> (k_rows, k + own, key, h.keys, lane, h);
  if (MAKE_K)
    load_left<T, WIDTH> (v_rows, v + own, key, h.keys, lane, h);
  float k_out[WIDTH / 8][4], v_out[WIDTH / 8][4];
  clear<WIDTH> (k_out);
  clear<WIDTH> (v_out);
  if (begin < h.rows)
    {
      start_tiles<T, WIDTH, TILE> (memory, 0, q, dy, begin, h.rows, h);
      start_marks<TILE> (tile_marks, 0, marks, begin, h);
    }
  for (unsigned row = begin, side = 0; row < h.rows; row += TILE, side ^= 1)
    {
      const T *q_tile = tile_of<T, WIDTH, TILE> (memory, side, 0);
      const T *dy_tile = tile_of<T, WIDTH, TILE> (memory, side, 1);
      const float *l = tile_marks + 2 * side * TILE, *d = l + TILE;
      wait_for_tiles ();
      if (row + TILE < h.rows)
        {
          start_tiles<T, WIDTH, TILE> (memory, side ^ 1, q, dy, row + TILE, h.rows, h);
          start_marks<TILE> (tile_marks, side ^ 1, marks, row + TILE, h);
        }
#pragma unroll 1
      for (unsigned some = 0; some < TILE; some += SPAN)
        {
          const T *some_q = q_tile + some * step_of<WIDTH> (), *some_dy = dy_tile + some * step_of<WIDTH> ();
          float p[SPAN / 8][4], dp[SPAN / 8][4];
          multiply<T, WIDTH, SPAN> (k_rows, some_q, lane, p);
          turned_softmax<SPAN> (p, l + some, key, row + some, unit, lane, h.causal);
          if (MAKE_V)
            add_span<T, WIDTH, SPAN> (v_out, p, some_dy, lane);
          if (!MAKE_K)
            continue;
          multiply<T, WIDTH, SPAN> (v_rows, some_dy, lane, dp);
          turned_scores_grad<SPAN> (p, dp, d + some, lane);
          add_span<T, WIDTH, SPAN> (k_out, p, some_q, lane);
        }
    }
  if (MAKE_K)
    put_rows<T, WIDTH> (dk + own, k_out, scale, key, h.keys, lane, h);
  if (MAKE_V)
    put_rows<T, WIDTH> (dv + own, v_out, one, key, h.keys, lane, h);
#endif
}

/* ---- Queueing ------------------------------------------------------------ */

template <class T>
struct FlashGradQueue {
  MoaCuda *cuda;
  const MoaTensor *t;
  Heads h;
  float *marks;
  const void *dy;

  const T *
  in (int i) const
  {
    return (const T *) (i == 3 ? dy : t->in[i]->data);
  }

  /* dk, dv or both */
  template <int WIDTH, int TILE, bool MAKE_K, bool MAKE_V>
  void
  queue_keys () const
  {
    dim3 grid (parts_of (h.keys, ROWS), h.heads, h.items);
    const gsize shared = tile_bytes<T, WIDTH, TILE> () + 4 * TILE * sizeof (float);
    static_assert (tile_bytes<T, WIDTH, TILE> () + 4 * TILE * sizeof (float) <= 48 << 10, "what a block has");
    T *dk = (T *) t->data + count_of (t->in[0]), *dv = dk + count_of (t->in[1]);
    MOA_LAUNCH (cuda, (flash_grad_k_kernel<T, WIDTH, TILE, MAKE_K, MAKE_V>), grid, dim3 (THREADS), shared, h,
                in (0), in (1), in (2), in (3), marks, dk, dv);
  }

  template <int WIDTH, int TILE>
  void
  run () const
  {
    dim3 grid (parts_of (h.rows, ROWS), h.heads, h.items);
    const gsize shared = tile_bytes<T, WIDTH, TILE> ();
    constexpr bool both = WIDTH <= 80;
    MOA_LAUNCH (cuda, (flash_grad_q_kernel<T, WIDTH, TILE>), grid, dim3 (THREADS), shared, h, in (0), in (1),
                in (2), in (3), (T *) t->data, marks);
    queue_keys<WIDTH, TILE, true, both> ();
    if (!both)
      queue_keys<WIDTH, TILE, both, true> ();
  }
};

bool
moa_cuda_flash_attention_grad (MoaCuda *cuda, const MoaTensor *t, const Heads &h, float *marks, char *rest)
{
  if (!flash_fits (cuda, t, 3, h) || (gsize) t->in[3]->data % 16 != 0)
    return false;
  const void *dy = moa_cuda_as (cuda, numbers (t->in[3]), count_of (t->in[3]), h.number, &rest).data;
  if (h.number == MOA_F16)
    for_width (FlashGradQueue<__half>{ cuda, t, h, marks, dy }, h.width);
  else
    for_width (FlashGradQueue<__nv_bfloat16>{ cuda, t, h, marks, dy }, h.width);
  return true;
}
