/* Attention on tensor cores for 16-bit types: FlashAttention-2 (Dao 2023), forward.
 *
 * A warp has 16 rows of q of a head, as fragments in its registers, and goes over the keys KEYS at a time:
 *
 *   s = q k^T    m' = max (m, s)    p = exp (scale (s - m'))    f = exp (scale (m - m'))
 *   sum = f sum + sum of p    out = f out + p v
 *
 * and in the end out / sum.  s, sum and out are float; p is of 16 bits, and as it lies in the registers of s
 * it is the next product's left matrix.  Four warps share the tiles of k and v, which are copied into shared
 * memory while the tile before is in use.  Rows there are an odd multiple of 16 bytes apart, so that the
 * eight that a load takes at a time lie on different banks.
 *
 * With 48 channels, 16 rows and 64 keys take 96 clocks of an H100's shared memory, about 84 of its tensor
 * cores and 64 of its exponentials, beside each other if enough warps are there: four blocks fit, with up to
 * 128 registers a thread.  Stable Diffusion 1.5's 8 heads of 4096 rows and keys so take 54 us at the very
 * least. */
#include "ops/cuda/mma.h"
#include "ops/cuda/scores.h"

#define THREADS 128
#define ROWS 64 /* of a block, 16 of each warp */

/* What a lane has.  WIDTH: channels of a head, up to a multiple of 16. */
template <int WIDTH>
struct Rows {
  uint32_t q[WIDTH / 16][4];
  float out[WIDTH / 8][4];
  float sum[4];  /* p by a matrix of ones: of row g, twice, and of row g + 8 */
  float most[2]; /* of row g and row g + 8 */
};

/* Between rows of a tile. */
template <int WIDTH>
static constexpr __host__ __device__ unsigned
step_of ()
{
  return WIDTH + 8;
}

/* n rows of a head, and zeros behind them and behind their channels. */
template <class T, int WIDTH, int KEYS>
static __device__ inline void
copy_tile (T *to, const T *from, unsigned n, const Heads &h)
{
  static_assert (KEYS * WIDTH / 8 % THREADS == 0, "as many copies for each thread");
#pragma unroll
  for (int part = 0; part < KEYS * WIDTH / 8 / THREADS; part++)
    {
      unsigned i = part * THREADS + threadIdx.x, row = i / (WIDTH / 8), c = i % (WIDTH / 8) * 8;
      bool there = row < n && c < h.width;
      copy_16 (to + row * step_of<WIDTH> () + c, there ? from + row * h.channels + c : from, !there);
    }
}

/* Rows `row` and on of an item's head; zeros behind the last and behind their channels. */
template <class T, int WIDTH>
static __device__ inline void
start_rows (Rows<WIDTH> &x, const T *q, unsigned row, unsigned lane, const Heads &h)
{
#pragma unroll
  for (int i = 0; i < WIDTH / 4; i++) /* register i % 4 of fragment i / 4 */
    {
      unsigned r = row + lane / 4 + i % 2 * 8, c = i / 4 * 16 + i % 4 / 2 * 8 + lane % 4 * 2;
      x.q[i / 4][i % 4] = 0;
      if (r < h.rows && c < h.width)
        x.q[i / 4][i % 4] = *reinterpret_cast<const uint32_t *> (q + r * h.channels + c);
    }
#pragma unroll
  for (int i = 0; i < WIDTH / 2; i++)
    x.out[i / 4][i % 4] = 0;
  x.most[0] = x.most[1] = -INFINITY;
  x.sum[0] = x.sum[1] = x.sum[2] = x.sum[3] = 0;
}

/* s = q k^T; s[j] is the fragment of keys 8j to 8j + 7. */
template <class T, int WIDTH, int KEYS>
static __device__ inline void
multiply_keys (const Rows<WIDTH> &x, const T *k, unsigned lane, float (&s)[KEYS / 8][4])
{
  k += (lane / 16 * 8 + lane % 8) * step_of<WIDTH> () + lane / 8 % 2 * 8;
#pragma unroll
  for (int i = 0; i < KEYS / 2; i++)
    s[i / 4][i % 4] = 0;
#pragma unroll
  for (int c = 0; c < WIDTH / 16; c++)
#pragma unroll
    for (int j = 0; j < KEYS / 16; j++)
      {
        uint32_t b[4]; /* 16 channels of 8 keys, and of 8 more */
        load_matrices (b, k + 16 * j * step_of<WIDTH> () + 16 * c);
        mma_16816<T> (s[2 * j], x.q[c], b);
        mma_16816<T> (s[2 * j + 1], x.q[c], b + 2);
      }
}

/* Keys that are not there, or not seen, have no weight.  row and key: the warp's and the tile's first. */
template <int KEYS>
static __device__ inline void
hide_keys (float (&s)[KEYS / 8][4], unsigned row, unsigned key, unsigned lane, const Heads &h)
{
#pragma unroll
  for (int i = 0; i < KEYS / 2; i++)
    {
      unsigned r = row + lane / 4 + i % 4 / 2 * 8, at = key + i / 4 * 8 + lane % 4 * 2 + i % 2;
      if (at >= h.keys || (h.causal && at > r))
        s[i / 4][i % 4] = -INFINITY;
    }
}

/* s -> p, and what was found before in its measure.  unit: the scale over ln 2. */
template <int WIDTH, int KEYS>
static __device__ inline void
softmax_keys (Rows<WIDTH> &x, float (&s)[KEYS / 8][4], float unit)
{
#pragma unroll
  for (int r = 0; r < 2; r++)
    {
      float top = x.most[r];
#pragma unroll
      for (int j = 0; j < KEYS / 8; j++)
        top = fmaxf (top, fmaxf (s[j][2 * r], s[j][2 * r + 1]));
      for (int m = 1; m <= 2; m *= 2) /* the row's four lanes */
        top = fmaxf (top, __shfl_xor_sync (0xffffffffu, top, m));
      /* The first key is everyone's, so top is a number from the first tile on. */
      float shift = unit * top, shrink = fast_exp2 (unit * x.most[r] - shift);
#pragma unroll
      for (int j = 0; j < KEYS / 4; j++)
        {
          float &e = s[j / 2][2 * r + j % 2];
          e = fast_exp2 (unit * e - shift);
        }
      x.sum[2 * r] *= shrink;
      x.sum[2 * r + 1] *= shrink;
      x.most[r] = top;
#pragma unroll
      for (int c = 0; c < WIDTH / 4; c++)
        x.out[c / 2][2 * r + c % 2] *= shrink;
    }
}

/* out += p v; the sum is that of p as rounded, so that the weights of v sum to 1. */
template <class T, int WIDTH, int KEYS>
static __device__ inline void
add_values (Rows<WIDTH> &x, const float (&p)[KEYS / 8][4], const T *v, unsigned lane)
{
  const uint32_t ones[2] = { pack<T> (1, 1), pack<T> (1, 1) };
  v += lane % 16 * step_of<WIDTH> () + lane / 16 * 8;
#pragma unroll
  for (int i = 0; i < KEYS / 16; i++)
    {
      const float(&low)[4] = p[2 * i], (&high)[4] = p[2 * i + 1];
      const uint32_t a[4] = { pack<T> (low[0], low[1]), pack<T> (low[2], low[3]),
                              pack<T> (high[0], high[1]), pack<T> (high[2], high[3]) };
      mma_16816<T> (x.sum, a, ones);
#pragma unroll
      for (int c = 0; c < WIDTH / 16; c++)
        {
          uint32_t b[4]; /* 8 channels of 16 keys, and 8 more */
          load_turned (b, v + 16 * i * step_of<WIDTH> () + 16 * c);
          mma_16816<T> (x.out[2 * c], a, b);
          mma_16816<T> (x.out[2 * c + 1], a, b + 2);
        }
    }
}

template <class T, int WIDTH>
static __device__ inline void
end_rows (const Rows<WIDTH> &x, T *y, unsigned row, unsigned lane, const Heads &h)
{
#pragma unroll
  for (int r = 0; r < 2; r++)
    {
      unsigned at = row + lane / 4 + 8 * r;
      float inverse = 1 / x.sum[2 * r];
#pragma unroll
      for (int i = 0; i < WIDTH / 8; i++)
        {
          unsigned c = 8 * i + lane % 4 * 2;
          uint32_t two = pack<T> (x.out[i][2 * r] * inverse, x.out[i][2 * r + 1] * inverse);
          if (at < h.rows && c < h.width)
            *reinterpret_cast<uint32_t *> (y + at * h.channels + c) = two;
        }
    }
}

/* Grid: tiles of rows, heads, items.  Shared: two tiles of k, and two of v. */
template <class T, int WIDTH, int KEYS>
static __global__ void __launch_bounds__ (THREADS, WIDTH <= 48 ? 4 : 1)
flash_kernel (Heads h, const T *q, const T *k, const T *v, T *y)
{
#ifdef MOA_HAVE_MMA
  MOA_SHARED (T, memory);
  const unsigned size = KEYS * step_of<WIDTH> ();
  unsigned lane = threadIdx.x % 32, row = blockIdx.x * ROWS + threadIdx.x / 32 * 16;
  unsigned head = blockIdx.y * h.width, keys = h.causal ? min (h.keys, (blockIdx.x + 1) * ROWS) : h.keys;
  q += blockIdx.z * h.rows * h.channels + head;
  k += blockIdx.z * h.keys * h.channels + head;
  v += blockIdx.z * h.keys * h.channels + head;
  y += blockIdx.z * h.rows * h.channels + head;
  copy_tile<T, WIDTH, KEYS> (memory, k, h.keys, h);
  copy_tile<T, WIDTH, KEYS> (memory + 2 * size, v, h.keys, h);
  Rows<WIDTH> x;
  start_rows<T, WIDTH> (x, q, row, lane, h);
  for (unsigned key = 0, side = 0; key < keys; key += KEYS, side ^= 1)
    {
      const T *k_tile = memory + side * size, *v_tile = k_tile + 2 * size;
      float s[KEYS / 8][4];
      wait_for_copies ();
      __syncthreads (); /* this tile is there, and all are done with the one before */
      unsigned next = key + KEYS;
      if (next < keys)
        {
          T *to = memory + (side ^ 1) * size;
          copy_tile<T, WIDTH, KEYS> (to, k + next * h.channels, h.keys - next, h);
          copy_tile<T, WIDTH, KEYS> (to + 2 * size, v + next * h.channels, h.keys - next, h);
        }
      multiply_keys<T, WIDTH, KEYS> (x, k_tile, lane, s);
      if (next > h.keys || (h.causal && next > row + 1))
        hide_keys<KEYS> (s, row, key, lane, h);
      softmax_keys<WIDTH, KEYS> (x, s, h.scale * 1.4426950408889634f);
      add_values<T, WIDTH, KEYS> (x, s, v_tile, lane);
    }
  end_rows<T, WIDTH> (x, y, row, lane, h);
#endif
}

template <class T, int WIDTH, int KEYS>
static void
queue_width (MoaCuda *cuda, const MoaTensor *t, const Heads &h)
{
  dim3 grid (parts_of (h.rows, ROWS), h.heads, h.items);
  const gsize shared = 4 * KEYS * step_of<WIDTH> () * sizeof (T);
  static_assert (4 * KEYS * step_of<WIDTH> () * sizeof (T) <= 48 << 10, "what every card gives a block");
  const T *q = (const T *) t->in[0]->data, *k = (const T *) t->in[1]->data, *v = (const T *) t->in[2]->data;
  MOA_LAUNCH (cuda, (flash_kernel<T, WIDTH, KEYS>), grid, dim3 (THREADS), shared, h, q, k, v, (T *) t->data);
}

template <class T>
static void
queue_type (MoaCuda *cuda, const MoaTensor *t, const Heads &h)
{
  if (h.width <= 32)
    queue_width<T, 32, 64> (cuda, t, h);
  else if (h.width <= 48)
    queue_width<T, 48, 64> (cuda, t, h);
  else if (h.width <= 64)
    queue_width<T, 64, 64> (cuda, t, h);
  else if (h.width <= 80)
    queue_width<T, 80, 64> (cuda, t, h);
  else
    queue_width<T, 160, 32> (cuda, t, h);
}

/* Copies take 16 bytes at a time. */
static bool
fits (const MoaTensor *x, int number)
{
  return (int) x->number == number && (gsize) x->data % 16 == 0;
}

bool
moa_cuda_flash_attention (MoaCuda *cuda, const MoaTensor *t, const Heads &h)
{
  if (cuda->capability < 80 || h.number == MOA_F32 || h.width % 8 != 0 || h.width > 160 ||
      !fits (t->in[0], h.number) || !fits (t->in[1], h.number) || !fits (t->in[2], h.number) ||
      !fits (t, h.number))
    return false;
  if (h.number == MOA_F16)
    queue_type<__half> (cuda, t, h);
  else
    queue_type<__nv_bfloat16> (cuda, t, h);
  return true;
}
