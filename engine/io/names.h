/* The names that tensors have in the original Stable Diffusion 1.x files (LDM
 * names) and in other files of several parts, beside diffusers' names, which are the engine's own. */
#ifndef MOA_NAMES_H
#define MOA_NAMES_H

#include <glib.h>

typedef enum {
  MOA_NAMES_PLAIN,   /* diffusers', transformers' and ours alone */
  MOA_NAMES_UNET,
  MOA_NAMES_VAE,
  MOA_NAMES_TEXT,
  MOA_NAMES_CONTROLNET,
  MOA_NAMES_FASTCOMPOSER,         /* the U-Net's attentions and the fuser, see fastcomposer.h */
  MOA_NAMES_FASTCOMPOSER_ENCODER, /* its image encoder */
} MoaNames;

/* "down_blocks.0.resnets.1.conv1.weight" -> "input_blocks.2.0.in_layers.2.weight", without the
 * prefix of moa_ldm_prefixes(); NULL where LDM files have no such tensor.  (transfer full) */
char *moa_ldm_name (MoaNames names, const char *name);

/* What the part's names begin with in LDM files, the usual one first; "" ended by NULL. */
const char *const *moa_ldm_prefixes (MoaNames names);

/* Whether a tensor of such a file may be another part's, so that nobody misses it here. */
gboolean moa_names_leave (MoaNames names, const char *tensor);

#endif
