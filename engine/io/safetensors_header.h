/* The header of a safetensors file, checked; private to the reader. */
#ifndef MOA_SAFETENSORS_HEADER_H
#define MOA_SAFETENSORS_HEADER_H

#include "io/json.h"
#include "io/safetensors.h"

typedef struct {
  json_t *json;           /* owns the tensors' names */
  MoaFileTensor *tensors; /* n, by offset; offsets count from the header's end */
  int n;
} MoaSafetensorsHeader;

/* Fills *header, which must be zero; on failure, clear it all the same. */
gboolean moa_safetensors_header_parse (MoaSafetensorsHeader *header, const char *path,
                                       const char *text, gsize length, guint64 data_bytes,
                                       GError **error);
void moa_safetensors_header_clear (MoaSafetensorsHeader *header);

#endif
