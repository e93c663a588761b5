/* The named tensors of one part of a model (U-Net, VAE, ...): what a network
 * asks for by name, whatever file and spelling it comes from. */
#ifndef MOA_WEIGHTS_H
#define MOA_WEIGHTS_H

#include "io/lora.h"
#include "io/names.h"
#include "io/safetensors.h"

typedef struct _MoaWeights MoaWeights;

/* All tensors of a file.  label ("U-Net") is for messages.  Takes what the
 * published files differ in: a leading "text_model." or "vision_model." is
 * found with and without, and the VAE's attention under query/key/value/
 * proj_attn as to_q/to_k/to_v/to_out.0 (their 1x1 convolution form too).
 * (transfer full) */
MoaWeights *moa_weights_open (const char *path, const char *label, GError **error);
/* The same for one part in a file that may hold others too: the part's names in the original
 * Stable Diffusion files are found as well.  (transfer full) */
MoaWeights *moa_weights_open_part (const char *path, MoaNames names, const char *label,
                                   GError **error);
MoaWeights *moa_weights_ref (MoaWeights *weights);
void moa_weights_unref (MoaWeights *weights);

/* Adds a LoRA, times weight, to the tensors found from now on; part says which of its layers are
 * meant.  The lora is kept. */
void moa_weights_add_lora (MoaWeights *weights, MoaLoraFile *lora, MoaNames part, double weight);

const char *moa_weights_path (const MoaWeights *weights);
const char *moa_weights_label (const MoaWeights *weights);
/* Of the file; of one that may hold other parts, what was asked for so far. */
guint64 moa_weights_count_elements (const MoaWeights *weights);
guint64 moa_weights_file_bytes (const MoaWeights *weights);

/* Whether there is such a tensor. */
gboolean moa_weights_has (const MoaWeights *weights, const char *name);

/* Finds the tensor and checks its shape (a trailing 1x1 kernel is ignored on
 * either side, so a 1x1 convolution and a linear are the same matrix) and that
 * it holds floats; remembers that it was asked for.  NULL with an error that
 * names the file, the tensor, the shape wanted and the shape found. */
const MoaFileTensor *moa_weights_find (MoaWeights *weights, const char *name, int rank,
                                       const gint64 *dim, GError **error);
/* Whether a LoRA changes the tensor, so that its numbers are no longer those of its file's type. */
gboolean moa_weights_changed (MoaWeights *weights, const MoaFileTensor *tensor);
/* Numbers first .. first + n - 1, LoRAs added.  One tensor is read by one thread at a time. */
gboolean moa_weights_read (MoaWeights *weights, const MoaFileTensor *tensor, guint64 first,
                           guint64 n, float *out, GError **error);

/* Names that nobody asked for (position_ids apart), sorted; without those that may be another part's;
 * NULL ended, (transfer full): g_strfreev. */
char **moa_weights_surplus (MoaWeights *weights);

/* Writes what was asked for to a file of its own, under the names it was asked by, in the types it
 * has; shapes are diffusers' (the VAE's attention as matrices). */
gboolean moa_weights_save (MoaWeights *weights, const char *path, GError **error);

#endif
