/* Any CLIP image encoder as a measure for photographs: how alike two pictures
 * are to it. */
#ifndef MOA_ENCODER_H
#define MOA_ENCODER_H

#include "moa.h"

typedef struct _MoaEncoder MoaEncoder;

/* FOLDER/config.json (CLIPVisionModelWithProjection), FOLDER/model.safetensors,
 * and preprocessor_config.json there or in FOLDER/../feature_extractor. */
MoaEncoder *moa_encoder_open (const char *folder, const MoaRun *run, GError **error);
void moa_encoder_free (MoaEncoder *encoder);

int moa_encoder_dim (const MoaEncoder *encoder);
/* The picture's feature, of length 1; its middle square is seen. */
gboolean moa_encoder_embed (MoaEncoder *encoder, const MoaImage *picture, float *feature,
                            GError **error);
/* The cosine of two features' angle: -1 to 1. */
double moa_encoder_cosine (const MoaEncoder *encoder, const float *a, const float *b);

/* What is to be compared: files of a folder. */
typedef struct {
  char *result, *subject;
  char *replaced; /* the person before, or NULL */
} MoaPhotoPair;

/* A list of pairs: JSON, an array of objects with "result", "subject" and
 * perhaps "replaced"; or CSV, lines RESULT,SUBJECT[,REPLACED], where a first
 * line "result,subject,..." and empty lines are passed over.
 * (element-type MoaPhotoPair) (transfer full) */
GPtrArray *moa_photo_pairs_read (const char *path, GError **error);

#endif
