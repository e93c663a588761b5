/* A CUDA card as a device: a stream, cuBLAS on it, and the first failure.  C++, as nvcc is. */
#ifndef MOA_CUDA_H
#define MOA_CUDA_H

#include <cublas_v2.h>
#include <cuda_runtime.h>

#include "device/device.h"

#if defined(__CUDACC__) && !defined(MOA_LAUNCH_KERNEL)
#define MOA_LAUNCH_KERNEL(kernel, grid, block, shared, stream, ...) \
  kernel<<<grid, block, shared, stream>>> (__VA_ARGS__)
/* The block's shared memory, as large as the launch said. */
#define MOA_SHARED(type, name)                       \
  extern __shared__ float4 moa_shared_memory[];      \
  type *name = reinterpret_cast<type *> (moa_shared_memory)
#endif

#define MOA_CUDA_BLAS_WORKSPACE (32u << 20)
#define MOA_CUDA_STAGE (4u << 20) /* bytes of one of two */

typedef struct {
  MoaDevice device; /* first */
  int index;
  int capability;       /* for computing: 75 is 7.5 */
  cudaStream_t stream;
  cublasHandle_t blas;
  void *blas_workspace; /* its own, so that recorded work finds it again */
  GRecMutex *turn;      /* the card's: MoaCudaTurn */
  GMutex transfer;      /* held by who uses the stages */
  char *stage[2];       /* memory that the card reads and writes beside the CPU; NULL: there was none */
  cudaEvent_t staged[2]; /* the last copy from or to it is done */
  GMutex lock;          /* of the error */
  GError *error;        /* the first failure */
  char doing[160];      /* the op and its shape, for messages */
} MoaCuda;

/* While a thread has one, no other asks the card for anything, which would be in what this one records, or
 * spoil it. */
struct MoaCudaTurn {
  GRecMutex *turn;
  explicit MoaCudaTurn (const MoaCuda *cuda) : turn (cuda->turn) { g_rec_mutex_lock (turn); }
  ~MoaCudaTurn () { g_rec_mutex_unlock (turn); }
  MoaCudaTurn (const MoaCudaTurn &) = delete;
};

/* Keeps the first failure with the call's name and what the device is doing.  FALSE: failed. */
gboolean moa_cuda_fail (MoaCuda *cuda, const char *call, const char *what); /* FALSE */
gboolean moa_cuda_check (MoaCuda *cuda, cudaError_t status, const char *call);
gboolean moa_cuda_check_blas (MoaCuda *cuda, cublasStatus_t status, const char *call);

#define MOA_CUDA(cuda, function, ...) moa_cuda_check (cuda, function (__VA_ARGS__), #function)

/* Queues a kernel; parentheses around one with template arguments. */
#define MOA_LAUNCH(cuda, kernel, grid, block, shared, ...)                             \
  do                                                                                   \
    {                                                                                  \
      MOA_LAUNCH_KERNEL (kernel, grid, block, shared, (cuda)->stream, __VA_ARGS__);    \
      moa_cuda_check (cuda, cudaGetLastError (), #kernel);                             \
    }                                                                                  \
  while (0)

/* The module's kernels by name: ops/cuda/table.cu. */
gconstpointer moa_cuda_find (const char *name);

#endif
