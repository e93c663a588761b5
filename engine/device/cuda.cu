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

gboolean
moa_cuda_check (MoaCuda *cuda, cudaError_t status, const char *call)
{
  return status == cudaSuccess || moa_cuda_fail (cuda, call, cudaGetErrorString (status));
}

gboolean
moa_cuda_check_blas (MoaCuda *cuda, cublasStatus_t status, const char *call)
{
  return status == CUBLAS_STATUS_SUCCESS || moa_cuda_fail (cuda, call, cublasGetStatusString (status));
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

static gpointer
allocate (MoaDevice *device, gsize bytes)
{
  MoaCuda *cuda = (MoaCuda *) device;
  void *memory = NULL;
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
  cudaSetDevice (cuda->index);
  MOA_CUDA (cuda, cudaFree, memory);
}

static void
clear (MoaDevice *device, gpointer to, gsize bytes)
{
  MoaCuda *cuda = (MoaCuda *) device;
  if (ready (cuda))
    MOA_CUDA (cuda, cudaMemsetAsync, to, 0, bytes, cuda->stream);
}

static void
upload (MoaDevice *device, gpointer to, gconstpointer from, gsize bytes)
{
  MoaCuda *cuda = (MoaCuda *) device;
  /* From pageable memory this returns when the bytes have been taken. */
  if (ready (cuda))
    MOA_CUDA (cuda, cudaMemcpyAsync, to, from, bytes, cudaMemcpyHostToDevice, cuda->stream);
}

static void
download (MoaDevice *device, gpointer to, gconstpointer from, gsize bytes)
{
  MoaCuda *cuda = (MoaCuda *) device;
  if (!ready (cuda)
      || !MOA_CUDA (cuda, cudaMemcpyAsync, to, from, bytes, cudaMemcpyDeviceToHost, cuda->stream)
      || !MOA_CUDA (cuda, cudaStreamSynchronize, cuda->stream))
    memset (to, 0xff, bytes); /* NaN, whatever the number's type */
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

/* ---- Recorded work ---------------------------------------------------- */

static void
forget (MoaDevice *device, gpointer recording)
{
  MoaCuda *cuda = (MoaCuda *) device;
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
  cudaSetDevice (cuda->index);
  if (cuda->blas)
    cublasDestroy (cuda->blas);
  if (cuda->blas_workspace)
    cudaFree (cuda->blas_workspace);
  if (cuda->stream)
    cudaStreamDestroy (cuda->stream);
  g_clear_error (&cuda->error);
  g_mutex_clear (&cuda->lock);
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

static gboolean
start (MoaCuda *cuda)
{
  return MOA_CUDA (cuda, cudaSetDevice, cuda->index)
         && find_slot (cuda)
         && find_capability (cuda)
         && MOA_CUDA (cuda, cudaStreamCreateWithFlags, &cuda->stream, cudaStreamNonBlocking)
         && moa_cuda_check_blas (cuda, cublasCreate (&cuda->blas), "cublasCreate")
         && MOA_CUDA (cuda, cudaMalloc, &cuda->blas_workspace, MOA_CUDA_BLAS_WORKSPACE)
         && moa_cuda_check_blas (cuda, cublasSetStream (cuda->blas, cuda->stream), "cublasSetStream")
         && moa_cuda_check_blas (cuda,
                                 cublasSetWorkspace (cuda->blas, cuda->blas_workspace,
                                                     MOA_CUDA_BLAS_WORKSPACE),
                                 "cublasSetWorkspace");
}

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
  g_mutex_init (&cuda->lock);
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
  else if (info->major < MOA_CUDA_OLDEST / 10)
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
