/* What an optimizer does with long vectors on a device that brings it along: its module has a
 * MoaDeviceVectors under the name MOA_DEVICE_VECTORS.  All vectors are float in the device's memory;
 * the work is queued, but squares() waits. */
#ifndef MOA_VECTORS_H
#define MOA_VECTORS_H

#include "device/device.h"

#define MOA_DEVICE_VECTORS "vectors"
#define MOA_VECTOR_PARTS 512 /* that squares() adds up */

/* AdamW as train/adamw.c computes it, and the average that follows the value. */
typedef struct {
  float keep, rate, root, eps, scale; /* see moa_adamw() */
  float beta1, beta2;
  float move;                         /* average += (value - average) move */
} MoaVectorStep;

typedef struct {
  /* sum += x */
  void (*add) (MoaDevice *device, float *sum, gconstpointer x, MoaNumber number, gsize n);
  /* The sum of x^2; parts: MOA_VECTOR_PARTS floats of the device's. */
  double (*squares) (MoaDevice *device, const float *x, gsize n, float *parts);
  void (*step) (MoaDevice *device, const MoaVectorStep *step, float *value, const float *gradient,
                float *m, float *v, float *average, gsize n);
  /* y = x rounded to float16 or bfloat16, held as that or as float */
  void (*round) (MoaDevice *device, gpointer y, MoaNumber held, const float *x, MoaNumber rounded,
                 gsize n);
  void (*exchange) (MoaDevice *device, float *a, float *b, gsize n);
} MoaDeviceVectors;

#endif
