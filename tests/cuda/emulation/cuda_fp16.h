/* float16 of the emulation. */
#ifndef MOA_EMULATED_CUDA_FP16_H
#define MOA_EMULATED_CUDA_FP16_H

#include <cstdint>

struct __half {
  uint16_t bits;
};

float __half2float (__half h);
__half __float2half_rn (float f);

#endif
