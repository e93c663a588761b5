/* What of NCCL the engine uses, between processes of one machine: see nccl.cc. */
#ifndef MOA_EMULATED_NCCL_H
#define MOA_EMULATED_NCCL_H

#include <cuda_runtime.h>

typedef struct emulated_comm *ncclComm_t;
typedef struct {
  char internal[128];
} ncclUniqueId;
typedef enum { ncclSuccess = 0, ncclSystemError = 2, ncclInvalidArgument = 4 } ncclResult_t;
typedef enum { ncclFloat = 7 } ncclDataType_t;
typedef enum { ncclSum = 0 } ncclRedOp_t;

extern "C" {
ncclResult_t ncclGetUniqueId (ncclUniqueId *id);
ncclResult_t ncclCommInitRank (ncclComm_t *comm, int size, ncclUniqueId id, int rank);
ncclResult_t ncclAllReduce (const void *from, void *to, size_t n, ncclDataType_t type,
                            ncclRedOp_t op, ncclComm_t comm, cudaStream_t stream);
ncclResult_t ncclCommDestroy (ncclComm_t comm);
ncclResult_t ncclCommAbort (ncclComm_t comm);
const char *ncclGetErrorString (ncclResult_t status);
}

#endif
