/* NCCL's sums: see collective.h.  The library is loaded when cards are to be joined, so that the module
 * works without it; built without its header there are none. */
#include "device/collective.h"
#include "device/cuda.h"

#ifdef MOA_HAVE_NCCL

#include <gmodule.h>
#include <nccl.h>
#include <string.h>

/* The emulation names its own. */
#ifndef MOA_NCCL_LIBRARY
#define MOA_NCCL_LIBRARY "libnccl.so.2"
#endif

typedef struct {
  decltype (&ncclGetUniqueId) get_unique_id;
  decltype (&ncclCommInitRank) comm_init_rank;
  decltype (&ncclAllReduce) all_reduce;
  decltype (&ncclCommDestroy) comm_destroy;
  decltype (&ncclCommAbort) comm_abort;
  decltype (&ncclGetErrorString) get_error_string;
} Nccl;

typedef struct {
  MoaCollective collective; /* first */
  MoaCuda *cuda;
  const Nccl *nccl;
  ncclComm_t comm;
  cudaStream_t stream;      /* of the sums, beside the card's own */
  cudaEvent_t made, summed; /* what the one stream waits for of the other */
} Group;

extern const MoaDeviceCollective moa_cuda_collective;

G_STATIC_ASSERT (sizeof (MoaCollectiveName) == sizeof (ncclUniqueId));

static const Nccl *
load (GError **error)
{
  static Nccl nccl;
  static const struct { const char *name; gpointer *to; } symbols[] = {
    { "ncclGetUniqueId", (gpointer *) &nccl.get_unique_id },
    { "ncclCommInitRank", (gpointer *) &nccl.comm_init_rank },
    { "ncclAllReduce", (gpointer *) &nccl.all_reduce },
    { "ncclCommDestroy", (gpointer *) &nccl.comm_destroy },
    { "ncclCommAbort", (gpointer *) &nccl.comm_abort },
    { "ncclGetErrorString", (gpointer *) &nccl.get_error_string },
  };
  GModule *library = g_module_open (MOA_NCCL_LIBRARY, G_MODULE_BIND_LOCAL);
  gboolean whole = library != NULL;
  for (gsize i = 0; whole && i < G_N_ELEMENTS (symbols); i++)
    whole = g_module_symbol (library, symbols[i].name, symbols[i].to);
  if (whole)
    {
      g_module_make_resident (library);
      return &nccl;
    }
  g_set_error (error, MOA_ERROR, MOA_ERROR_DEVICE,
               "Several cards need NCCL, and " MOA_NCCL_LIBRARY " cannot be used: %s; install it, or "
               "start one rank", g_module_error ());
  return NULL;
}

static gboolean
check (MoaCuda *cuda, const Nccl *nccl, ncclResult_t status, const char *call)
{
  return status == ncclSuccess || moa_cuda_fail (cuda, call, nccl->get_error_string (status));
}

static gboolean
make_name (MoaDevice *device, MoaCollectiveName *name, GError **error)
{
  const Nccl *nccl = load (error);
  ncclUniqueId id;
  if (!nccl)
    return FALSE;
  if (check ((MoaCuda *) device, nccl, nccl->get_unique_id (&id), "ncclGetUniqueId"))
    memcpy (name, &id, sizeof (id));
  return device->methods->finish (device, error);
}

static void
leave (MoaCollective *collective)
{
  Group *group = (Group *) collective;
  cudaSetDevice (group->cuda->index);
  if (group->comm) /* after a failure others may never come to the sums that are queued: nobody waits */
    (group->cuda->error ? group->nccl->comm_abort : group->nccl->comm_destroy) (group->comm);
  if (group->made)
    cudaEventDestroy (group->made);
  if (group->summed)
    cudaEventDestroy (group->summed);
  if (group->stream)
    cudaStreamDestroy (group->stream);
  g_free (group);
}

static void
sum (MoaCollective *collective, float *numbers, gsize n)
{
  Group *group = (Group *) collective;
  MoaCuda *cuda = group->cuda;
  MoaCudaTurn turn (cuda);
  g_strlcpy (cuda->doing, "the sum of gradients over the cards", sizeof (cuda->doing));
  if (!cuda->error && MOA_CUDA (cuda, cudaSetDevice, cuda->index)
      && MOA_CUDA (cuda, cudaEventRecord, group->made, cuda->stream)
      && MOA_CUDA (cuda, cudaStreamWaitEvent, group->stream, group->made, 0))
    check (cuda, group->nccl,
           group->nccl->all_reduce (numbers, numbers, n, ncclFloat, ncclSum, group->comm, group->stream),
           "ncclAllReduce");
}

static void
wait_for (MoaCollective *collective)
{
  Group *group = (Group *) collective;
  MoaCuda *cuda = group->cuda;
  MoaCudaTurn turn (cuda);
  if (!cuda->error && MOA_CUDA (cuda, cudaSetDevice, cuda->index)
      && MOA_CUDA (cuda, cudaEventRecord, group->summed, group->stream))
    MOA_CUDA (cuda, cudaStreamWaitEvent, cuda->stream, group->summed, 0);
}

static gboolean
start (Group *group, const MoaCollectiveName *name, int rank, int size)
{
  MoaCuda *cuda = group->cuda;
  ncclUniqueId id;
  memcpy (&id, name, sizeof (id));
  return MOA_CUDA (cuda, cudaSetDevice, cuda->index)
         && MOA_CUDA (cuda, cudaStreamCreateWithFlags, &group->stream, cudaStreamNonBlocking)
         && MOA_CUDA (cuda, cudaEventCreateWithFlags, &group->made, cudaEventDisableTiming)
         && MOA_CUDA (cuda, cudaEventCreateWithFlags, &group->summed, cudaEventDisableTiming)
         && check (cuda, group->nccl, group->nccl->comm_init_rank (&group->comm, size, id, rank),
                   "ncclCommInitRank");
}

static MoaCollective *
join (MoaDevice *device, const MoaCollectiveName *name, int rank, int size, GError **error)
{
  const Nccl *nccl = load (error);
  if (!nccl)
    return NULL;
  Group *group = g_new0 (Group, 1);
  group->collective.methods = &moa_cuda_collective;
  group->cuda = (MoaCuda *) device;
  group->nccl = nccl;
  g_strlcpy (group->cuda->doing, "joining the cards", sizeof (group->cuda->doing));
  if (start (group, name, rank, size))
    return &group->collective;
  device->methods->finish (device, error);
  leave (&group->collective);
  return NULL;
}

const MoaDeviceCollective moa_cuda_collective = { make_name, join, sum, wait_for, leave };

#endif
