/* The part of cuBLAS that engine/ uses, on the CPU. */
#ifndef MOA_EMULATED_CUBLAS_H
#define MOA_EMULATED_CUBLAS_H

#include <cuda_runtime.h>

typedef enum { CUBLAS_STATUS_SUCCESS = 0, CUBLAS_STATUS_INVALID_VALUE = 7,
               CUBLAS_STATUS_EXECUTION_FAILED = 13, CUBLAS_STATUS_NOT_SUPPORTED = 15 } cublasStatus_t;
typedef enum { CUBLAS_OP_N, CUBLAS_OP_T } cublasOperation_t;
typedef enum { CUDA_R_32F, CUDA_R_16F, CUDA_R_16BF } cudaDataType_t;
typedef enum { CUBLAS_COMPUTE_32F, CUBLAS_COMPUTE_32F_FAST_TF32 } cublasComputeType_t;
typedef enum { CUBLAS_GEMM_DEFAULT } cublasGemmAlgo_t;
typedef enum { CUBLAS_DEFAULT_MATH = 0, CUBLAS_MATH_DISALLOW_REDUCED_PRECISION_REDUCTION = 16 } cublasMath_t;
typedef struct emulated_blas *cublasHandle_t;

cublasStatus_t cublasCreate (cublasHandle_t *handle);
cublasStatus_t cublasDestroy (cublasHandle_t handle);
cublasStatus_t cublasSetStream (cublasHandle_t handle, cudaStream_t stream);
cublasStatus_t cublasSetWorkspace (cublasHandle_t handle, void *memory, size_t bytes);
cublasStatus_t cublasSetMathMode (cublasHandle_t handle, cublasMath_t mode);
const char *cublasGetStatusString (cublasStatus_t status);
cublasStatus_t cublasGemmEx (cublasHandle_t handle, cublasOperation_t transa, cublasOperation_t transb, int m,
                             int n, int k, const void *alpha, const void *a, cudaDataType_t a_type, int lda,
                             const void *b, cudaDataType_t b_type, int ldb, const void *beta, void *c,
                             cudaDataType_t c_type, int ldc, cublasComputeType_t compute,
                             cublasGemmAlgo_t algo);
cublasStatus_t cublasGemmStridedBatchedEx (cublasHandle_t handle, cublasOperation_t transa,
                                           cublasOperation_t transb, int m, int n, int k,
                                           const void *alpha, const void *a, cudaDataType_t a_type,
                                           int lda, long long stride_a, const void *b,
                                           cudaDataType_t b_type, int ldb, long long stride_b,
                                           const void *beta, void *c, cudaDataType_t c_type, int ldc,
                                           long long stride_c, int batch,
                                           cublasComputeType_t compute, cublasGemmAlgo_t algo);

#endif
