/* bfloat16 of the emulation. */
#ifndef MOA_EMULATED_CUDA_BF16_H
#define MOA_EMULATED_CUDA_BF16_H

#include <cstdint>

struct __nv_bfloat16 {
  uint16_t bits;
};

struct __nv_bfloat162 {
  __nv_bfloat16 x, y;
};

float __bfloat162float (__nv_bfloat16 h);
__nv_bfloat16 __float2bfloat16_rn (float f);

static inline __nv_bfloat162
__floats2bfloat162_rn (float x, float y)
{
  return __nv_bfloat162{ __float2bfloat16_rn (x), __float2bfloat16_rn (y) };
}

#endif
