/* What a safetensors file is, told by its tensors' names and shapes. */
#ifndef MOA_KIND_H
#define MOA_KIND_H

#include "io/safetensors.h"

typedef enum {
  MOA_KIND_UNKNOWN,
  MOA_KIND_FOREIGN,    /* known, and not for Stable Diffusion 1.x */
  MOA_KIND_CHECKPOINT, /* Stable Diffusion 1.x in one file, original names */
  MOA_KIND_UNET,       /* diffusers' names */
  MOA_KIND_VAE,        /* either names */
  MOA_KIND_TEXT_ENCODER,
  MOA_KIND_IMAGE_ENCODER,
  MOA_KIND_MOA,
  MOA_KIND_IP_ADAPTER,
  MOA_KIND_FASTCOMPOSER,
  MOA_KIND_CONTROLNET, /* either names */
  MOA_KIND_LORA,
  MOA_KIND_EMBEDDING,  /* textual inversion */
} MoaFileKind;

/* what, if not NULL: "a Stable Diffusion XL checkpoint", for messages. */
MoaFileKind moa_file_kind (const MoaSafetensors *file, const char **what);

/* The same by path; fails if the file cannot be opened. */
gboolean moa_file_kind_of (const char *path, MoaFileKind *kind, const char **what, GError **error);

/* Fails unless the file is of the kind: "PATH: is a LoRA; a ControlNet was expected". */
gboolean moa_file_kind_check (const char *path, MoaFileKind wanted, GError **error);

#endif
