/* Pictures that belong together: the frames of a morph, the ages of a time lapse, the panels of a story.
 * All are planned, then drawn one by one, then written as layers of one new image. */
#ifndef MOA_PLUGIN_SEQUENCE_H
#define MOA_PLUGIN_SEQUENCE_H

#include "generate_settings.h"
#include "replace.h"

#include <libgimp/gimp.h>

/* Someone who is in frames.  Between two others, who may be so themselves, nobody is known before drawing
 * begins. */
typedef struct _Person Person;
struct _Person {
  char *name;
  MoaSubject subject;     /* points to what the sequence or its caller keeps; between two: the first's */
  Person *from, *to;      /* NULL: is as the subject says */
  double share;           /* of the way from the one to the other */
  MoaSavedSubject *saved; /* as what can be between, or goes between; once it is made */
};

typedef struct {
  char *name;                 /* of its layer */
  char *place;                /* for messages: "story.txt, line 9"; NULL: needs none */
  GenerateSettings *settings; /* its own: prompt, seed and all */
  Person *people[MOA_MAX_SUBJECTS]; /* the sequence's */
  int n_people;
  gboolean like_first; /* takes what the first frame takes */
  ReplaceTask *task; /* a replacement; NULL: a new picture */
  MoaImage *around;  /* the whole picture that it is in */
  MoaImage *control; /* its own picture for the ControlNet, of a new picture; or NULL */
  char *replace, *select, *follow; /* of a story's panel: the files of these pictures, and of what is selected;
                                      or NULL */
  char *hash;        /* of what it is made of; NULL: not known */
  /* Once it is drawn: */
  MoaImage *picture;
  char *json;                 /* what it was made of */
} Frame;

typedef struct _SequenceKind SequenceKind;

typedef struct {
  const SequenceKind *kind;
  GenerateSettings *settings;
  MoaModel *model;
  gboolean cost;            /* is for sequence_estimate() alone: pictures to replace in are not read */
  GPtrArray *persons;       /* of Person: first those that the caller gave */
  int n_given;
  GPtrArray *frames;        /* of Frame */
  MoaStory *story;          /* whose panels they are, in order; or NULL */
  GPtrArray *people;        /* of People: what the story's own persons point to */
  GHashTable *drawn;        /* the caller's, as of sequence_drawn_new(); NULL: none */
} Sequence;

typedef enum { SEQUENCE_LINE, SEQUENCE_LINES, SEQUENCE_FILE } SequenceWords;

/* One of the procedures, and its dialog; texts are to be translated. */
struct _SequenceKind
{
  const char *name;         /* "morph" */
  const char *procedure;
  const char *const *own;   /* as of GenerateSettings */
  const char *number;       /* the option that is an argument */
  int least_subjects;
  const char *need;         /* what to do when there are fewer */
  /* Main thread: adds the frames. */
  gboolean (*plan) (Sequence *sequence, GError **error);
  /* Main thread: a new image of the pictures.  -1 with error set. */
  int (*write) (const Sequence *sequence, GError **error);
  /* Of the dialog: */
  const char *title;
  SequenceWords words;
  const char *label, *tip;  /* of the words */
};

extern const SequenceKind morph_kind, time_lapse_kind, story_kind;

/* Plans.  What the subjects point to must outlive it.  cost: as of Sequence.  (transfer full); NULL with
 * error set. */
Sequence *sequence_new (const SequenceKind *kind, const GenerateSettings *settings, MoaModel *model,
                        const MoaSubject *subjects, char *const *names, int n_subjects, gboolean cost,
                        GError **error);
void sequence_free (Sequence *sequence);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Sequence, sequence_free)

/* For plans: one more frame, with the sequence's settings and the persons given.  name: (transfer full) */
Frame *sequence_add (Sequence *sequence, char *name);

/* For plans: one more person.  (transfer none) */
Person *sequence_add_person (Sequence *sequence, const MoaSubject *subject, const char *name);
Person *sequence_add_between (Sequence *sequence, Person *from, Person *to, double share);
Person *sequence_get_given (const Sequence *sequence, int k);

/* For plans: the milliseconds of each frame, where none were chosen. */
void sequence_settle_delay (Sequence *sequence, int usual);

/* The name of a layer that GIMP animates: "name (150ms) (replace)".  (transfer full) */
char *sequence_name_frame (const Sequence *sequence, const char *name);

/* Pictures of a run that ended early; settings->folder keeps such ones as files.  Put into sequence->drawn,
 * they are taken for frames that are the same; those of this run are all that is there if it ends early too.
 * (transfer full) */
GHashTable *sequence_drawn_new (void);

/* In any thread: what drawing would take, without the frames that are drawn already: the seconds of all, the
 * memory of the frame that needs most.  calibrate: as of moa_generate_estimate().  What is wrong with a
 * frame is an error. */
gboolean sequence_estimate (Sequence *sequence, const MoaRun *run, gboolean calibrate, MoaEstimate *estimate,
                            GError **error);

/* In any thread: checks all frames, then draws those that are not drawn yet.  run->progress tells of the
 * whole, and in `picture' of the frame. */
gboolean sequence_draw (Sequence *sequence, const MoaRun *run, GError **error);

/* The frame's picture as the top layer of parent (-1: of the image), with all that it was made of. */
int sequence_add_picture (const Sequence *sequence, const Frame *frame, int image, int parent, const char *name);

/* As of SequenceKind: a layer for each frame, the first one lowest. */
int sequence_write_frames (const Sequence *sequence, GError **error);

/* A whole call without a dialog, as of a Procedure with the arguments of order.h and two values. */
gboolean sequence_run (const SequenceKind *kind, const GimpParam *param, GimpParam *values, GError **error);

#endif
