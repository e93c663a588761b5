/* What is trained on, item by item: a picture, words with a word for each
 * person, masks, photos of each person, and, where it is known (the drawn
 * world), the same picture with other people and what they are like.
 *
 * Item number i is the same whenever and by whichever thread it is made, so
 * that a run resumes from the number alone. */
#ifndef MOA_DATA_H
#define MOA_DATA_H

#include "moa.h"
#include "text/prompt.h"
#include "train/world/world.h"

/* ---- What is asked for ----------------------------------------------- */

typedef enum { MOA_OTHERS_NOISE, MOA_OTHERS_GRAY } MoaOthers;

typedef struct {
  int size;         /* side of the pictures in pixels */
  int photo_size;   /* side of the photos */
  int n_photos;     /* of each person; where there are several the last is cut from the picture */
  int max_people;   /* people above that have no word, mask or photo */
  gboolean hint;    /* the picture that a ControlNet follows: of the world how its people stand */
  guint64 seed;     /* of order, words and augmentation; of the world itself */
  const MoaTokenizer *tokenizer; /* NULL: items have no prompt */

  /* The drawn world */
  guint64 first_scene; /* so that scenes of training and of tests lie apart */
  guint64 n_scenes;    /* that many different ones, with new words and photos each time; 0: no end */
  double truth;        /* chance of an item to have the same scene with some people exchanged */
  int n_people;        /* 0: one or two */

  /* Folders of pictures; the defaults are FastComposer's */
  gboolean augment;    /* photos: zoom, rotation, jitter, blur, gray, flip; pictures: flip */
  MoaOthers others;    /* what stands for what is hidden in a person's photo */
  double alone;        /* chance that everything but the person is hidden, not just other people */
  gboolean test_split; /* the pictures that are held out, instead of those for training */
} MoaDataOptions;

/* 128, 64, two photos, two people, seed 0, no tokenizer; augment, noise, alone 1. */
void moa_data_options_init (MoaDataOptions *options);

/* ---- Items ----------------------------------------------------------- */

/* Somebody in the picture. */
typedef struct {
  float *mask;     /* size * size, 0 to 1: where they are seen */
  float **photos;  /* n_photos of photo_size^2 * 3, RGB in [0,1] */
  int classes[MOA_N_ATTRIBUTES];  /* of the world; all -1 elsewhere */
  float measures[MOA_N_MEASURES]; /* of the world; else 0 */
} MoaDataPerson;

typedef struct {
  guint64 number;
  guint64 index;     /* of the picture, the same for every item with just these pixels, below
                        moa_data_source_pictures(); G_MAXUINT64: they never come again */
  char *text;        /* of the picture; each person's noun has its mark <1>, <2>, ... */
  MoaPrompt *prompt; /* of text; NULL without a tokenizer */
  int n_people;
  float *picture;    /* size * size * 3, RGB in [-1,1] */
  float *hint;       /* size * size * 3, RGB in [0,1]; NULL: not asked for */
  MoaDataPerson *people; /* max_people */

  /* The truth of a swap, where there is one; other fields are then those of
   * before.  People of the bits in `who` are exchanged. */
  gboolean has_truth;
  guint who;
  char *truth_text;  /* in the words of `text`, with the nouns of who is there now */
  MoaPrompt *truth_prompt;
  float *truth;
  MoaDataPerson *truth_people;
  float *changed;    /* size * size: 0 where picture and truth are the same */

  int place;         /* of the world, else -1 */
} MoaDataItem;

/* ---- Sources --------------------------------------------------------- */

typedef struct _MoaDataSource MoaDataSource;

MoaDataSource *moa_data_world (const MoaDataOptions *options);
/* FastComposer's layout: FOLDER/image_ids_train.txt (or _test), a name a line, and for
 * each name FOLDER/<its first 5 letters>/NAME.jpg or .png, .json and .npy. */
MoaDataSource *moa_data_fastcomposer (const char *folder, const MoaDataOptions *options,
                                      GError **error);
/* The plain layout: FOLDER/captions.txt, lines "NAME<tab>caption"; FOLDER/images/NAME.png
 * or .jpg; FOLDER/masks/NAME-1.png, NAME-2.png, ... for the first, second ...
 * noun of the caption, or word with the mark <1>, <2>, ...; if hints are asked for,
 * FOLDER/conditioning/NAME.png or .jpg, of the picture's size.  Held out are the lines of
 * FOLDER/captions_test.txt; without that file the last of each ten lines, and of fewer than ten. */
MoaDataSource *moa_data_plain (const char *folder, const MoaDataOptions *options, GError **error);
void moa_data_source_free (MoaDataSource *source);

const MoaDataOptions *moa_data_source_options (const MoaDataSource *source);
/* Different pictures; 0: no end. */
guint64 moa_data_source_n (const MoaDataSource *source);
/* The bound of the items' indices: that many pictures, a flipped one counts as another. */
guint64 moa_data_source_pictures (const MoaDataSource *source);

gsize moa_data_item_bytes (const MoaDataSource *source);
MoaDataItem *moa_data_item_new (const MoaDataSource *source);
void moa_data_item_free (const MoaDataSource *source, MoaDataItem *item);

/* Makes item `number`; from any thread.  Pictures that cannot be used are left
 * out and others take their place; more than one and 1 in 100 of them is an error. */
gboolean moa_data_source_load (MoaDataSource *source, guint64 number, MoaDataItem *item,
                               GError **error);

/* The pictures that were left out so far, "NAME: why" each, in the order in which they were found.
 * (transfer full) */
char **moa_data_source_broken (MoaDataSource *source);

/* ---- Writing --------------------------------------------------------- */

/* Scenes first .. first + count - 1 of the world as a folder that the sources
 * above read; one in ten is in the list of tests.  The plain layout has how people stand as
 * conditioning/NAME.png, and more that no training needs: photos/NAME-K.png, another photo of the K-th person;
 * swaps/NAME.png, the same scene with the first person exchanged, and
 * swaps/NAME-photo.png, a photo of who came. */
typedef enum { MOA_DATA_LAYOUT_FASTCOMPOSER, MOA_DATA_LAYOUT_PLAIN } MoaDataLayout;

gboolean moa_data_write_world (const MoaWorld *world, guint64 first, int count,
                               MoaDataLayout layout, const char *folder, GCancellable *cancellable,
                               GError **error);

/* ---- Ahead of time --------------------------------------------------- */

/* Worker threads make items first, first + stride, ... and have up to ahead of
 * them ready; moa_data_queue_take() hands them out in that order. */
typedef struct _MoaDataQueue MoaDataQueue;

MoaDataQueue *moa_data_queue_new (MoaDataSource *source, guint64 first, guint64 stride,
                                  int n_threads, int ahead);
/* The next item; NULL on an error.  Give it back when it is used. */
MoaDataItem *moa_data_queue_take (MoaDataQueue *queue, GError **error);
void moa_data_queue_give_back (MoaDataQueue *queue, MoaDataItem *item);
/* The number of the item that comes next: where to go on after a pause. */
guint64 moa_data_queue_next (MoaDataQueue *queue);
/* Seconds that takers have waited so far. */
double moa_data_queue_waited (MoaDataQueue *queue);
/* All items given back before. */
void moa_data_queue_free (MoaDataQueue *queue);

#endif
