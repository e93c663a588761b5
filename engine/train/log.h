/* The record of a training: FOLDER/log.jsonl, a line for each report, and
 * FOLDER/log.svg, its curves, for a person to look at while it runs. */
#ifndef MOA_TRAIN_LOG_H
#define MOA_TRAIN_LOG_H

#include <glib.h>
#include <jansson.h>

typedef struct _MoaTrainLog MoaTrainLog;

/* Goes on with the lines there that are of steps up to `step`. */
MoaTrainLog *moa_train_log_open (const char *folder, guint64 step, GError **error);
/* Appends an object that has "step"; numbers in it, and in objects in it, are
 * drawn as curves.  Then draws. */
gboolean moa_train_log_add (MoaTrainLog *log, json_t *row, GError **error);
void moa_train_log_close (MoaTrainLog *log);

#endif
