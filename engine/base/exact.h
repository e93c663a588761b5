/* Include first in a file whose floating point must give the same bits on
 * every machine: keeps the compiler from joining a product and a sum into one
 * operation with one rounding. */
#ifndef MOA_EXACT_H
#define MOA_EXACT_H

#if defined (__clang__)
#pragma STDC FP_CONTRACT OFF
#elif defined (__GNUC__)
#pragma GCC optimize ("fp-contract=off")
#endif

#endif
