/* Threads of a block as fibers: see cuda_runtime.h. */
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <vector>

#include <cuda_runtime.h>
#include "internal.h"

#if !defined(__x86_64__)
#include <ucontext.h>
#endif
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/common_interface_defs.h>
#endif

namespace emulated {

enum State { NEW, READY, AT_BARRIER, AT_EXCHANGE, DONE };
enum { STACK = 64 << 10, MOST_THREADS = 1024 };

/* A stack and what runs on it.  A thread that meets no barrier ends on the stack that it began on, and
 * the next begins there; one that waits keeps it. */
struct Stack {
  void *pointer;
#if !defined(__x86_64__)
  ucontext_t context;
#endif
  void *fake;       /* AddressSanitizer's */
  char *memory;
};

struct Copy {
  void *to;
  const void *from; /* NULL: zeros */
};

struct Fiber {
  Stack *stack;     /* NULL: not begun, or done */
  State state;
  const char *file; /* where it waits */
  int line;
  unsigned exchanges; /* that it came to */
  Thread id;
  std::vector<Copy> copies; /* to be done when it waits for them */
};

/* What the lanes of a warp give each other; two, for one may be ahead of another by one exchange. */
struct Warp {
  alignas (64) char gifts[2][GIFTS];
  unsigned arrived[2];
  unsigned exchanges; /* that all lanes came to */
};

static std::recursive_mutex one_launch;
static Fiber fibers[MOST_THREADS];
static Warp warps[MOST_THREADS / 32];
static Fiber *current;
Thread *self;
static std::vector<unsigned> to_begin; /* NEW threads, the next one last */
/* Never destroyed, so that the stacks are seen to be somebody's. */
static std::vector<Stack *> &idle = *new std::vector<Stack *>;
static void *home_pointer;
#ifdef __SANITIZE_ADDRESS__
static const void *home_bottom;
static size_t home_size;
#endif
#if !defined(__x86_64__)
static ucontext_t home_context;
#endif
static char *shared_memory;
static std::function<void ()> *body;
static const char *kernel_name;
static uint64_t random_state = 0x9e3779b97f4a7c15u;

static unsigned
random_below (unsigned n)
{
  random_state ^= random_state << 13;
  random_state ^= random_state >> 7;
  random_state ^= random_state << 17;
  return (unsigned) ((random_state >> 32) * n >> 32);
}

/* An order of 0 .. n-1: all of them, from anywhere, an odd step apart. */
struct Order {
  unsigned n, at, step;

  Order (unsigned count) : n (count), at (random_below (count))
  {
    step = n % 2 ? 1 : random_below (n) | 1;
    while (n % 2 == 0 && gcd (step, n) != 1)
      step -= 2;
    if (n % 2 && random_below (2))
      step = n - 1;
  }

  static unsigned
  gcd (unsigned a, unsigned b)
  {
    return b ? gcd (b, a % b) : a;
  }

  unsigned
  next ()
  {
    at += step; /* less than n, or 1: a division would be a third of the emulation's time */
    at = at >= n ? at - n : at;
    return at;
  }
};

void *
shared ()
{
  return shared_memory;
}

unsigned
lane ()
{
  return (unsigned) (current - fibers) % 32;
}

/* A broken kernel is a broken test: the message, and the end. */
static void
broken (const char *what)
{
  fprintf (stderr, "%s: %s, thread %d (%s:%d)\n", kernel_name, what, (int) (current - fibers),
           current->file ? current->file : "", current->line);
  abort ();
}

#if defined(__x86_64__)
/* Keeps the callee's registers on the stack, and goes on from the other one. */
extern "C" void emulated_switch (void **from, void *to);
__asm__ (".text\n.globl emulated_switch\n.hidden emulated_switch\n"
         ".type emulated_switch, @function\nemulated_switch:\n"
         "  pushq %rbp\n  pushq %rbx\n  pushq %r12\n  pushq %r13\n  pushq %r14\n  pushq %r15\n"
         "  movq %rsp, (%rdi)\n  movq %rsi, %rsp\n"
         "  popq %r15\n  popq %r14\n  popq %r13\n  popq %r12\n  popq %rbx\n  popq %rbp\n  ret\n"
         ".size emulated_switch, .-emulated_switch\n");
#endif

static void
to_home (bool for_good)
{
  Stack *me = current->stack;
#ifdef __SANITIZE_ADDRESS__
  __sanitizer_start_switch_fiber (for_good ? NULL : &me->fake, home_bottom, home_size);
#endif
#if defined(__x86_64__)
  emulated_switch (&me->pointer, home_pointer);
#else
  swapcontext (&me->context, &home_context);
#endif
#ifdef __SANITIZE_ADDRESS__
  __sanitizer_finish_switch_fiber (me->fake, &home_bottom, &home_size);
#endif
  (void) for_good;
}

static void
choose (unsigned i)
{
  current = &fibers[i];
  self = &current->id;
}

/* Begins threads one after the other, until one comes back from waiting: then it is that one's. */
static void
stack_main ()
{
#ifdef __SANITIZE_ADDRESS__
  __sanitizer_finish_switch_fiber (NULL, &home_bottom, &home_size);
#endif
  for (;;)
    {
      (*body) ();
      if (!current->copies.empty ())
        broken ("ended before its copies");
      current->state = DONE;
      Stack *stack = current->stack;
      current->stack = NULL;
      if (to_begin.empty ())
        {
          idle.push_back (stack);
          current->stack = stack; /* to_home() leaves from it */
          to_home (false);
          continue; /* a block later */
        }
      choose (to_begin.back ());
      to_begin.pop_back ();
      current->stack = stack;
      current->state = READY;
    }
}

static Stack *
stack_new ()
{
  Stack *s = new Stack ();
  s->memory = (char *) aligned_alloc (64, STACK);
#if defined(__x86_64__)
  void **top = (void **) (s->memory + STACK - 64);
  *--top = NULL;                 /* stack_main returns to nowhere; keeps its stack aligned */
  *--top = (void *) stack_main;
  for (int i = 0; i < 6; i++)
    *--top = NULL;
  s->pointer = top;
#else
  getcontext (&s->context);
  s->context.uc_stack.ss_sp = s->memory;
  s->context.uc_stack.ss_size = STACK;
  s->context.uc_link = NULL;
  makecontext (&s->context, stack_main, 0);
#endif
  return s;
}

/* Runs the thread until it waits, or it and those to begin after it are done. */
static void
run_fiber (unsigned i)
{
  choose (i);
  current->state = READY;
  if (!current->stack)
    {
      if (idle.empty ())
        idle.push_back (stack_new ());
      current->stack = idle.back ();
      idle.pop_back ();
    }
  Stack *stack = current->stack;
#ifdef __SANITIZE_ADDRESS__
  void *mine;
  __sanitizer_start_switch_fiber (&mine, stack->memory, STACK);
#endif
#if defined(__x86_64__)
  emulated_switch (&home_pointer, stack->pointer);
#else
  swapcontext (&home_context, &stack->context);
#endif
#ifdef __SANITIZE_ADDRESS__
  __sanitizer_finish_switch_fiber (mine, NULL, NULL);
#endif
}

void
barrier (const char *file, int line)
{
  current->state = AT_BARRIER;
  current->file = file;
  current->line = line;
  to_home (false);
}

/* Whether the others of its warp have come to as many exchanges as this thread. */
static inline bool
met (unsigned i)
{
  return warps[i / 32].exchanges >= fibers[i].exchanges;
}

/* Those of the exchange that it comes to next; whom it met at the last one may still read the others. */
char *
gifts ()
{
  return warps[(current - fibers) / 32].gifts[current->exchanges % 2];
}

/* Waits until all lanes have arrived; exchanges of a part of a warp are not emulated. */
static void
meet (const char *file, int line, unsigned mask)
{
  unsigned i = (unsigned) (current - fibers);
  Warp *warp = &warps[i / 32];
  unsigned side = current->exchanges++ % 2;
  current->file = file;
  current->line = line;
  if (mask != 0xffffffffu)
    broken ("an exchange that is not the whole warp's");
  warp->arrived[side] |= 1u << i % 32;
  if (warp->arrived[side] == mask)
    {
      warp->exchanges++;
      warp->arrived[side] = 0;
      return;
    }
  while (!met (i))
    {
      current->state = AT_EXCHANGE;
      to_home (false);
    }
}

uint64_t
exchange (const char *file, int line, unsigned mask, uint64_t value, unsigned from)
{
  uint64_t *values = (uint64_t *) gifts ();
  values[lane ()] = value;
  meet (file, line, mask);
  return values[from];
}

void
gather (const char *file, int line)
{
  meet (file, line, 0xffffffffu);
}

void
vote (const char *file, int line, unsigned mask, int predicate, unsigned *all)
{
  char *yes = gifts ();
  yes[lane ()] = predicate != 0;
  meet (file, line, mask);
  *all = 0;
  for (unsigned i = 0; i < 32; i++)
    if (yes[i])
      *all |= 1u << i;
}

static void
copy_now (const Copy &copy)
{
  if (copy.from)
    memcpy (copy.to, copy.from, 16);
  else
    memset (copy.to, 0, 16);
}

void
copy_later (void *to, const void *from)
{
  if (((uintptr_t) to | (uintptr_t) from) % 16)
    broken ("copies 16 bytes from or to where none begin");
  if (random_below (2))
    copy_now (Copy{ to, from });
  else
    current->copies.push_back (Copy{ to, from });
}

void
copies_done ()
{
  for (const Copy &copy : current->copies)
    copy_now (copy);
  current->copies.clear ();
}

/* All wait at the barrier, at the same one. */
static void
pass_barrier (unsigned n)
{
  Fiber *first = NULL;
  for (unsigned i = 0; i < n; i++)
    {
      choose (i);
      if (fibers[i].state == DONE)
        broken ("ended while others wait at a barrier");
      if (fibers[i].state == AT_EXCHANGE)
        broken ("waits for a lane that does not come");
      if (first && (first->line != fibers[i].line || first->file != fibers[i].file))
        broken ("waits at another barrier than the first thread");
      first = first ? first : &fibers[i];
    }
  for (unsigned i = 0; i < n; i++)
    fibers[i].state = READY;
}

/* Some warps, which wait until the others can go no further: on a card a warp may be ahead of another by as
 * much as there is between two barriers. */
static uint32_t
some_warps ()
{
  return random_below (0xffffffffu);
}

static void
run_block (unsigned n)
{
  Order first (n);
  uint32_t held = some_warps ();
  for (unsigned i = 0; i < (n + 31) / 32; i++)
    warps[i].exchanges = warps[i].arrived[0] = warps[i].arrived[1] = 0;
  to_begin.clear ();
  for (unsigned i = 0; i < n; i++)
    {
      fibers[i].state = NEW;
      fibers[i].stack = NULL;
      fibers[i].file = NULL;
      fibers[i].exchanges = 0;
      to_begin.push_back (first.next ());
    }
  while (!to_begin.empty ())
    {
      unsigned i = to_begin.back ();
      to_begin.pop_back ();
      run_fiber (i);
    }
  for (;;)
    {
      bool ran = false;
      unsigned done = 0;
      Order order (n);
      for (unsigned k = 0; k < n; k++)
        {
          unsigned i = order.next ();
          bool may = !(held >> i / 32 & 1);
          if (may && (fibers[i].state == READY || (fibers[i].state == AT_EXCHANGE && met (i))))
            {
              run_fiber (i);
              ran = true;
            }
          done += fibers[i].state == DONE;
        }
      if (done == n)
        return;
      if (ran)
        continue;
      if (held)
        held = 0;
      else
        {
          pass_barrier (n);
          held = some_warps ();
        }
    }
}

static void
run_kernel (const char *name, dim3 grid, dim3 block, size_t shared_bytes,
            std::function<void ()> &run)
{
  std::lock_guard<std::recursive_mutex> guard (one_launch);
  unsigned n = block.x * block.y * block.z, n_blocks = grid.x * grid.y * grid.z;
  Order blocks (n_blocks);
  kernel_name = name;
  body = &run;
  shared_memory = (char *) aligned_alloc (16, (shared_bytes + 15) / 16 * 16 + 16);
  for (unsigned i = 0; i < n; i++)
    {
      fibers[i].id.thread = dim3 (i % block.x, i / block.x % block.y, i / block.x / block.y);
      fibers[i].id.block_size = block;
      fibers[i].id.grid = grid;
    }
  for (unsigned k = 0; k < n_blocks; k++)
    {
      unsigned b = blocks.next ();
      memset (shared_memory, 0xff, shared_bytes);
      for (unsigned i = 0; i < n; i++)
        fibers[i].id.block = dim3 (b % grid.x, b / grid.x % grid.y, b / grid.x / grid.y);
      run_block (n);
    }
  free (shared_memory);
}

void
launch (const char *name, dim3 grid, dim3 block, size_t shared_bytes, void *stream,
        std::function<void ()> run)
{
  unsigned n = block.x * block.y * block.z;
  bool fits = n >= 1 && n <= MOST_THREADS && grid.x >= 1 && grid.y >= 1 && grid.z >= 1
              && grid.x <= 0x7fffffffu && grid.y <= 65535 && grid.z <= 65535
              && shared_bytes <= 48 << 10;
  if (!may_go_on (name, fits ? check_stream (stream) : cudaErrorInvalidValue))
    return;
  queue (stream, [=] () mutable { run_kernel (name, grid, block, shared_bytes, run); });
}

}
