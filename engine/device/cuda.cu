/* The CUDA device: memory, transfers, recorded work, and what the module tells of its cards. */
#include "device/cuda.h"

#include <stdio.h>
#include <string.h>

#define REMEDY_MEMORY "close programs that use the GPU, use a smaller area, or the CPU"

/* ---- Failures --------------------------------------------------------- */

gboolean
moa_cuda_fail (MoaCuda *cuda, const char *call, const char *what)
{
  g_mutex_lock (&cuda->lock);
  if (!cuda->error)
    cuda->error = g_error_new (MOA_ERROR, MOA_ERROR_DEVICE, "%s: %s%s%s: %s; try again, or use the CPU",
                               cuda->device.name, call, cuda->doing[0] ? " in " : "", cuda->doing,
                               what);
  g_mutex_unlock (&cuda->lock);
  return FALSE;
}

/* The runtime keeps an error until somebody asks: the thread's next launch, maybe on another card, would be
 * blamed for it. */
gboolean
moa_cuda_check (MoaCuda *cuda, cudaError_t status, const char *call)
{
  if (status == cudaSuccess)
    return TRUE;
  cudaGetLastError ();
  return moa_cuda_fail (cuda, call, cudaGetErrorString (status));
}

gboolean
moa_cuda_check_blas (MoaCuda *cuda, cublasStatus_t status, const char *call)
{
  if (status == CUBLAS_STATUS_SUCCESS)
    return TRUE;
  cudaGetLastError ();
  return moa_cuda_fail (cuda, call, cublasGetStatusString (status));
}

/* Whether work can be queued; the card is each thread's own choice. */
static gboolean
ready (MoaCuda *cuda)
{
  g_mutex_lock (&cuda->lock);
  gboolean works = !cuda->error;
  g_mutex_unlock (&cuda->lock);
  return works && MOA_CUDA (cuda, cudaSetDevice, cuda->index);
}

/* ---- Memory ----------------------------------------------------------- */

/* From the driver each time: a job's graphs share one piece of work memory, which only grows, a graph's held
 * memory is one piece, and so are a part's weights, which stay as long as their model.  So a job allocates a
 * few times for each net, before its first step, and a pool would have nothing to save. */
static gpointer
allocate (MoaDevice *device, gsize bytes)
{
  MoaCuda *cuda = (MoaCuda *) device;
  void *memory = NULL;
  MoaCudaTurn turn (cuda);
  if (!ready (cuda))
    return NULL;
  if (cudaMalloc (&memory, bytes ? bytes : 1) != cudaSuccess)
    {
      cudaGetLastError (); /* an error of the call alone: forgotten, the caller tells */
      return NULL;
    }
  return memory;
}

static void
release (MoaDevice *device, gpointer memory)
{
  MoaCuda *cuda = (MoaCuda *) device;
  MoaCudaTurn turn (cuda);
  cudaSetDevice (cuda->index);
  MOA_CUDA (cuda, cudaFree, memory);
}

static void
clear (MoaDevice *device, gpointer to, gsize bytes)
{
  MoaCuda *cuda = (MoaCuda *) device;
  MoaCudaTurn turn (cuda);
  if (ready (cuda))
    MOA_CUDA (cuda, cudaMemsetAsync, to, 0, bytes, cuda->stream);
}

static guint64
free_memory (MoaDevice *device)
{
  MoaCuda *cuda = (MoaCuda *) device;
  size_t available = 0, total = 0;
  if (!ready (cuda) || cudaMemGetInfo (&available, &total) != cudaSuccess)
    return 0;
  return available;
}

static gboolean
finish (MoaDevice *device, GError **error)
{
  MoaCuda *cuda = (MoaCuda *) device;
  MoaCudaTurn turn (cuda);
  if (ready (cuda))
    MOA_CUDA (cuda, cudaStreamSynchronize, cuda->stream);
  g_mutex_lock (&cuda->lock);
  gboolean works = !cuda->error;
  if (!works && error)
    *error = g_error_copy (cuda->error);
  g_mutex_unlock (&cuda->lock);
  return works;
}

static gconstpointer
find (MoaDevice *device, const char *name)
{
  return moa_cuda_find (name);
}

/* ---- Transfers -------------------------------------------------------- */

/* Up to this many bytes the driver takes along at once. */
#define SMALL (64u << 10)

/* What is larger goes through two stages by turns: the CPU fills or empties one while the card copies the
 * other.  From memory that the system may move, the card would wait for the CPU at each piece. */
static gboolean
has_stages (const MoaCuda *cuda)
{
  return cuda->stage[0] && cuda->stage[1];
}

/* Queues the copy between the card and a stage. */
static gboolean
copy_stage (MoaCuda *cuda, int side, void *to, const void *from, gsize bytes, cudaMemcpyKind kind)
{
  MoaCudaTurn turn (cuda);
  return MOA_CUDA (cuda, cudaMemcpyAsync, to, from, bytes, kind, cuda->stream)
         && MOA_CUDA (cuda, cudaEventRecord, cuda->staged[side], cuda->stream);
}

static gboolean
upload_staged (MoaCuda *cuda, char *to, const char *from, gsize bytes)
{
  int side = 0;
  for (gsize at = 0; at < bytes; at += MOA_CUDA_STAGE, side ^= 1)
    {
      gsize n = MIN (bytes - at, MOA_CUDA_STAGE);
      if (!MOA_CUDA (cuda, cudaEventSynchronize, cuda->staged[side]))
        return FALSE;
      memcpy (cuda->stage[side], from + at, n);
      if (!copy_stage (cuda, side, to + at, cuda->stage[side], n, cudaMemcpyHostToDevice))
        return FALSE;
    }
  return TRUE;
}

/* The piece at `at`, if there is one, into its stage. */
static gboolean
fetch (MoaCuda *cuda, const char *from, gsize at, gsize bytes)
{
  int side = at / MOA_CUDA_STAGE % 2;
  return at >= bytes
         || copy_stage (cuda, side, cuda->stage[side], from + at, MIN (bytes - at, MOA_CUDA_STAGE),
                        cudaMemcpyDeviceToHost);
}

static gboolean
download_staged (MoaCuda *cuda, char *to, const char *from, gsize bytes)
{
  gboolean ok = fetch (cuda, from, 0, bytes);
  for (gsize at = 0; ok && at < bytes; at += MOA_CUDA_STAGE)
    {
      int side = at / MOA_CUDA_STAGE % 2;
      ok = fetch (cuda, from, at + MOA_CUDA_STAGE, bytes)
           && MOA_CUDA (cuda, cudaEventSynchronize, cuda->staged[side]);
      if (ok)
        memcpy (to + at, cuda->stage[side], MIN (bytes - at, MOA_CUDA_STAGE));
    }
  return ok;
}

static void
upload (MoaDevice *device, gpointer to, gconstpointer from, gsize bytes)
{
  MoaCuda *cuda = (MoaCuda *) device;
  if (!ready (cuda))
    return;
  if (bytes <= SMALL || !has_stages (cuda))
    { /* returns when the bytes have been taken */
      MoaCudaTurn turn (cuda);
      MOA_CUDA (cuda, cudaMemcpyAsync, to, from, bytes, cudaMemcpyHostToDevice, cuda->stream);
      return;
    }
  g_mutex_lock (&cuda->transfer);
  upload_staged (cuda, (char *) to, (const char *) from, bytes);
  g_mutex_unlock (&cuda->transfer);
}

static gboolean
download_at_once (MoaCuda *cuda, gpointer to, gconstpointer from, gsize bytes)
{
  MoaCudaTurn turn (cuda);
  return MOA_CUDA (cuda, cudaMemcpyAsync, to, from, bytes, cudaMemcpyDeviceToHost, cuda->stream)
         && MOA_CUDA (cuda, cudaStreamSynchronize, cuda->stream);
}

static void
download (MoaDevice *device, gpointer to, gconstpointer from, gsize bytes)
{
  MoaCuda *cuda = (MoaCuda *) device;
  gboolean ok = ready (cuda);
  if (ok && (bytes <= SMALL || !has_stages (cuda)))
    ok = download_at_once (cuda, to, from, bytes);
  else if (ok)
    {
      g_mutex_lock (&cuda->transfer);
      ok = download_staged (cuda, (char *) to, (const char *) from, bytes);
      g_mutex_unlock (&cuda->transfer);
    }
  if (!ok)
    memset (to, 0xff, bytes); /* NaN, whatever the number's type */
}

/* ---- Recorded work ---------------------------------------------------- */

static void
forget (MoaDevice *device, gpointer recording)
{
  MoaCuda *cuda = (MoaCuda *) device;
  MoaCudaTurn turn (cuda);
  cudaSetDevice (cuda->index);
  MOA_CUDA (cuda, cudaGraphExecDestroy, (cudaGraphExec_t) recording);
}

/* record()'s launches as a graph, or NULL. */
static cudaGraphExec_t
capture (MoaCuda *cuda, void (*record) (gpointer data), gpointer data)
{
  cudaGraph_t graph = NULL;
  cudaGraphExec_t exec = NULL;
  if (!MOA_CUDA (cuda, cudaStreamBeginCapture, cuda->stream, cudaStreamCaptureModeThreadLocal))
    return NULL;
  record (data);
  if (MOA_CUDA (cuda, cudaStreamEndCapture, cuda->stream, &graph))
    MOA_CUDA (cuda, cudaGraphInstantiate, &exec, graph, 0);
  if (graph)
    MOA_CUDA (cuda, cudaGraphDestroy, graph);
  return exec;
}

static gboolean
replay (MoaDevice *device, gpointer *recording, void (*record) (gpointer data), gpointer data)
{
  MoaCuda *cuda = (MoaCuda *) device;
  MoaCudaTurn turn (cuda);
  if (ready (cuda) && !*recording)
    *recording = capture (cuda, record, data);
  return *recording
         && MOA_CUDA (cuda, cudaGraphLaunch, (cudaGraphExec_t) *recording, cuda->stream);
}

/* ---- Opening ---------------------------------------------------------- */

static void
close_device (MoaDevice *device)
{
  MoaCuda *cuda = (MoaCuda *) device;
  MoaCudaTurn turn (cuda); /* cublasDestroy() waits for the whole card */
  cudaSetDevice (cuda->index);
  for (int i = 0; i < 2; i++)
    {
      if (cuda->staged[i])
        cudaEventDestroy (cuda->staged[i]);
      if (cuda->stage[i])
        cudaFreeHost (cuda->stage[i]);
    }
  if (cuda->blas)
    cublasDestroy (cuda->blas);
  if (cuda->blas_workspace)
    cudaFree (cuda->blas_workspace);
  if (cuda->stream)
    cudaStreamDestroy (cuda->stream);
  g_clear_error (&cuda->error);
  g_mutex_clear (&cuda->lock);
  g_mutex_clear (&cuda->transfer);
  g_free (cuda);
}

static const MoaDeviceMethods methods = {
  allocate, release, clear, upload, download, finish, find, replay, forget, free_memory, close_device,
};

/* Where the card is plugged in: names and numbers differ from one process to another. */
static gboolean
find_slot (MoaCuda *cuda)
{
  char text[32] = "";
  unsigned domain = 0, bus = 0, slot = 0;
  if (!MOA_CUDA (cuda, cudaDeviceGetPCIBusId, text, (int) sizeof (text), cuda->index))
    return FALSE;
  if (sscanf (text, "%x:%x:%x", &domain, &bus, &slot) == 3)
    cuda->device.slot = (guint64) domain << 16 | bus << 8 | slot;
  return TRUE;
}

static gboolean
find_capability (MoaCuda *cuda)
{
  int major = 0, minor = 0;
  if (!MOA_CUDA (cuda, cudaDeviceGetAttribute, &major, cudaDevAttrComputeCapabilityMajor, cuda->index)
      || !MOA_CUDA (cuda, cudaDeviceGetAttribute, &minor, cudaDevAttrComputeCapabilityMinor, cuda->index))
    return FALSE;
  cuda->capability = 10 * major + minor;
  return TRUE;
}

/* Stages that are not to be had are done without. */
static gboolean
start_stages (MoaCuda *cuda)
{
  for (int i = 0; i < 2; i++)
    {
      if (cudaHostAlloc ((void **) &cuda->stage[i], MOA_CUDA_STAGE, cudaHostAllocDefault) != cudaSuccess)
        {
          cuda->stage[i] = NULL;
          cudaGetLastError (); /* an error of the call alone */
        }
      if (!MOA_CUDA (cuda, cudaEventCreateWithFlags, &cuda->staged[i], cudaEventDisableTiming))
        return FALSE;
    }
  return TRUE;
}

/* Sums are float, also of parts of a product: the default lets them have a 16-bit result's type. */
#define MATH_MODE (cublasMath_t) (CUBLAS_DEFAULT_MATH | CUBLAS_MATH_DISALLOW_REDUCED_PRECISION_REDUCTION)

static gboolean
start (MoaCuda *cuda)
{
  MoaCudaTurn turn (cuda);
  return MOA_CUDA (cuda, cudaSetDevice, cuda->index)
         && find_slot (cuda)
         && find_capability (cuda)
         && MOA_CUDA (cuda, cudaStreamCreateWithFlags, &cuda->stream, cudaStreamNonBlocking)
         && start_stages (cuda)
         && moa_cuda_check_blas (cuda, cublasCreate (&cuda->blas), "cublasCreate")
         && moa_cuda_check_blas (cuda, cublasSetMathMode (cuda->blas, MATH_MODE), "cublasSetMathMode")
         && MOA_CUDA (cuda, cudaMalloc, &cuda->blas_workspace, MOA_CUDA_BLAS_WORKSPACE)
         && moa_cuda_check_blas (cuda, cublasSetStream (cuda->blas, cuda->stream), "cublasSetStream")
         && moa_cuda_check_blas (cuda,
                                 cublasSetWorkspace (cuda->blas, cuda->blas_workspace,
                                                     MOA_CUDA_BLAS_WORKSPACE),
                                 "cublasSetWorkspace");
}

/* Of the cards by their numbers, whoever has opened them. */
static GRecMutex turns[16];

static MoaDevice *
open_device (int i, MoaNumber number, gboolean tf32, GError **error)
{
  MoaCuda *cuda = g_new0 (MoaCuda, 1);
  cuda->device.methods = &methods;
  cuda->device.ref_count = 1;
  cuda->device.number = number;
  cuda->device.tf32 = tf32;
  cuda->index = i;
  g_snprintf (cuda->device.name, sizeof (cuda->device.name), "cuda:%d", i);
  cuda->turn = &turns[i % G_N_ELEMENTS (turns)];
  g_mutex_init (&cuda->lock);
  g_mutex_init (&cuda->transfer);
  if (start (cuda))
    return &cuda->device;
  if (error)
    *error = g_error_copy (cuda->error);
  close_device (&cuda->device);
  return NULL;
}

static int
count (char why[256])
{
  int n = 0;
  cudaError_t status = cudaGetDeviceCount (&n);
  if (status == cudaSuccess && n > 0)
    return n;
  if (status == cudaErrorInsufficientDriver)
    g_snprintf (why, 256, "NVIDIA's driver is too old for CUDA %d.%d; update it",
                CUDART_VERSION / 1000, CUDART_VERSION % 1000 / 10);
  else
    g_snprintf (why, 256, "NVIDIA's driver finds no GPU (%s); is one there, and free to use?",
                status == cudaSuccess ? "none listed" : cudaGetErrorString (status));
  cudaGetLastError ();
  return 0;
}

static void
describe (int i, MoaDeviceInfo *info)
{
  cudaDeviceProp properties;
  size_t available = 0, total = 0;
  memset (info, 0, sizeof (*info));
  g_snprintf (info->name, sizeof (info->name), "cuda:%d", i);
  cudaDriverGetVersion (&info->driver);
  cudaRuntimeGetVersion (&info->runtime);
  cudaError_t status = cudaGetDeviceProperties (&properties, i);
  if (status == cudaSuccess)
    {
      g_strlcpy (info->title, properties.name, sizeof (info->title));
      info->major = properties.major;
      info->minor = properties.minor;
      info->half = properties.major >= 7; /* tensor cores */
      info->total_memory = properties.totalGlobalMem;
      status = cudaSetDevice (i);
    }
  if (status == cudaSuccess)
    status = cudaMemGetInfo (&available, &total);
  info->free_memory = available;
  if (status != cudaSuccess)
    g_snprintf (info->problem, sizeof (info->problem), "%s; restart the program, or the computer",
                cudaGetErrorString (status));
  else if (10 * info->major + info->minor < MOA_CUDA_OLDEST)
    g_snprintf (info->problem, sizeof (info->problem),
                "it has capability %d.%d, and this build needs %d.%d; use the CPU", info->major,
                info->minor, MOA_CUDA_OLDEST / 10, MOA_CUDA_OLDEST % 10);
  else if (available < 2 * (size_t) MOA_CUDA_BLAS_WORKSPACE)
    g_strlcpy (info->problem, "its memory is all in use; " REMEDY_MEMORY, sizeof (info->problem));
  cudaGetLastError ();
}

extern "C" {
G_MODULE_EXPORT extern const MoaDeviceModule moa_device_module;
const MoaDeviceModule moa_device_module = { MOA_DEVICE_LAYOUT, count, describe, open_device };
}
