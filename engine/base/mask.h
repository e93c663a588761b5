/* Masks: MoaImage of one channel, 1 inside. */
#ifndef MOA_MASK_H
#define MOA_MASK_H

#include "moa.h"

/* Makes the mask 0 and 1 (above 0.5: inside), grown by all pixels whose centre
 * is no further than radius from an inside pixel's; radius below 0 shrinks it
 * by those near an outside pixel.  Time grows with the pixels only. */
void moa_mask_dilate (MoaImage *mask, double radius);

/* Gaussian, edges repeated; within 1 percent above sigma 16.  Its reach ends:
 * what is 4 sigma and a pixel from the inside stays exactly 0. */
void moa_mask_blur (MoaImage *mask, double sigma);

#endif
