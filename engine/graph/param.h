/* Parameters: a part's weights as the device keeps them, read, converted and
 * packed once and shared by every graph of a model. */
#ifndef MOA_PARAM_H
#define MOA_PARAM_H

#include <gio/gio.h>

#include "device/cpu.h"
#include "io/weights.h"

#define MOA_MAX_DIMS 4

typedef enum {
  MOA_PLAIN,  /* as in the file: biases, norms */
  MOA_TABLE,  /* the same, for embeddings alone: may be held narrower */
  MOA_PANELS  /* a matrix [N, C] or convolution [N, C, kh, kw] for products:
                 ceil (N / P) panels of [kh * kw][C][P], P = moa_isa_panel(),
                 the last one filled up with zeros */
} MoaLayout;

/* How the host holds matrices and tables; others, and all on MOA_ISA_F64, stay real numbers. */
typedef enum {
  MOA_KEEP_REAL,  /* as they are computed with */
  MOA_KEEP_FILE,  /* 16 bits where the file has them, which changes no result */
  MOA_KEEP_F16,   /* 16 bits everywhere */
  MOA_KEEP_BF16,
  MOA_KEEP_Q8     /* matrices of MOA_Q8_LEAST and more columns as bytes, the others as FILE */
} MoaKeep;

/* Bytes in panels: blocks of MOA_Q8_ROWS of a panel's rows, the last one shorter; each is the scales
 * of its columns, P floats, and then its rows, P bytes of -127 to 127 each. */
#define MOA_Q8_ROWS 32
#define MOA_Q8_LEAST 64

static inline gsize
moa_q8_panel_bytes (gsize rows, gsize panel)
{
  return rows * panel + (rows + MOA_Q8_ROWS - 1) / MOA_Q8_ROWS * panel * sizeof (float);
}

typedef struct {
  char *name;
  int rank;
  gint64 dim[MOA_MAX_DIMS];
  MoaLayout layout;
  MoaNumber number;
  gsize bytes;
  void *data;   /* NULL until loaded; the device's memory */
  const MoaFileTensor *file; /* NULL: of no file */
} MoaParam;

typedef struct _MoaParams MoaParams;

/* weights NULL: a part that has no file yet.  Whatever is asked for is declared then, and loads as
 * zeros. */
MoaParams *moa_params_new (MoaWeights *weights, MoaIsa isa);
/* The same in a device's memory; the host: for moa_isa_best().  Takes a reference. */
MoaParams *moa_params_new_on (MoaWeights *weights, MoaDevice *device);
void moa_params_free (MoaParams *params);
MoaWeights *moa_params_weights (MoaParams *params);
/* On a device, for a part that needs other numbers than its own; before anything is declared. */
void moa_params_set_number (MoaParams *params, MoaNumber number);
MoaNumber moa_params_number (const MoaParams *params); /* for moa_graph_set_number() */
MoaIsa moa_params_isa (const MoaParams *params);
MoaDevice *moa_params_device (const MoaParams *params); /* (transfer none) */
/* To be called before anything is declared; MOA_KEEP_REAL otherwise.  Held narrower, parameters are
 * for runs alone: gradients need real ones. */
void moa_params_keep (MoaParams *params, MoaKeep keep);
MoaKeep moa_params_kept (const MoaParams *params);

/* Declares a parameter, or finds it declared.  Fails if the file has none of
 * that name and shape.  (transfer none) */
MoaParam *moa_params_get (MoaParams *params, const char *name, int rank, const gint64 *dim,
                          MoaLayout layout, GError **error);

/* The declared parameters, in the order in which they were. */
guint moa_params_count (const MoaParams *params);
MoaParam *moa_params_nth (const MoaParams *params, guint i);
/* The first that was declared with the name, whatever its layout; NULL: none. */
MoaParam *moa_params_find (const MoaParams *params, const char *name);

/* How many numbers a parameter has in a file, and as kept (the panels' filling among them). */
gsize moa_param_numbers (const MoaParam *param);
gsize moa_param_packed (const MoaParam *param, MoaIsa isa);
/* Between the two orders.  For what goes with a parameter number by number, gradients and moments, and
 * for its own data where that is real. */
void moa_param_pack (const MoaParam *param, MoaIsa isa, const float *numbers, void *packed);
void moa_param_unpack (const MoaParam *param, MoaIsa isa, const void *packed, float *numbers);

/* A parameter's own numbers, in the file's order, from and to the host. */
gboolean moa_params_get_numbers (MoaParams *params, const MoaParam *param, float *numbers,
                                 GError **error);
gboolean moa_params_set_numbers (MoaParams *params, MoaParam *param, const float *numbers,
                                 GError **error);

/* Memory of all declared parameters, and of those not loaded yet. */
gsize moa_params_bytes (const MoaParams *params);
gsize moa_params_missing_bytes (const MoaParams *params);

/* Loads what is declared and not loaded yet, on n_threads, 0 for all processors.  On failure what was
 * loaded before stays. */
gboolean moa_params_load (MoaParams *params, int n_threads, GCancellable *cancellable,
                          GError **error);
/* Gives the memory of all parameters back; they stay declared. */
void moa_params_unload (MoaParams *params);

#endif
