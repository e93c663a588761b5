/* What the processor could do at most: the yardstick of the bench. */
#ifndef MOA_PEAK_H
#define MOA_PEAK_H

#include "device/cpu.h"

/* Floating-point operations a second of multiply-adds that wait for nothing
 * but registers, on all threads of the device. */
double moa_measure_peak (MoaCpu *cpu);

#endif
