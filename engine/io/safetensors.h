/* safetensors files: 8 bytes of header length, a JSON header, then the data.
 * The reader trusts nothing: what is not exactly the format is refused with
 * one message naming the file, the tensor and the fault. */
#ifndef MOA_SAFETENSORS_H
#define MOA_SAFETENSORS_H

#include <glib.h>

#define MOA_MAX_RANK 8

typedef enum {
  MOA_DTYPE_F64,
  MOA_DTYPE_F32,
  MOA_DTYPE_F16,
  MOA_DTYPE_BF16,
  MOA_DTYPE_I64,
  MOA_DTYPE_I32,
  MOA_DTYPE_U8,
  MOA_DTYPE_BOOL,
  MOA_N_DTYPES
} MoaDtype;

const char *moa_dtype_name (MoaDtype dtype); /* as in the file: "F32" */
gsize moa_dtype_size (MoaDtype dtype);

typedef struct {
  char *name;
  MoaDtype dtype;
  int rank;                   /* 0 for a scalar */
  gint64 dim[MOA_MAX_RANK];
  guint64 n;                  /* product of the dims */
  guint64 offset, bytes;      /* inside the file */
} MoaFileTensor;

typedef struct _MoaSafetensors MoaSafetensors;

/* Opens the file and checks its whole header: at most 100 MB, tensors of known
 * types and at most MOA_MAX_RANK dims that fill the rest of the file without
 * hole or overlap.  A pickle (.ckpt, .bin, .pt) is refused with how to convert
 * it.  (transfer full) */
MoaSafetensors *moa_safetensors_open (const char *path, GError **error);
void moa_safetensors_close (MoaSafetensors *file);

const char *moa_safetensors_path (const MoaSafetensors *file);
guint64 moa_safetensors_bytes (const MoaSafetensors *file); /* of the whole file */
int moa_safetensors_count (const MoaSafetensors *file);
/* In the order of their offsets. */
const MoaFileTensor *moa_safetensors_tensor (const MoaSafetensors *file, int i);
/* NULL if there is none. */
const MoaFileTensor *moa_safetensors_find (const MoaSafetensors *file, const char *name);
/* Value of __metadata__, or NULL. */
const char *moa_safetensors_metadata (const MoaSafetensors *file, const char *key);

/* Reads elements first .. first+n-1, converted to float (F64 F32 F16 BF16 and
 * the integers) or to int64 (the integers and BOOL).  Uses pread, so several
 * threads may read at once. */
gboolean moa_safetensors_read_float (MoaSafetensors *file, const MoaFileTensor *tensor,
                                     guint64 first, guint64 n, float *out, GError **error);
gboolean moa_safetensors_read_int (MoaSafetensors *file, const MoaFileTensor *tensor,
                                   guint64 first, guint64 n, gint64 *out, GError **error);

/* The bytes as they are in the file, from byte first of the tensor on. */
gboolean moa_safetensors_read_raw (MoaSafetensors *file, const MoaFileTensor *tensor,
                                   guint64 first, gsize n, void *out, GError **error);

/* Writing: add tensors, then save; the file appears by rename, or not at all. */
typedef struct _MoaSafetensorsWriter MoaSafetensorsWriter;

MoaSafetensorsWriter *moa_safetensors_writer_new (void);
/* data stays the caller's and must live until save. */
void moa_safetensors_writer_add (MoaSafetensorsWriter *writer, const char *name, MoaDtype dtype,
                                 int rank, const gint64 *dim, const void *data);
/* A tensor of another file, which must stay open until save, as it is; rank is its own, or less
 * where the last dims are 1. */
void moa_safetensors_writer_copy (MoaSafetensorsWriter *writer, const char *name, int rank,
                                  MoaSafetensors *file, const MoaFileTensor *tensor);
void moa_safetensors_writer_metadata (MoaSafetensorsWriter *writer, const char *key,
                                      const char *value);
gboolean moa_safetensors_writer_save (MoaSafetensorsWriter *writer, const char *path,
                                      GError **error);
void moa_safetensors_writer_free (MoaSafetensorsWriter *writer);

#endif
