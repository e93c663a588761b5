/* Values of a configuration by key, checked; each message names the file, the
 * key, what is there and what should be. */
#ifndef MOA_VALUES_H
#define MOA_VALUES_H

#include "io/json.h"

typedef struct {
  const char *path;
  const char *prefix; /* of keys in messages: "" or "defaults." */
  json_t *json;       /* an object */
  GError **error;
} MoaValues;

/* Returns FALSE with the error that key should be `expected`. */
gboolean moa_values_fail (const MoaValues *values, const char *key, const char *expected);

/* Present and not null. */
gboolean moa_values_has (const MoaValues *values, const char *key);

/* These need the key.  In [low, high]; flags true or false. */
gboolean moa_values_int (const MoaValues *values, const char *key, int low, int high, int *out);
gboolean moa_values_double (const MoaValues *values, const char *key, double low, double high,
                            double *out);
gboolean moa_values_ints (const MoaValues *values, const char *key, int n, int low, int high,
                          int *out);
gboolean moa_values_doubles (const MoaValues *values, const char *key, int n, double low,
                             double high, double *out);
/* One of names[n], as its index. */
gboolean moa_values_choice (const MoaValues *values, const char *key, int n,
                            const char *const *names, int *out);
/* An array of n of these names; out[i] whether it is yes. */
gboolean moa_values_kinds (const MoaValues *values, const char *key, int n, const char *yes,
                           const char *no, gboolean *out);

/* These leave *out as it is where the key is absent or null. */
gboolean moa_values_optional_int (const MoaValues *values, const char *key, int low, int high,
                                  int *out);
gboolean moa_values_optional_double (const MoaValues *values, const char *key, double low,
                                     double high, double *out);
gboolean moa_values_optional_flag (const MoaValues *values, const char *key, gboolean *out);

/* A key that, if it is there, must have one value: what we cannot do otherwise. */
typedef struct {
  const char *key;
  const char *json; /* that value as JSON; null and false count as the same */
  const char *kind; /* what other values belong to, or NULL */
} MoaFixedValue;

gboolean moa_values_fixed (const MoaValues *values, const MoaFixedValue *fixed, gsize n);

/* Every key must be one of names[n]; a leading "_" marks a comment. */
gboolean moa_values_known (const MoaValues *values, int n, const char *const *names);

#endif
