/* float16 of the emulation. */
#ifndef MOA_EMULATED_CUDA_FP16_H
#define MOA_EMULATED_CUDA_FP16_H

#include <cstdint>

struct __half {
  uint16_t bits;
};

struct __half2 {
  __half x, y;
};

float __half2float (__half h);
__half __float2half_rn (float f);

static inline __half2
__floats2half2_rn (float x, float y)
{
  return __half2{ __float2half_rn (x), __float2half_rn (y) };
}

#endif
