/* CUDA on the CPU, for tests: the part of the runtime's interface that engine/ uses.
 *
 * Each thread of a block is a fiber with a stack of its own; blocks, and threads between two
 * barriers, run in random order.  __syncthreads() ends the program's test when not all threads of a
 * block come to the same one; shuffles wait for the lanes of their mask.  Memory of the card is open only
 * while it works (memory.cc), and filled with NaN when allocated, as is a block's shared memory before it runs.
 * What is queued on a stream is done when somebody waits for it (stream.h), and what is captured is kept and
 * done again; calls that are illegal meanwhile, or meant for another card than the thread's, fail.
 *
 * Failures on demand: see emulation.h. */
#ifndef MOA_EMULATED_CUDA_RUNTIME_H
#define MOA_EMULATED_CUDA_RUNTIME_H

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <tuple>
#include <utility>

#define CUDART_VERSION 12000

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __restrict__

struct dim3 {
  unsigned x, y, z;
  dim3 (unsigned a = 1, unsigned b = 1, unsigned c = 1) : x (a), y (b), z (c) {}
};
struct alignas (16) float4 {
  float x, y, z, w;
};

/* ---- In kernels ------------------------------------------------------- */

namespace emulated {
struct Thread {
  dim3 thread, block, block_size, grid;
};
extern Thread *self; /* who runs now */
void *shared ();
void barrier (const char *file, int line);
/* value of a lane, once all of mask have come to this place. */
uint64_t exchange (const char *file, int line, unsigned mask, uint64_t value, unsigned from);
/* GIFTS bytes for what the lanes of a warp tell each other: a lane writes there, waits in
 * gather() for the others, and may read there until its next exchange. */
enum { GIFTS = 32 * 48 };
char *gifts ();
void gather (const char *file, int line);
/* A copy of 16 bytes into shared memory, of zeros if from is NULL: done at once or in the thread's
 * copies_done(), as chance has it. */
void copy_later (void *to, const void *from);
void copies_done ();
void vote (const char *file, int line, unsigned mask, int predicate, unsigned *all);
unsigned lane ();
void launch (const char *name, dim3 grid, dim3 block, size_t shared_bytes, void *stream,
             std::function<void ()> body);
}

#define threadIdx (emulated::self->thread)
#define blockIdx (emulated::self->block)
#define blockDim (emulated::self->block_size)
#define gridDim (emulated::self->grid)

#define __syncthreads() emulated::barrier (__FILE__, __LINE__)
#define __syncwarp() ((void) emulated::exchange (__FILE__, __LINE__, 0xffffffffu, 0, 0))

template <class T>
static inline T
emulated_shuffle (const char *file, int line, unsigned mask, T value, unsigned from)
{
  uint64_t bits = 0;
  memcpy (&bits, &value, sizeof (T));
  bits = emulated::exchange (file, line, mask, bits, from);
  memcpy (&value, &bits, sizeof (T));
  return value;
}

#define __shfl_xor_sync(mask, value, m) \
  emulated_shuffle (__FILE__, __LINE__, mask, value, emulated::lane () ^ (m))
#define __shfl_sync(mask, value, from) \
  emulated_shuffle (__FILE__, __LINE__, mask, value, (unsigned) (from) % 32)
#define __shfl_down_sync(mask, value, d)                      \
  emulated_shuffle (__FILE__, __LINE__, mask, value,          \
                    emulated::lane () + (d) < 32 ? emulated::lane () + (d) : emulated::lane ())

static inline unsigned
emulated_ballot (const char *file, int line, unsigned mask, int predicate)
{
  unsigned all;
  emulated::vote (file, line, mask, predicate, &all);
  return all;
}
#define __ballot_sync(mask, p) emulated_ballot (__FILE__, __LINE__, mask, p)
#define __any_sync(mask, p) (emulated_ballot (__FILE__, __LINE__, mask, p) != 0)
#define __all_sync(mask, p) (emulated_ballot (__FILE__, __LINE__, mask, p) == (mask))

/* Threads run one at a time. */
template <class T>
static inline T
atomicAdd (T *at, T value)
{
  T old = *at;
  *at += value;
  return old;
}

template <class T> static inline T min (T a, T b) { return b < a ? b : a; }
template <class T> static inline T max (T a, T b) { return a < b ? b : a; }

/* A kernel with its arguments, which a launch takes at once. */
template <class... Parameters, size_t... i>
static inline void
emulated_call (void (*kernel) (Parameters...), const std::tuple<Parameters...> &arguments, std::index_sequence<i...>)
{
  kernel (std::get<i> (arguments)...);
}

template <class... Parameters, class... Arguments>
static inline std::function<void ()>
emulated_bind (void (*kernel) (Parameters...), const Arguments &...arguments)
{
  std::tuple<Parameters...> all (arguments...);
  return [=] { emulated_call (kernel, all, std::index_sequence_for<Parameters...> ()); };
}

#define MOA_LAUNCH_KERNEL(kernel, grid, block, shared, stream, ...) \
  emulated::launch (#kernel, grid, block, shared, stream, emulated_bind (kernel, __VA_ARGS__))
#define MOA_SHARED(type, name) type *name = static_cast<type *> (emulated::shared ())

/* ---- Runtime ---------------------------------------------------------- */

typedef enum {
  cudaSuccess = 0,
  cudaErrorInvalidValue = 1,
  cudaErrorMemoryAllocation = 2,
  cudaErrorInsufficientDriver = 35,
  cudaErrorNoDevice = 100,
  cudaErrorInvalidResourceHandle = 400,
  cudaErrorLaunchFailure = 719,
  cudaErrorStreamCaptureUnsupported = 900,
  cudaErrorStreamCaptureInvalidated = 901
} cudaError_t;

typedef struct emulated_stream *cudaStream_t;
typedef struct emulated_event *cudaEvent_t;
typedef struct emulated_graph *cudaGraph_t, *cudaGraphExec_t;
typedef enum { cudaMemcpyHostToDevice, cudaMemcpyDeviceToHost, cudaMemcpyDeviceToDevice } cudaMemcpyKind;
typedef enum { cudaStreamCaptureModeGlobal, cudaStreamCaptureModeThreadLocal } cudaStreamCaptureMode;
typedef enum { cudaDevAttrComputeCapabilityMajor = 75,
               cudaDevAttrComputeCapabilityMinor = 76 } cudaDeviceAttr;
enum { cudaStreamNonBlocking = 1, cudaEventDisableTiming = 2, cudaHostAllocDefault = 0 };

typedef struct {
  char name[256];
  size_t totalGlobalMem;
  int major, minor, multiProcessorCount;
} cudaDeviceProp;

const char *cudaGetErrorString (cudaError_t status);
cudaError_t cudaGetLastError (void);
cudaError_t cudaGetDeviceCount (int *n);
cudaError_t cudaSetDevice (int i);
cudaError_t cudaDeviceGetAttribute (int *value, cudaDeviceAttr attribute, int i);
cudaError_t cudaGetDeviceProperties (cudaDeviceProp *properties, int i);
cudaError_t cudaDeviceGetPCIBusId (char *text, int length, int i);
cudaError_t cudaDriverGetVersion (int *version);
cudaError_t cudaRuntimeGetVersion (int *version);
cudaError_t cudaMemGetInfo (size_t *available, size_t *total);
cudaError_t cudaMalloc_ (void **memory, size_t bytes);
template <class T> static inline cudaError_t
cudaMalloc (T **memory, size_t bytes)
{
  return cudaMalloc_ ((void **) memory, bytes);
}
cudaError_t cudaFree (void *memory);
cudaError_t cudaHostAlloc (void **memory, size_t bytes, unsigned flags);
cudaError_t cudaFreeHost (void *memory);
cudaError_t cudaMemcpyAsync (void *to, const void *from, size_t bytes, cudaMemcpyKind kind,
                             cudaStream_t stream);
cudaError_t cudaMemsetAsync (void *to, int value, size_t bytes, cudaStream_t stream);
cudaError_t cudaStreamCreateWithFlags (cudaStream_t *stream, unsigned flags);
cudaError_t cudaStreamDestroy (cudaStream_t stream);
cudaError_t cudaStreamSynchronize (cudaStream_t stream);
cudaError_t cudaEventCreateWithFlags (cudaEvent_t *event, unsigned flags);
cudaError_t cudaEventDestroy (cudaEvent_t event);
cudaError_t cudaEventRecord (cudaEvent_t event, cudaStream_t stream);
cudaError_t cudaEventSynchronize (cudaEvent_t event);
cudaError_t cudaStreamWaitEvent (cudaStream_t stream, cudaEvent_t event, unsigned flags);
cudaError_t cudaStreamBeginCapture (cudaStream_t stream, cudaStreamCaptureMode mode);
cudaError_t cudaStreamEndCapture (cudaStream_t stream, cudaGraph_t *graph);
cudaError_t cudaGraphInstantiate (cudaGraphExec_t *exec, cudaGraph_t graph, unsigned long long flags);
cudaError_t cudaGraphLaunch (cudaGraphExec_t exec, cudaStream_t stream);
cudaError_t cudaGraphDestroy (cudaGraph_t graph);
cudaError_t cudaGraphExecDestroy (cudaGraphExec_t exec);

#endif
