/* bfloat16 of the emulation. */
#ifndef MOA_EMULATED_CUDA_BF16_H
#define MOA_EMULATED_CUDA_BF16_H

#include <cstdint>

struct __nv_bfloat16 {
  uint16_t bits;
};

float __bfloat162float (__nv_bfloat16 h);
__nv_bfloat16 __float2bfloat16_rn (float f);

#endif
