/* What a call without a dialog orders: a picture, or several that belong together, in words and with
 * persons.  Generate, Morph, Time Lapse and Story take the same arguments. */
#ifndef MOA_PLUGIN_ORDER_H
#define MOA_PLUGIN_ORDER_H

#include "generate_settings.h"
#include "people.h"

#include <libgimp/gimp.h>

enum { ORDER_N_ARGS = 8 };

#define ORDER_ARGS(words, what, persons, first_seed, number, what_number)                            \
  { GIMP_PDB_INT32, "run-mode", "RUN-INTERACTIVE (0) or RUN-NONINTERACTIVE (1)" },                   \
  { GIMP_PDB_STRING, words, what },                                                                  \
  { GIMP_PDB_INT32, "num-subjects", "The number of subjects; 0 for none" },                          \
  { GIMP_PDB_INT32ARRAY, "subjects", persons "; those that the options name come after" },           \
  { GIMP_PDB_INT32, "seed", first_seed },                                                            \
  { GIMP_PDB_INT32, number, what_number },                                                           \
  { GIMP_PDB_STRING, "model", "Folder of the model; \"\" for the installed one" },                   \
  { GIMP_PDB_STRING, "options", "A JSON object, \"{}\" for none: {\"negative\": \"what is not wanted\", " \
    "\"subjects\": [\"layer:NAME\", \"file:PATH\", \"saved:NAME\", \"mask:NAME\"], \"width\": 512, " \
    "\"mark\": false, \"device\": \"cpu\", \"threads\": 2, ...}; docs/settings.md lists them all" }

typedef struct {
  GenerateSettings *settings;
  People *people;
  MoaModel *model;
} Order;

/* Reads the arguments and opens the model.  name and own: as of generate_settings_new(); number: the
 * option that the argument of that name is.  (transfer full); NULL with error set. */
Order *order_new (const char *name, const char *const *own, const char *number, const GimpParam *param,
                  GError **error);
void order_free (Order *order);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Order, order_free)

/* How to run it, with GIMP's progress bar, for which the engine must run in the main thread.  Between
 * gimp_progress_init() and gimp_progress_end() no image may be touched: the bar's Cancel kills. */
void order_get_run (const Order *order, MoaRun *run);

#endif
