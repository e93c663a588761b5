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
#include "ops/cuda/flash.h"

/* What a lane has.  WIDTH: channels of a head, up to a multiple of 16. */
template <int WIDTH>
struct Rows {
  uint32_t q[WIDTH / 16][4];
  float out[WIDTH / 8][4];
  float sum[4];  /* p by a matrix of ones: of row g, twice, and of row g + 8 */
  float most[2]; /* of row g and row g + 8 */
};

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
#pragma unroll
  for (int i = 0; i < KEYS / 16; i++)
    {
      uint32_t a[4];
      as_left<T> (a, p[2 * i], p[2 * i + 1]);
      mma_16816<T> (x.sum, a, ones);
      add_product<T, WIDTH> (x.out, a, v + 16 * i * step_of<WIDTH> (), lane);
    }
}

/* Grid: tiles of rows, heads, items.  Shared: two tiles of k, and two of v. */
template <class T, int WIDTH, int KEYS>
static __global__ void __launch_bounds__ (THREADS, WIDTH <= 48 ? 4 : 1)
flash_kernel (Heads h, const T *q, const T *k, const T *v, T *y)
{
#ifdef MOA_HAVE_MMA
  MOA_SHARED (T, memory);
  unsigned lane = threadIdx.x % 32, row = blockIdx.x * ROWS + threadIdx.x / 32 * 16;
  unsigned head = blockIdx.y * h.width, keys = h.causal ? min (h.keys, (blockIdx.x + 1) * ROWS) : h.keys;
  q += blockIdx.z * h.rows * h.channels + head;
  k += blockIdx.z * h.keys * h.channels + head;
  v += blockIdx.z * h.keys * h.channels + head;
  y += blockIdx.z * h.rows * h.channels + head;
  start_tiles<T, WIDTH, KEYS> (memory, 0, k, v, 0, h.keys, h);
  Rows<WIDTH> x;
  load_left<T, WIDTH> (x.q, q, row, h.rows, lane, h);
  clear<WIDTH> (x.out);
  x.most[0] = x.most[1] = -INFINITY;
  x.sum[0] = x.sum[1] = x.sum[2] = x.sum[3] = 0;
  for (unsigned key = 0, side = 0; key < keys; key += KEYS, side ^= 1)
    {
      const T *k_tile = tile_of<T, WIDTH, KEYS> (memory, side, 0);
      const T *v_tile = tile_of<T, WIDTH, KEYS> (memory, side, 1);
      float s[KEYS / 8][4];
      wait_for_tiles ();
      unsigned next = key + KEYS;
      if (next < keys)
        start_tiles<T, WIDTH, KEYS> (memory, side ^ 1, k, v, next, h.keys, h);
      multiply<T, WIDTH, KEYS> (x.q, k_tile, lane, s);
      if (next > h.keys || (h.causal && next > row + 1))
        hide_keys<KEYS> (s, row, key, lane, h);
      softmax_keys<WIDTH, KEYS> (x, s, h.scale * PER_LN2);
      add_values<T, WIDTH, KEYS> (x, s, v_tile, lane);
    }
  const float inverse[2] = { 1 / x.sum[0], 1 / x.sum[2] };
  put_rows<T, WIDTH> (y, x.out, inverse, row, h.rows, lane, h);
#endif
}

template <class T>
struct FlashQueue {
  MoaCuda *cuda;
  const MoaTensor *t;
  Heads h;

  template <int WIDTH, int KEYS>
  void
  run () const
  {
    dim3 grid (parts_of (h.rows, ROWS), h.heads, h.items);
    const T *q = (const T *) t->in[0]->data, *k = (const T *) t->in[1]->data, *v = (const T *) t->in[2]->data;
    const gsize shared = tile_bytes<T, WIDTH, KEYS> ();
    MOA_LAUNCH (cuda, (flash_kernel<T, WIDTH, KEYS>), grid, dim3 (THREADS), shared, h, q, k, v,
                (T *) t->data);
  }
};

bool
moa_cuda_flash_attention (MoaCuda *cuda, const MoaTensor *t, const Heads &h)
{
  if (!flash_fits (cuda, t, 3, h))
    return false;
  if (h.number == MOA_F16)
    for_width (FlashQueue<__half>{ cuda, t, h }, h.width);
  else
    for_width (FlashQueue<__nv_bfloat16>{ cuda, t, h }, h.width);
  return true;
}
