/* The runtime's memory, streams and graphs on the CPU. */
#include <cstdlib>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <gmodule.h>
#include <unordered_map>

extern "C" {
#include "base/half.h"
}
#include "internal.h"
#include "stream.h"

typedef std::vector<std::function<void ()>> Works;
struct emulated_graph {
  std::shared_ptr<Works> work;
};
/* What its stream had queued when it was recorded. */
struct emulated_event {
  cudaStream_t stream;
  size_t queued;
  int device;
};

namespace emulated {

static std::recursive_mutex lock;
static unsigned long calls;
static unsigned long fail_at = g_getenv ("MOA_EMULATED_FAIL_AT") ? atol (g_getenv ("MOA_EMULATED_FAIL_AT")) : 0;
static bool failed; /* for good */
static size_t living, used;
static std::unordered_map<void *, size_t> memory;
static std::map<const char *, size_t> pinned; /* of the host, bytes from there on */
static std::set<cudaStream_t> streams;
static thread_local cudaError_t last;
static thread_local int device;              /* that the thread has chosen */
static thread_local cudaStream_t capturing;  /* by this thread */
static std::map<std::string, size_t> launches; /* by the kernel's text */

#define LOCKED std::lock_guard<std::recursive_mutex> guard (lock)

/* ---- Failures --------------------------------------------------------- */

cudaError_t
attempt (bool wants_memory)
{
  LOCKED;
  bool now = ++calls == fail_at;
  if (now && wants_memory && !failed)
    return last = cudaErrorMemoryAllocation;
  failed = failed || now;
  return failed ? last = cudaErrorLaunchFailure : cudaSuccess;
}

bool
may_go_on (const char *kernel, cudaError_t status)
{
  LOCKED;
  cudaError_t fault = attempt (false);
  if (fault == cudaSuccess && status != cudaSuccess)
    last = fault = status;
  launches[kernel] += fault == cudaSuccess;
  return fault == cudaSuccess;
}

void
count_living (int change)
{
  LOCKED;
  living += change;
}

void
queue (void *stream, std::function<void ()> work)
{
  LOCKED;
  cudaStream_t s = (cudaStream_t) stream;
  if (s->kept)
    {
      s->kept->push_back (std::move (work));
      return;
    }
  s->pending.push_back (std::move (work));
  s->queued++;
}

/* Does what was queued first, so many altogether; on a card that failed nothing is done any more. */
static void
drain (cudaStream_t stream, size_t queued)
{
  LOCKED;
  while (streams.count (stream) && !stream->pending.empty () && stream->done < queued)
    {
      std::function<void ()> work = std::move (stream->pending.front ());
      stream->pending.pop_front ();
      stream->done++;
      Reach reach;
      if (!failed)
        work ();
    }
}

static void
drain_all (cudaStream_t stream)
{
  drain (stream, stream->queued);
}

cudaError_t
check_stream (void *stream)
{
  LOCKED;
  return ((cudaStream_t) stream)->device == device ? cudaSuccess : cudaErrorInvalidResourceHandle;
}

int
chosen_device ()
{
  return device;
}

/* What is illegal spoils the capture that it happens in. */
static cudaError_t
spoil (cudaStream_t stream)
{
  LOCKED;
  stream->spoilt = true;
  return last = cudaErrorStreamCaptureUnsupported;
}

void
spoil_captures ()
{
  LOCKED;
  for (cudaStream_t stream : streams)
    stream->spoilt = stream->spoilt || (stream->kept && stream->device == device);
}

bool
spoil_own_capture ()
{
  return capturing && spoil (capturing) != cudaSuccess;
}

static bool
is_pinned (const void *at)
{
  LOCKED;
  auto next = pinned.upper_bound ((const char *) at);
  return next != pinned.begin () && (const char *) at < std::prev (next)->first + std::prev (next)->second;
}

extern "C" {
G_MODULE_EXPORT void emulated_fail_at (unsigned long n);
G_MODULE_EXPORT unsigned long emulated_calls (void);
G_MODULE_EXPORT size_t emulated_living (void);
G_MODULE_EXPORT size_t emulated_used (void);
G_MODULE_EXPORT void emulated_recover (void);
G_MODULE_EXPORT size_t emulated_launches (const char *kernel);

void
emulated_fail_at (unsigned long n)
{
  LOCKED;
  fail_at = n ? calls + n : 0;
}

unsigned long
emulated_calls (void)
{
  LOCKED;
  return calls;
}

size_t
emulated_living (void)
{
  LOCKED;
  return living;
}

size_t
emulated_used (void)
{
  LOCKED;
  return used;
}

void
emulated_recover (void)
{
  LOCKED;
  failed = false;
  fail_at = 0;
  last = cudaSuccess;
}

size_t
emulated_launches (const char *kernel)
{
  LOCKED;
  size_t n = 0;
  for (const auto &one : launches)
    if (one.first.compare (one.first[0] == '(', strlen (kernel), kernel) == 0)
      n += one.second;
  return n;
}
}
}

using namespace emulated;

#define ATTEMPT(memory)                      \
  do                                         \
    {                                        \
      cudaError_t status_ = attempt (memory); \
      if (status_ != cudaSuccess)            \
        return status_;                      \
    }                                        \
  while (0)

/* For calls that may wait, or have others wait, for the card. */
#define NOT_IN_CAPTURE            \
  do                              \
    if (capturing)                \
      return spoil (capturing);   \
  while (0)

const char *
cudaGetErrorString (cudaError_t status)
{
  switch (status)
    {
    case cudaSuccess: return "no error";
    case cudaErrorInvalidValue: return "invalid argument";
    case cudaErrorMemoryAllocation: return "out of memory";
    case cudaErrorInvalidResourceHandle: return "invalid resource handle";
    case cudaErrorStreamCaptureUnsupported: return "operation not permitted when stream is capturing";
    case cudaErrorStreamCaptureInvalidated:
      return "operation failed due to a previous error during capture";
    default: return "unspecified launch failure";
    }
}

cudaError_t
cudaGetLastError (void)
{
  cudaError_t status = last;
  last = cudaSuccess;
  LOCKED;
  return failed ? cudaErrorLaunchFailure : status;
}

/* $MOA_EMULATED_CARDS, which share the host's memory; or the one that $CUDA_VISIBLE_DEVICES names. */
static int
cards ()
{
  const char *wished = g_getenv ("MOA_EMULATED_CARDS");
  return wished && !g_getenv ("CUDA_VISIBLE_DEVICES") ? atoi (wished) : 1;
}

cudaError_t
cudaGetDeviceCount (int *n)
{
  *n = cards ();
  return attempt (false);
}

cudaError_t
cudaSetDevice (int i)
{
  LOCKED;
  if (i >= cards ())
    return last = cudaErrorInvalidValue;
  device = i;
  return failed ? cudaErrorLaunchFailure : cudaSuccess;
}

/* $MOA_EMULATED_CAPABILITY, such as "7.5". */
static int
capability ()
{
  const char *wished = g_getenv ("MOA_EMULATED_CAPABILITY");
  return wished ? (int) (g_ascii_strtod (wished, NULL) * 10 + 0.5) : 90;
}

cudaError_t
cudaDeviceGetAttribute (int *value, cudaDeviceAttr attribute, int i)
{
  ATTEMPT (false);
  *value = attribute == cudaDevAttrComputeCapabilityMajor ? capability () / 10 : capability () % 10;
  return i < cards () ? cudaSuccess : cudaErrorInvalidValue;
}

cudaError_t
cudaGetDeviceProperties (cudaDeviceProp *properties, int i)
{
  ATTEMPT (false);
  memset (properties, 0, sizeof (*properties));
  g_strlcpy (properties->name, "emulated", sizeof (properties->name));
  properties->totalGlobalMem = (size_t) 4 << 30;
  properties->major = capability () / 10;
  properties->minor = capability () % 10;
  properties->multiProcessorCount = 4;
  return i < cards () ? cudaSuccess : cudaErrorInvalidValue;
}

cudaError_t
cudaDeviceGetPCIBusId (char *text, int length, int i)
{
  ATTEMPT (false);
  const char *visible = g_getenv ("CUDA_VISIBLE_DEVICES");
  g_snprintf (text, length, "0000:%02x:00.0", (visible ? atoi (visible) : i) + 1);
  return i < cards () ? cudaSuccess : cudaErrorInvalidValue;
}

cudaError_t
cudaDriverGetVersion (int *version)
{
  *version = CUDART_VERSION;
  return cudaSuccess;
}

cudaError_t
cudaRuntimeGetVersion (int *version)
{
  *version = CUDART_VERSION;
  return cudaSuccess;
}

cudaError_t
cudaMemGetInfo (size_t *available, size_t *total)
{
  ATTEMPT (false);
  LOCKED;
  *total = (size_t) 4 << 30;
  *available = *total - used;
  return cudaSuccess;
}

cudaError_t
cudaMalloc_ (void **out, size_t bytes)
{
  ATTEMPT (true);
  NOT_IN_CAPTURE;
  LOCKED;
  if (!(*out = memory_new (bytes)))
    return last = cudaErrorMemoryAllocation;
  memory[*out] = bytes;
  used += bytes;
  living++;
  return cudaSuccess;
}

cudaError_t
cudaFree (void *at)
{
  NOT_IN_CAPTURE;
  LOCKED;
  if (!at)
    return cudaSuccess;
  if (!memory.count (at))
    return cudaErrorInvalidValue;
  for (cudaStream_t stream : std::set<cudaStream_t> (streams))
    drain_all (stream);
  used -= memory[at];
  memory.erase (at);
  living--;
  memory_free (at);
  return failed ? cudaErrorLaunchFailure : cudaSuccess;
}

cudaError_t
cudaHostAlloc (void **out, size_t bytes, unsigned flags)
{
  ATTEMPT (true);
  NOT_IN_CAPTURE;
  LOCKED;
  *out = malloc (bytes);
  memset (*out, 0xff, bytes);
  pinned[(const char *) *out] = bytes;
  living++;
  return cudaSuccess;
}

cudaError_t
cudaFreeHost (void *at)
{
  NOT_IN_CAPTURE;
  LOCKED;
  if (!pinned.count ((const char *) at))
    return cudaErrorInvalidValue;
  for (cudaStream_t stream : std::set<cudaStream_t> (streams))
    drain_all (stream);
  pinned.erase ((const char *) at);
  living--;
  free (at);
  return cudaSuccess;
}

cudaError_t
cudaMemcpyAsync (void *to, const void *from, size_t bytes, cudaMemcpyKind kind, cudaStream_t stream)
{
  ATTEMPT (false);
  if (stream->kept && kind != cudaMemcpyDeviceToDevice)
    return spoil (stream);
  if (kind == cudaMemcpyHostToDevice && !is_pinned (from)) /* the caller's bytes are taken at once */
    {
      auto bytes_of = std::make_shared<std::vector<char>> ((const char *) from, (const char *) from + bytes);
      queue (stream, [=] { memcpy (to, bytes_of->data (), bytes); });
      return cudaSuccess;
    }
  queue (stream, [=] { memcpy (to, from, bytes); });
  if (kind == cudaMemcpyDeviceToHost && !is_pinned (to))
    drain_all (stream);
  return cudaSuccess;
}

cudaError_t
cudaMemsetAsync (void *to, int value, size_t bytes, cudaStream_t stream)
{
  ATTEMPT (false);
  queue (stream, [=] { memset (to, value, bytes); });
  return cudaSuccess;
}

cudaError_t
cudaStreamCreateWithFlags (cudaStream_t *stream, unsigned flags)
{
  ATTEMPT (false);
  LOCKED;
  auto add = [] (emulated_stream *s, std::function<void ()> work) { queue (s, std::move (work)); };
  *stream = new emulated_stream{ {}, 0, 0, NULL, false, device, add, drain_all };
  streams.insert (*stream);
  count_living (1);
  return cudaSuccess;
}

cudaError_t
cudaStreamDestroy (cudaStream_t stream)
{
  LOCKED;
  drain_all (stream);
  streams.erase (stream);
  delete stream;
  count_living (-1);
  return cudaSuccess;
}

cudaError_t
cudaStreamSynchronize (cudaStream_t stream)
{
  ATTEMPT (false);
  NOT_IN_CAPTURE;
  if (stream->kept)
    return spoil (stream);
  drain_all (stream);
  return cudaSuccess;
}

/* ---- Events ------------------------------------------------------------ */

cudaError_t
cudaEventCreateWithFlags (cudaEvent_t *event, unsigned flags)
{
  ATTEMPT (false);
  *event = new emulated_event{ NULL, 0, device };
  count_living (1);
  return cudaSuccess;
}

cudaError_t
cudaEventDestroy (cudaEvent_t event)
{
  delete event;
  count_living (-1);
  return cudaSuccess;
}

cudaError_t
cudaEventRecord (cudaEvent_t event, cudaStream_t stream)
{
  ATTEMPT (false);
  LOCKED;
  if (event->device != stream->device)
    return last = cudaErrorInvalidResourceHandle;
  event->stream = stream;
  event->queued = stream->queued;
  return cudaSuccess;
}

cudaError_t
cudaEventSynchronize (cudaEvent_t event)
{
  ATTEMPT (false);
  NOT_IN_CAPTURE;
  if (event->stream)
    drain (event->stream, event->queued);
  return cudaSuccess;
}

cudaError_t
cudaStreamWaitEvent (cudaStream_t stream, cudaEvent_t event, unsigned flags)
{
  ATTEMPT (false);
  emulated_event recorded = *event;
  if (recorded.stream)
    queue (stream, [=] { drain (recorded.stream, recorded.queued); });
  return cudaSuccess;
}

/* ---- Graphs ----------------------------------------------------------- */

cudaError_t
cudaStreamBeginCapture (cudaStream_t stream, cudaStreamCaptureMode mode)
{
  ATTEMPT (false);
  {
    LOCKED;
    if (stream->kept)
      return spoil (stream);
    capturing = stream;
    stream->kept = new Works;
    stream->spoilt = false;
  }
  g_usleep (2000); /* for other threads, should they queue something now */
  return cudaSuccess;
}

cudaError_t
cudaStreamEndCapture (cudaStream_t stream, cudaGraph_t *graph)
{
  LOCKED;
  *graph = NULL;
  if (!stream->kept)
    return cudaErrorInvalidValue;
  std::shared_ptr<Works> kept (stream->kept);
  stream->kept = NULL;
  capturing = NULL;
  cudaError_t status = attempt (false);
  if (status == cudaSuccess && stream->spoilt)
    status = last = cudaErrorStreamCaptureInvalidated;
  if (status == cudaSuccess)
    {
      *graph = new emulated_graph{ kept };
      count_living (1);
    }
  return status;
}

cudaError_t
cudaGraphInstantiate (cudaGraphExec_t *exec, cudaGraph_t graph, unsigned long long flags)
{
  ATTEMPT (false);
  *exec = new emulated_graph (*graph);
  count_living (1);
  return cudaSuccess;
}

cudaError_t
cudaGraphLaunch (cudaGraphExec_t exec, cudaStream_t stream)
{
  ATTEMPT (false);
  std::shared_ptr<Works> all = exec->work;
  queue (stream, [=] {
    for (auto &work : *all)
      work ();
  });
  return cudaSuccess;
}

cudaError_t
cudaGraphDestroy (cudaGraph_t graph)
{
  delete graph;
  count_living (-1);
  return cudaSuccess;
}

cudaError_t
cudaGraphExecDestroy (cudaGraphExec_t exec)
{
  delete exec;
  count_living (-1);
  return cudaSuccess;
}

/* ---- 16-bit types ----------------------------------------------------- */

float
__half2float (__half h)
{
  return moa_half_to_float (h.bits);
}

__half
__float2half_rn (float f)
{
  return __half{ moa_half_from_float (f) };
}

float
__bfloat162float (__nv_bfloat16 h)
{
  return moa_bfloat_to_float (h.bits);
}

__nv_bfloat16
__float2bfloat16_rn (float f)
{
  return __nv_bfloat16{ moa_bfloat_from_float (f) };
}
