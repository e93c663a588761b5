/* Activations and their slopes. */
#ifndef MOA_CUDA_MATH_H
#define MOA_CUDA_MATH_H

#include "ops/cuda/kernel.h"

static __device__ inline float
sigmoid (float x)
{
  return 1 / (1 + expf (-x));
}

static __device__ inline float
activate (int act, float x)
{
  switch (act)
    {
    case MOA_ACT_SILU: return x * sigmoid (x);
    case MOA_ACT_QUICK_GELU: return x * sigmoid (1.702f * x);
    default: return 0.5f * x * (1 + erff (x * 0.70710678118654752f));
    }
}

static __device__ inline float
slope (int act, float x)
{
  float k = act == MOA_ACT_QUICK_GELU ? 1.702f : 1, s = sigmoid (k * x);
  if (act != MOA_ACT_GELU)
    return s + k * x * s * (1 - s);
  return 0.5f * (1 + erff (x * 0.70710678118654752f))
         + x * 0.39894228040143268f * expf (-0.5f * x * x);
}

#endif
