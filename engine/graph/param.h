/* Parameters: a part's weights as the device keeps them, read, converted and
 * packed once and shared by every graph of a model. */
#ifndef MOA_PARAM_H
#define MOA_PARAM_H

#include <gio/gio.h>

#include "device/cpu.h"
#include "io/weights.h"

#define MOA_MAX_DIMS 4

typedef enum {
  MOA_PLAIN,  /* as in the file: biases, norms, tables */
  MOA_PANELS  /* a matrix [N, C] or convolution [N, C, kh, kw] for products:
                 ceil (N / P) panels of [kh * kw][C][P], P = moa_isa_panel(),
                 the last one filled up with zeros */
} MoaLayout;

typedef struct {
  char *name;
  int rank;
  gint64 dim[MOA_MAX_DIMS];
  MoaLayout layout;
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
/* How a parameter's numbers are held. */
MoaNumber moa_param_number (const MoaParams *params, const MoaParam *param);

/* Declares a parameter, or finds it declared.  Fails if the file has none of
 * that name and shape.  (transfer none) */
MoaParam *moa_params_get (MoaParams *params, const char *name, int rank, const gint64 *dim,
                          MoaLayout layout, GError **error);

/* The declared parameters, in the order in which they were. */
guint moa_params_count (const MoaParams *params);
MoaParam *moa_params_nth (const MoaParams *params, guint i);

/* How many numbers a parameter has in a file, and as kept (the panels' filling among them). */
gsize moa_param_numbers (const MoaParam *param);
gsize moa_param_packed (const MoaParam *param, MoaIsa isa);
/* Between the two orders.  For the parameter's own data, and what goes with it number by number:
 * gradients, moments. */
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

/* Loads what is declared and not loaded yet.  On failure what was loaded stays. */
gboolean moa_params_load (MoaParams *params, GCancellable *cancellable, GError **error);
/* Gives the memory of all parameters back; they stay declared. */
void moa_params_unload (MoaParams *params);

#endif
