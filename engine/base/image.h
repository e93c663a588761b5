/* Resizing and cropping MoaImage, and CLIP's view of a picture. */
#ifndef MOA_IMAGE_H
#define MOA_IMAGE_H

#include "moa.h"

/* Pillow's Image.resize (BICUBIC) on 8-bit pixels, to the bit: antialiased
 * bicubic (a = -0.5), horizontal then vertical pass, fixed point, rounded to
 * 8 bits in between.  channels 1 to 4, each by itself (Pillow premultiplies
 * RGBA first); out has out_w * out_h * channels. */
void moa_resize_u8 (const guint8 *in, int w, int h, int channels, guint8 *out, int out_w,
                    int out_h);

/* The same filter in float, without rounding or clamping.  (transfer full);
 * NULL only when memory is short. */
MoaImage *moa_image_resize (const MoaImage *in, int width, int height);

/* The rectangle x, y, width, height; what lies outside repeats the edge.
 * (transfer full); NULL only when memory is short. */
MoaImage *moa_image_crop (const MoaImage *in, int x, int y, int width, int height);

/* CLIP's preprocessing (transformers' CLIPImageProcessor): 8 bits, grey
 * spread, alpha over white, short side to n (long side int (n * long /
 * short)), centre crop with offset (side - n) / 2.  out_u8 n*n*3. */
void moa_clip_crop_u8 (const guint8 *in, int w, int h, int channels, int n, guint8 *out_u8);

/* A subject's photo as CLIP sees it: alpha over white, padded to a square with
 * that grey, resized as above.  out_u8 n*n*3. */
void moa_subject_crop_u8 (const MoaImage *photo, int n, guint8 border, guint8 *out_u8);

#endif
