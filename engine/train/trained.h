/* The parameters that a training changes, with their moments and averages. */
#ifndef MOA_TRAINED_H
#define MOA_TRAINED_H

#include "device/vectors.h"
#include "train/config.h"
#include "train/parts.h"

/* All numbers are packed as the parameter's own data. */
typedef struct {
  int part;
  guint index;           /* among the part's */
  MoaParam *param;
  gsize n;
  float *m, *v, *average; /* in the set's moments */
  MoaNumber held;        /* how the parameter's data is: float, or a card's own 16 bits */
  MoaNumber rounded;     /* to what type its values are; MOA_F32: to none */
  float *master;         /* float32 value, of which the parameter's data is rounded; NULL: data is it */
  float *sum;            /* of gradients, over micro batches and ranks; in the set's slab */
  double lr, decay;      /* factors */
} MoaTrained;

typedef struct {
  MoaCpu *cpu;
  MoaParts *parts;
  MoaTrained *list;
  int n;
  float *moments;        /* all m, all v, all averages, each in the order of the list */
  float *slab;           /* all sums, in the order of the list */
  gsize n_slab;
  guint which;           /* bits of the parts that have any */
  const MoaDeviceVectors *vectors; /* a card's, whose memory all is in; NULL: the host */
  float *norm_parts;     /* MOA_VECTOR_PARTS there */
  gboolean averaged;     /* the parameters hold their averages, and the averages them */
} MoaTrainedSet;

/* Those of the patterns in config->train, with the factors of the last group
 * that matches.  A pattern that no name matches is an error. */
gboolean moa_trained_init (MoaTrainedSet *set, MoaParts *parts, const MoaTrainConfig *config,
                           MoaCpu *cpu, GError **error);
/* Moments, averages and sums, moa_trained_bytes() of them; the parameters must be loaded, or
 * started. */
gboolean moa_trained_allocate (MoaTrainedSet *set, GError **error);
void moa_trained_clear (MoaTrainedSet *set);
/* The values that AdamW moves, and after they were set otherwise: what is rounded of them. */
float *moa_trained_value (const MoaTrained *trained);
void moa_trained_round (MoaTrainedSet *set);
gsize moa_trained_numbers (const MoaTrainedSet *set); /* without filling */
gsize moa_trained_bytes (const MoaTrainedSet *set);   /* beside the parameters themselves */

/* Adds gradient nodes for the loss to a graph, kept until its next run; out[k]
 * is NULL where the loss does not depend on parameter k. */
gboolean moa_trained_gradients (const MoaTrainedSet *set, MoaGraph *graph, MoaTensor *loss,
                                MoaTensor **out);
/* Sums of gradients: 0; plus that of parameter k, of a run. */
void moa_trained_zero (MoaTrainedSet *set);
void moa_trained_collect (MoaTrainedSet *set, int k, const MoaTensor *gradient);

/* The norm of all of sum times scale. */
double moa_trained_norm (const MoaTrainedSet *set, double scale);
/* One step of AdamW with the gradients sum * scale, and of the averages, which
 * keep `average` of themselves. */
void moa_trained_step (MoaTrainedSet *set, const MoaTrainConfig *config, guint64 step, double lr,
                       double scale, double average);

/* Numbers of parameter k in the file's order, from and to the host. */
typedef enum { MOA_TRAINED_VALUE, MOA_TRAINED_M, MOA_TRAINED_V, MOA_TRAINED_AVERAGE } MoaTrainedRole;
gboolean moa_trained_get (const MoaTrainedSet *set, int k, MoaTrainedRole role, float *numbers,
                          GError **error);
gboolean moa_trained_put (MoaTrainedSet *set, int k, MoaTrainedRole role, const float *numbers,
                          GError **error);

/* Exchanges the parameters and their averages: before and after validation. */
void moa_trained_exchange (MoaTrainedSet *set);

/* Writes the averages as the weights of the parts in PATH. */
gboolean moa_trained_write (MoaTrainedSet *set, const char *path, gboolean half, GError **error);

#endif
