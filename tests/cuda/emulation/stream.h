/* Streams, as the runtime and NCCL share them.
 *
 * What is queued is done when somebody waits for it, and no sooner: who forgets to wait for another
 * stream reads what is not there yet. */
#ifndef MOA_EMULATED_STREAM_H
#define MOA_EMULATED_STREAM_H

#include <cuda_runtime.h>
#include <deque>
#include <vector>

struct emulated_stream {
  std::deque<std::function<void ()>> pending;
  size_t queued, done; /* since it began */
  std::vector<std::function<void ()>> *kept; /* NULL: it does not capture */
  bool spoilt; /* by a call that is illegal while it captures */
  int device;
  /* For other libraries than the runtime's. */
  void (*add) (emulated_stream *stream, std::function<void ()> work);
  void (*finish) (emulated_stream *stream);
};

#endif
