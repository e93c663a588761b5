/* What the kernels of attention on tensor cores share: tiles of rows in shared memory, and fragments (mma.h)
 * that a warp makes of 16 rows.  Blocks of four warps; WIDTH: channels of a head, up to a multiple of 16. */
#ifndef MOA_CUDA_FLASH_H
#define MOA_CUDA_FLASH_H

#include "ops/cuda/mma.h"
#include "ops/cuda/scores.h"

#define THREADS 128
#define ROWS 64 /* of a block, 16 of each warp */
#define PER_LN2 1.4426950408889634f

/* ---- Tiles ------------------------------------------------------------- */

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

/* Two tensors' tiles, each in two places by turns. */
template <class T, int WIDTH, int KEYS>
static constexpr __host__ __device__ unsigned
tile_bytes ()
{
  static_assert (4 * KEYS * step_of<WIDTH> () * sizeof (T) <= 48 << 10, "what every card gives a block");
  return 4 * KEYS * step_of<WIDTH> () * sizeof (T);
}

template <class T, int WIDTH, int KEYS>
static __device__ inline T *
tile_of (T *memory, unsigned side, unsigned which)
{
  return memory + (2 * which + side) * KEYS * step_of<WIDTH> ();
}

/* Begins to copy the rows `first` and on of both; n: all of a head's. */
template <class T, int WIDTH, int KEYS>
static __device__ inline void
start_tiles (T *memory, unsigned side, const T *a, const T *b, unsigned first, unsigned n, const Heads &h)
{
  copy_tile<T, WIDTH, KEYS> (tile_of<T, WIDTH, KEYS> (memory, side, 0), a + first * h.channels, n - first, h);
  copy_tile<T, WIDTH, KEYS> (tile_of<T, WIDTH, KEYS> (memory, side, 1), b + first * h.channels, n - first, h);
}

/* What was begun is there, and all are done with the tiles before. */
static __device__ inline void
wait_for_tiles ()
{
  wait_for_copies ();
  __syncthreads ();
}

/* ---- Fragments ---------------------------------------------------------- */

/* A head's 16 rows from `row` on as left matrices; zeros behind the last of n and behind their channels. */
template <class T, int WIDTH>
static __device__ inline void
load_left (uint32_t (&to)[WIDTH / 16][4], const T *x, unsigned row, unsigned n, unsigned lane, const Heads &h)
{
#pragma unroll
  for (int i = 0; i < WIDTH / 4; i++) /* register i % 4 of fragment i / 4 */
    {
      unsigned r = row + lane / 4 + i % 2 * 8, c = i / 4 * 16 + i % 4 / 2 * 8 + lane % 4 * 2;
      to[i / 4][i % 4] = 0;
      if (r < n && c < h.width)
        to[i / 4][i % 4] = *reinterpret_cast<const uint32_t *> (x + r * h.channels + c);
    }
}

/* Sums of 16 rows and 16 columns as a left matrix, in their own registers; low: columns 0 to 7. */
template <class T>
static __device__ inline void
as_left (uint32_t (&a)[4], const float (&low)[4], const float (&high)[4])
{
  a[0] = pack<T> (low[0], low[1]);
  a[1] = pack<T> (low[2], low[3]);
  a[2] = pack<T> (high[0], high[1]);
  a[3] = pack<T> (high[2], high[3]);
}

template <int WIDTH>
static __device__ inline void
clear (float (&out)[WIDTH / 8][4])
{
#pragma unroll
  for (int i = 0; i < WIDTH / 2; i++)
    out[i / 4][i % 4] = 0;
}

/* s = a x^T for KEYS rows of a tile; s[j] is the fragment of rows 8j to 8j + 7. */
template <class T, int WIDTH, int KEYS>
static __device__ inline void
multiply (const uint32_t (&a)[WIDTH / 16][4], const T *x, unsigned lane, float (&s)[KEYS / 8][4])
{
  x += (lane / 16 * 8 + lane % 8) * step_of<WIDTH> () + lane / 8 % 2 * 8;
#pragma unroll
  for (int i = 0; i < KEYS / 2; i++)
    s[i / 4][i % 4] = 0;
#pragma unroll
  for (int c = 0; c < WIDTH / 16; c++)
#pragma unroll
    for (int j = 0; j < KEYS / 16; j++)
      {
        uint32_t b[4]; /* 16 channels of 8 rows, and of 8 more */
        load_matrices (b, x + 16 * j * step_of<WIDTH> () + 16 * c);
        mma_16816<T> (s[2 * j], a[c], b);
        mma_16816<T> (s[2 * j + 1], a[c], b + 2);
      }
}

/* out += a x for 16 rows of a tile */
template <class T, int WIDTH>
static __device__ inline void
add_product (float (&out)[WIDTH / 8][4], const uint32_t (&a)[4], const T *x, unsigned lane)
{
  x += lane % 16 * step_of<WIDTH> () + lane / 16 * 8;
#pragma unroll
  for (int c = 0; c < WIDTH / 16; c++)
    {
      uint32_t b[4]; /* 8 channels of 16 rows, and 8 more */
      load_turned (b, x + 16 * c);
      mma_16816<T> (out[2 * c], a, b);
      mma_16816<T> (out[2 * c + 1], a, b + 2);
    }
}

/* Keys that are not there, or not seen, have no weight.  row and key: the first of s. */
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

/* y = factor out; factor: of row g and row g + 8. */
template <class T, int WIDTH>
static __device__ inline void
put_rows (T *y, const float (&out)[WIDTH / 8][4], const float (&factor)[2], unsigned row, unsigned n,
          unsigned lane, const Heads &h)
{
#pragma unroll
  for (int r = 0; r < 2; r++)
    {
      unsigned at = row + lane / 4 + 8 * r;
#pragma unroll
      for (int i = 0; i < WIDTH / 8; i++)
        {
          unsigned c = 8 * i + lane % 4 * 2;
          uint32_t two = pack<T> (out[i][2 * r] * factor[r], out[i][2 * r + 1] * factor[r]);
          if (at < n && c < h.width)
            *reinterpret_cast<uint32_t *> (y + at * h.channels + c) = two;
        }
    }
}

/* ---- Queueing ----------------------------------------------------------- */

/* queue.run<WIDTH, KEYS> () for heads of so many channels: tiles have KEYS rows. */
template <class Queue>
static inline void
for_width (const Queue &queue, unsigned width)
{
  if (width <= 32)
    queue.template run<32, 64> ();
  else if (width <= 48)
    queue.template run<48, 64> ();
  else if (width <= 64)
    queue.template run<64, 64> ();
  else if (width <= 80)
    queue.template run<80, 64> ();
  else
    queue.template run<160, 32> ();
}

/* Whether the card has those tensor cores, heads fit, and the first n inputs and the result have h's type of
 * 16 bits and begin where copies of 16 bytes may. */
static inline bool
flash_fits (const MoaCuda *cuda, const MoaTensor *t, int n, const Heads &h)
{
  bool fits = cuda->capability >= 80 && h.number != MOA_F32 && h.width % 8 == 0 && h.width <= WIDEST
              && (int) t->number == h.number;
  for (int i = 0; i < n; i++)
    fits = fits && (int) t->in[i]->number == h.number && (gsize) t->in[i]->data % 16 == 0;
  return fits;
}

#endif
