/* What the emulation's files share. */
#ifndef MOA_EMULATION_INTERNAL_H
#define MOA_EMULATION_INTERNAL_H

#include <cuda_runtime.h>

namespace emulated {
/* A call that could fail: status where it is to fail now, cudaSuccess else. */
cudaError_t attempt (bool memory);
/* The same for a launch, kept for cudaGetLastError(); status: what is wrong with it anyway. */
bool may_go_on (const char *kernel, cudaError_t status);
/* Done when somebody waits for the stream, or kept if it captures. */
void queue (void *stream, std::function<void ()> work);
void count_living (int change);
/* The card's memory, NaN; only who holds a Reach may look at it.  All under the runtime's lock. */
void *memory_new (size_t bytes);
void memory_free (void *at);
struct Reach {
  Reach ();
  ~Reach ();
};
/* cudaErrorInvalidResourceHandle for a stream of another card than the calling thread's. */
cudaError_t check_stream (void *stream);
int chosen_device ();
/* If the calling thread captures, what it does now is illegal: true. */
bool spoil_own_capture ();
/* What waits for the whole card spoils all captures there. */
void spoil_captures ();
}

#endif
