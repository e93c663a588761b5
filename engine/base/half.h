/* 16-bit floats: conversion of arrays.  float16 is IEEE binary16, bfloat16 the
 * upper half of a float; rounding is to nearest even, NaN stays NaN. */
#ifndef MOA_HALF_H
#define MOA_HALF_H

#include <glib.h>

float moa_half_to_float (guint16 h);
guint16 moa_half_from_float (float f);
float moa_bfloat_to_float (guint16 b);
guint16 moa_bfloat_from_float (float f);

void moa_half_to_floats (const guint16 *in, float *out, gsize n);
void moa_half_from_floats (const float *in, guint16 *out, gsize n);
void moa_bfloat_to_floats (const guint16 *in, float *out, gsize n);
void moa_bfloat_from_floats (const float *in, guint16 *out, gsize n);

#endif
