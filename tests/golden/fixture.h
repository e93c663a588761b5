/* A file of golden tensors: inputs to read, outputs to check, and what the checks found.
 *
 * The reference is PyTorch, whose pictures are B,C,H,W; here everything is in the engine's layout,
 * B,H,W,C = B,L,C, and this file alone turns one into the other. */
#ifndef GOLDEN_FIXTURE_H
#define GOLDEN_FIXTURE_H

#include <jansson.h>

#include "graph/graph.h"
#include "io/safetensors.h"

typedef struct {
  char *name;            /* of the manifest's entry: "unet_a" */
  char *label;           /* how results are printed; the name if nothing else */
  json_t *entry;         /* borrowed from the manifest; NULL: none */
  MoaSafetensors *file;
  GPtrArray *groups;     /* results, in the manifest's order */
} Fixture;

/* Ends the program: the fixtures themselves cannot be used. */
void golden_bail_out (const char *format, ...) G_GNUC_PRINTF (1, 2) G_GNUC_NORETURN;

Fixture *fixture_new (const char *folder, const char *name, const char *label, json_t *entry);
void fixture_free (Fixture *fixture);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Fixture, fixture_free)

/* "meta" of the entry: a string, or a number, or bail out. */
const char *fixture_meta_string (const Fixture *f, const char *key);
double fixture_meta_number (const Fixture *f, const char *key);

/* Tensors; whatever their type, values are floats, pictures B,H,W,C. */
gboolean fixture_has (const Fixture *f, const char *name);
MoaShape fixture_shape (const Fixture *f, const char *name); /* rank 4: B,H,W,C */
float *fixture_read (const Fixture *f, const char *name);
/* Names of the outputs that start with prefix, in the manifest's order; NULL ended. */
char **fixture_outputs (const Fixture *f, const char *prefix);

/* Checks b items of l pixels or tokens of c channels against the tensor `name`, which may hold
 * fewer items, fewer channels, or the first token only. */
void fixture_check (Fixture *f, const char *name, const float *values, gint64 b, gint64 l,
                    gint64 c);
/* The same where the engine has the values only after SiLU. */
void fixture_check_silu (Fixture *f, const char *name, const float *values, gint64 b, gint64 l,
                         gint64 c);
/* The same where rounding is worth up to `share` of the largest number, whatever the manifest
 * allows. */
void fixture_check_rounding (Fixture *f, const char *name, const float *values, gint64 b, gint64 l,
                             gint64 c, double share);
/* The same for an input of the fixture that the engine can make too; tolerance is ours then. */
void fixture_check_input (Fixture *f, const char *name, const float *values, gint64 b, gint64 l,
                          gint64 c, double tolerance);
void fixture_skip (Fixture *f, const char *name, const char *why);

/* A result that no tensor of a manifest stands for. */
void fixture_result (Fixture *f, const char *group, gboolean ok, const char *format, ...)
    G_GNUC_PRINTF (4, 5);

/* Prints the results as TAP, counting in *n.  What was not checked failed; error, which may be
 * NULL, says why.  Returns whether all is well. */
gboolean fixture_report (Fixture *f, const GError *error, int *n);

#endif
