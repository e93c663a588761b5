/* FastComposer's file (Xiao et al. 2023): a whole model that was fine-tuned from Stable Diffusion 1.5,
 *   unet.*              of which the attentions are MoA's personalised expert
 *   postfuse_module.*   the fuser: mlp1 of [token, feature], mlp2, layer_norm
 *   image_encoder.*     CLIP's, which the training may have changed; it may be left out
 *   text_encoder.*, vae.*   not used
 * What moa convert makes of it holds the first two, without "unet.". */
#ifndef MOA_FASTCOMPOSER_H
#define MOA_FASTCOMPOSER_H

#include <glib.h>

/* The file's prefixes. */
#define MOA_FASTCOMPOSER_FUSER "postfuse_module."
#define MOA_FASTCOMPOSER_UNET "unet."
#define MOA_FASTCOMPOSER_ENCODER "image_encoder."

/* Of the steps that lead from noise to picture, the last share sees the subjects: delayed subject
 * conditioning, alpha in the published pipeline. */
#define MOA_FASTCOMPOSER_ALPHA 0.7

/* The width of the image features that its fuser takes.  Fails with what else the file is. */
gboolean moa_fastcomposer_read (const char *path, int text_dim, int *feature_dim, GError **error);

#endif
