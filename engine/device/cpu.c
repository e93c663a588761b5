/* The CPU device: which kernels run, and the threads that run them.
 *
 * Work is handed out by tickets: one 64-bit word holds the number of the
 * current job, its tasks and the next task.  A thread that takes a ticket
 * knows that the job is alive until that task is done, so nobody ever waits
 * for a thread that sleeps. */
#include "device/cpu.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#if defined(__x86_64__) || defined(__i386__)
#define MOA_X86 1
#define moa_pause() __builtin_ia32_pause ()
#else
#define moa_pause() ((void) 0)
#endif

/* Results below 1e-38 are 0 in tasks: with such numbers processors take a hundred times as long, and the
 * softmax of a sharp attention is full of them.  Returns what to restore. */
static guint32
flush_tiny (void)
{
#ifdef __SSE2__
  guint32 before = __builtin_ia32_stmxcsr ();
  __builtin_ia32_ldmxcsr (before | 0x8000); /* "flush to zero" */
  return before;
#else
  return 0;
#endif
}

static void
restore_tiny (guint32 before)
{
#ifdef __SSE2__
  __builtin_ia32_ldmxcsr (before);
#endif
}

/* About 30 microseconds: longer than the gap between two small ops, shorter
 * than what a waiting thread would cost another program. */
#define MOA_SPINS 2000

#define MOA_TASK_BITS 20
#define MOA_TASK_MASK ((G_GUINT64_CONSTANT (1) << MOA_TASK_BITS) - 1)

typedef struct {
  MoaCpu *cpu;
  int index;
} MoaWorker;

struct _MoaCpu {
  MoaIsa isa;
  MoaDevice *device;
  int n_threads;
  GThread **threads;
  MoaWorker *workers;

  _Atomic guint64 ticket;   /* job number | number of tasks | next task */
  _Atomic int done;
  MoaTaskFunc func;
  gpointer data;

  GMutex lock;
  GCond wake;
  _Atomic int sleepers;
  _Atomic int quit;
};

static const char *const isa_names[MOA_N_ISAS] = { "base", "avx2", "avx512", "f64", "cuda" };

const char *
moa_isa_name (MoaIsa isa)
{
  return isa_names[isa];
}

gboolean
moa_isa_supported (MoaIsa isa)
{
  switch (isa)
    {
#ifdef MOA_X86
    case MOA_ISA_AVX2:
      return __builtin_cpu_supports ("avx2") && __builtin_cpu_supports ("fma") &&
             __builtin_cpu_supports ("f16c");
    case MOA_ISA_AVX512:
      return moa_isa_supported (MOA_ISA_AVX2) && __builtin_cpu_supports ("avx512f") &&
             __builtin_cpu_supports ("avx512dq") && __builtin_cpu_supports ("avx512bw") &&
             __builtin_cpu_supports ("avx512vl");
#endif
    case MOA_ISA_BASE:
    case MOA_ISA_F64:
      return TRUE;
    default:
      return FALSE;
    }
}

MoaIsa
moa_isa_best (void)
{
  const char *wish = g_getenv ("MOA_ISA");
  for (int isa = MOA_ISA_AVX512; isa > MOA_ISA_BASE; isa--)
    {
      gboolean allowed = !wish || !*wish || strcmp (wish, isa_names[isa]) == 0;
      if (wish && !allowed)
        allowed = isa == MOA_ISA_AVX2 && strcmp (wish, "avx512") == 0;
      if (allowed && moa_isa_supported (isa))
        return isa;
    }
  return MOA_ISA_BASE;
}

int
moa_isa_panel (MoaIsa isa)
{
  static const int panel[MOA_N_ISAS] = { 8, 16, 32, 8, 1 };
  return panel[isa];
}

gsize
moa_isa_real_size (MoaIsa isa)
{
  return isa == MOA_ISA_F64 ? sizeof (double) : sizeof (float);
}

/* Takes tasks of the current job until none is left. */
static void
run_tasks (MoaCpu *cpu, int thread)
{
  guint64 ticket = atomic_load (&cpu->ticket);
  for (;;)
    {
      int next = ticket & MOA_TASK_MASK;
      int n = (ticket >> MOA_TASK_BITS) & MOA_TASK_MASK;
      if (next >= n)
        return;
      if (!atomic_compare_exchange_weak (&cpu->ticket, &ticket, ticket + 1))
        continue;
      cpu->func (cpu->data, next, thread);
      atomic_fetch_add (&cpu->done, 1);
      ticket = atomic_load (&cpu->ticket);
    }
}

static gboolean
has_tasks (MoaCpu *cpu)
{
  guint64 ticket = atomic_load (&cpu->ticket);
  return (ticket & MOA_TASK_MASK) < ((ticket >> MOA_TASK_BITS) & MOA_TASK_MASK);
}

static gpointer
worker_main (gpointer data)
{
  MoaWorker *worker = data;
  MoaCpu *cpu = worker->cpu;
  flush_tiny ();
  while (!atomic_load (&cpu->quit))
    {
      run_tasks (cpu, worker->index);
      int spins = 0;
      while (!has_tasks (cpu) && !atomic_load (&cpu->quit) && spins < MOA_SPINS)
        {
          moa_pause ();
          spins++;
        }
      if (spins < MOA_SPINS)
        continue;
      g_mutex_lock (&cpu->lock);
      atomic_fetch_add (&cpu->sleepers, 1);
      while (!has_tasks (cpu) && !atomic_load (&cpu->quit))
        g_cond_wait (&cpu->wake, &cpu->lock);
      atomic_fetch_sub (&cpu->sleepers, 1);
      g_mutex_unlock (&cpu->lock);
    }
  return NULL;
}

static int
usable_processors (void)
{
  cpu_set_t set;
  if (sched_getaffinity (0, sizeof (set), &set) == 0 && CPU_COUNT (&set) > 0)
    return CPU_COUNT (&set);
  return MAX (1, (int) g_get_num_processors ());
}

static MoaCpu *
new_of (MoaIsa isa, MoaDevice *device, int n_threads)
{
  MoaCpu *cpu = g_new0 (MoaCpu, 1);
  cpu->isa = isa;
  cpu->device = moa_device_ref (device);
  cpu->n_threads = CLAMP (n_threads > 0 ? n_threads : usable_processors (), 1, 256);
  g_mutex_init (&cpu->lock);
  g_cond_init (&cpu->wake);
  cpu->threads = g_new0 (GThread *, cpu->n_threads);
  cpu->workers = g_new0 (MoaWorker, cpu->n_threads);
  for (int i = 1; i < cpu->n_threads; i++)
    {
      cpu->workers[i] = (MoaWorker){ cpu, i };
      cpu->threads[i] = g_thread_try_new ("moa", worker_main, &cpu->workers[i], NULL);
      if (!cpu->threads[i])
        {
          /* The system gives no more threads: go on with those there are. */
          cpu->n_threads = i;
          break;
        }
    }
  return cpu;
}

MoaCpu *
moa_cpu_new (MoaIsa isa, int n_threads)
{
  return new_of (isa, moa_device_host (), n_threads);
}

MoaCpu *
moa_cpu_new_on (MoaDevice *device, int n_threads)
{
  return new_of (moa_device_isa (device), device, n_threads);
}

void
moa_cpu_free (MoaCpu *cpu)
{
  if (!cpu)
    return;
  g_mutex_lock (&cpu->lock);
  atomic_store (&cpu->quit, 1);
  g_cond_broadcast (&cpu->wake);
  g_mutex_unlock (&cpu->lock);
  for (int i = 1; i < cpu->n_threads; i++)
    g_thread_join (cpu->threads[i]);
  g_mutex_clear (&cpu->lock);
  g_cond_clear (&cpu->wake);
  g_free (cpu->threads);
  g_free (cpu->workers);
  moa_device_unref (cpu->device);
  g_free (cpu);
}

MoaIsa
moa_cpu_isa (const MoaCpu *cpu)
{
  return cpu->isa;
}

MoaDevice *
moa_cpu_device (const MoaCpu *cpu)
{
  return cpu->device;
}

MoaIsa
moa_device_isa (const MoaDevice *device)
{
  return device == moa_device_host () ? moa_isa_best () : MOA_ISA_CUDA;
}

int
moa_cpu_threads (const MoaCpu *cpu)
{
  return cpu->n_threads;
}

static void
share_tasks (MoaCpu *cpu, int n_tasks, MoaTaskFunc func, gpointer data)
{
  cpu->func = func;
  cpu->data = data;
  atomic_store (&cpu->done, 0);
  guint64 job = (atomic_load (&cpu->ticket) >> (2 * MOA_TASK_BITS)) + 1;
  atomic_store (&cpu->ticket, job << (2 * MOA_TASK_BITS) | (guint64) n_tasks << MOA_TASK_BITS);
  if (atomic_load (&cpu->sleepers) > 0)
    {
      g_mutex_lock (&cpu->lock);
      g_cond_broadcast (&cpu->wake);
      g_mutex_unlock (&cpu->lock);
    }
  run_tasks (cpu, 0);
  for (int spins = 0; atomic_load (&cpu->done) < n_tasks; spins++)
    {
      moa_pause ();
      if (spins > MOA_SPINS)
        sched_yield ();
    }
}

void
moa_cpu_parallel (MoaCpu *cpu, int n_tasks, MoaTaskFunc func, gpointer data)
{
  g_assert (n_tasks >= 0 && (guint64) n_tasks <= MOA_TASK_MASK);
  guint32 before = flush_tiny ();
  if (n_tasks > 1 && cpu->n_threads > 1)
    share_tasks (cpu, n_tasks, func, data);
  else
    for (int i = 0; i < n_tasks; i++)
      func (data, i, 0);
  restore_tiny (before);
}

/* A number in a file of one line, or G_MAXUINT64. */
static guint64
read_limit (const char *path)
{
  g_autofree char *text = NULL;
  if (!g_file_get_contents (path, &text, NULL, NULL) || !g_ascii_isdigit (text[0]))
    return G_MAXUINT64;
  return g_ascii_strtoull (text, NULL, 10);
}

guint64
moa_cpu_free_memory (void)
{
  guint64 available = G_MAXUINT64;
  g_autofree char *text = NULL;
  if (g_file_get_contents ("/proc/meminfo", &text, NULL, NULL))
    {
      const char *line = strstr (text, "MemAvailable:");
      if (line)
        available = g_ascii_strtoull (line + strlen ("MemAvailable:"), NULL, 10) * 1024;
    }
  if (available == G_MAXUINT64)
    available = (guint64) sysconf (_SC_PHYS_PAGES) * (guint64) sysconf (_SC_PAGESIZE);

  guint64 limit = read_limit ("/sys/fs/cgroup/memory.max");
  guint64 used = read_limit ("/sys/fs/cgroup/memory.current");
  if (limit != G_MAXUINT64 && used != G_MAXUINT64)
    available = MIN (available, limit > used ? limit - used : 0);
  return available;
}
