/* Inside the data readers. */
#ifndef MOA_DATA_PRIVATE_H
#define MOA_DATA_PRIVATE_H

#include "train/data.h"

/* A source is its options and these. */
struct _MoaDataSource {
  MoaDataOptions options;
  gboolean (*load) (MoaDataSource *source, guint64 number, MoaDataItem *item, GError **error);
  char **(*broken) (MoaDataSource *source);
  void (*free) (MoaDataSource *source);
  guint64 n;
  guint64 pictures;
};

/* Numbers for item `number` and whatever it is for. */
double moa_data_unit (const MoaDataSource *source, guint64 number, guint use, guint index);
/* What a number is for */
enum { MOA_DATA_WHO, MOA_DATA_CROP, MOA_DATA_FLIP, MOA_DATA_RETRY, MOA_DATA_SUBJECT,
       MOA_DATA_TRUTH };

/* Sets *text_out to text without marks above <n_people> and, with a tokenizer,
 * *prompt_out.  People whose noun the window cuts off are dropped: *n_people
 * falls. */
gboolean moa_data_set_text (const MoaDataSource *source, const char *text, int *n_people,
                            char **text_out, MoaPrompt **prompt_out, GError **error);

/* ---- One picture of a folder ----------------------------------------- */

/* As it is in its files, before it is cut to size. */
typedef struct {
  int width, height;
  guint8 *rgb;
  guint8 *hint;                     /* width * height * 3; NULL: not asked for */
  int n_people;                     /* with a word in the caption, in the order of the words */
  guint8 *mask[MOA_MAX_SUBJECTS];   /* width * height, 0 to 255 */
  guint8 *people;                   /* width * height: wherever anybody is */
  char *text;                       /* with marks <1>, <2>, ... */
} MoaRecord;

void moa_record_clear (MoaRecord *record);

gboolean moa_record_read_fastcomposer (const char *folder, const char *name, int max_people,
                                       MoaRecord *record, GError **error);
gboolean moa_record_read_plain (const char *folder, const char *name, const char *caption,
                                int max_people, gboolean hint, MoaRecord *record, GError **error);

/* 8-bit RGB of a file of at most 2^26 pixels, as stored, without its EXIF
 * turn.  (transfer full): g_free() */
guint8 *moa_data_read_picture (const char *path, int *width, int *height, GError **error);

/* ---- Cutting to size ------------------------------------------------- */

/* The picture's largest square, the middle of a wide one and the top of a high
 * one, with its masks, as the item's picture and masks. */
gboolean moa_data_cut_picture (const MoaRecord *record, int size, gboolean flip, MoaDataItem *item,
                               GError **error);

/* The k-th person's photo: cut out, other things hidden, padded to a square
 * with white, resized, augmented with numbers from stream. */
gboolean moa_data_cut_photo (const MoaRecord *record, int k, const MoaDataOptions *options,
                             guint64 stream, float *photo, GError **error);

/* ---- .npy ------------------------------------------------------------ */

/* A two-dimensional array of whole numbers, little or big endian, as NumPy
 * saves it; at most 2^26 elements.  (transfer full): g_free() */
gint32 *moa_npy_read (const char *path, int *width, int *height, GError **error);
gboolean moa_npy_write (const char *path, const guint8 *values, int width, int height,
                        GError **error);

#endif
