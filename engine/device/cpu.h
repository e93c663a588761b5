/* The CPU: an instruction set and a pool of threads; and, for graphs that compute elsewhere, the
 * device whose kernels stand in for an instruction set.  Knows no op. */
#ifndef MOA_CPU_H
#define MOA_CPU_H

#include "device/device.h"

/* Each kernel in ops/cpu/ is compiled once for each of these.  F64 is the
 * baseline instruction set computing in double: the tests' reference. */
typedef enum {
  MOA_ISA_BASE, /* what the compiler assumes; SSE2 on x86-64 */
  MOA_ISA_AVX2,
  MOA_ISA_AVX512,
  MOA_ISA_F64,
  MOA_ISA_CUDA, /* not this processor's: the kernels of a device, see device.h */
  MOA_N_ISAS
} MoaIsa;

typedef struct _MoaCpu MoaCpu;

/* The best instruction set of this processor; MOA_ISA in the environment
 * (base, avx2, avx512) lowers it. */
MoaIsa moa_isa_best (void);
const char *moa_isa_name (MoaIsa isa);
gboolean moa_isa_supported (MoaIsa isa);

/* Output channels in one panel of packed weights, see graph/param.h. */
int moa_isa_panel (MoaIsa isa);

/* Bytes of one number on the host: 4, or 8 for MOA_ISA_F64. */
gsize moa_isa_real_size (MoaIsa isa);

/* n_threads 0: one for each processor that this process may use.
 * (transfer full), never NULL. */
MoaCpu *moa_cpu_new (MoaIsa isa, int n_threads);
/* The same for graphs that compute on a device; the host: moa_isa_best().  Takes a reference. */
MoaCpu *moa_cpu_new_on (MoaDevice *device, int n_threads);
void moa_cpu_free (MoaCpu *cpu);

MoaIsa moa_cpu_isa (const MoaCpu *cpu);
MoaDevice *moa_cpu_device (const MoaCpu *cpu); /* (transfer none) */
/* Of graphs on a device: moa_isa_best(), or MOA_ISA_CUDA. */
MoaIsa moa_device_isa (const MoaDevice *device);
int moa_cpu_threads (const MoaCpu *cpu);

/* Runs func for every task 0 .. n_tasks-1, shared by the threads (the caller's
 * among them), and returns when all are done.  thread is 0 .. threads-1 and
 * names the scratch memory a task may use.  One task runs without waking anyone.  In tasks results
 * below 1e-38 (float; double: 2e-308) are 0. */
typedef void (*MoaTaskFunc) (gpointer data, int task, int thread);
void moa_cpu_parallel (MoaCpu *cpu, int n_tasks, MoaTaskFunc func, gpointer data);

/* Memory that can be had without swapping, in bytes; honours cgroup limits. */
guint64 moa_cpu_free_memory (void);

#endif
