/* Low-rank additions to weights (LoRA; Hu et al. 2021):
 *   W += weight alpha / rank  up down
 * up [N, rank], down [rank, C]; for convolutions (LoCon) down is [rank, C, k, k]. */
#ifndef MOA_LORA_H
#define MOA_LORA_H

#include "io/names.h"
#include "io/safetensors.h"

typedef struct _MoaLoraFile MoaLoraFile;
typedef struct _MoaLoraDelta MoaLoraDelta;

/* Takes the names of kohya, LoCon, diffusers (old and new) and PEFT.  (transfer full) */
MoaLoraFile *moa_lora_open (const char *path, GError **error);
/* The one inside an IP-Adapter FaceID; blocks: names of the U-Net's transformer blocks in the order of
 * io/ip_adapter.h.  (transfer full) */
MoaLoraFile *moa_lora_open_adapter (const char *path, const char *const *blocks, GError **error);
MoaLoraFile *moa_lora_ref (MoaLoraFile *lora);
void moa_lora_unref (MoaLoraFile *lora);
const char *moa_lora_path (const MoaLoraFile *lora);

/* Its layers, and how many of them were found by moa_lora_find(). */
int moa_lora_count (const MoaLoraFile *lora);
int moa_lora_used (const MoaLoraFile *lora);

/* What it adds to the tensor `name` (a network's name, "... .to_q.weight") of this part, times
 * weight; *delta NULL: nothing.  Fails if its layer has another shape.  (transfer full) */
gboolean moa_lora_find (MoaLoraFile *lora, MoaNames part, const char *name, int rank,
                        const gint64 *dim, double weight, MoaLoraDelta **delta, GError **error);
void moa_lora_delta_free (MoaLoraDelta *delta);

/* Adds to n numbers of the tensor from number first on.  Its factors are read when that is first
 * asked for, and kept until the tensor's last number was. */
gboolean moa_lora_add (MoaLoraDelta *delta, guint64 first, guint64 n, float *numbers,
                       GError **error);

#endif
