/* What tests ask of the emulation; exported by the emulated module, found by g_module_symbol(). */
#ifndef MOA_EMULATION_H
#define MOA_EMULATION_H

#include <stddef.h>

/* The nth call from now that can fail fails, memory as if it were short, all else for good until
 * emulated_recover(); 0: none.  $MOA_EMULATED_FAIL_AT says it for a whole program. */
typedef void (*EmulatedFailAt) (unsigned long n);
/* Calls that could have failed so far. */
typedef unsigned long (*EmulatedCalls) (void);
/* Allocations, streams, handles and recorded graphs that live. */
typedef size_t (*EmulatedLiving) (void);
/* Bytes of the card that are allocated. */
typedef size_t (*EmulatedUsed) (void);
typedef void (*EmulatedRecover) (void);
/* Launches so far, into graphs too, of kernels whose name begins so. */
typedef size_t (*EmulatedLaunches) (const char *kernel);

#endif
