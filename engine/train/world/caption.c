/* What a scene is called: captions from a small closed set of words, the k-th
 * noun being the k-th person from the left.  Nearly half say no more than
 * "person", and some leave the place out, so that "a person" and "a person and
 * a person", with which real pictures are inverted, are words as trained. */
#include "train/world/draw.h"

#include <string.h>

static const char *const pose_phrases[MOA_N_POSES] = {
  [MOA_POSE_UP] = "with arms up",           [MOA_POSE_WAVE] = "waving",
  [MOA_POSE_HIPS] = "with hands on hips",   [MOA_POSE_CROSSED] = "with arms crossed",
  [MOA_POSE_CUP] = "holding a cup",         [MOA_POSE_FLOWERS] = "holding flowers",
  [MOA_POSE_BALL] = "holding a ball",       [MOA_POSE_HUG] = "hugging",
};
static const char *const front_phrases[MOA_N_FRONTS] = { NULL, "behind a table", "behind a bush",
                                                         "behind a fence" };

/* ---- Words ----------------------------------------------------------- */

static const char *const words[] = {
  /* of captions */
  "a", "and", "photo", "of", "person", "kid", "man", "woman", "boy", "girl", "on", "in", "at",
  "by", "the", "with", "beach", "forest", "city", "night", "mountain", "sofa", "park", "lavender",
  "field", "snow", "desert", "lake", "sunset", "kitchen", "arms", "up", "waving", "hands", "hips",
  "crossed", "holding", "cup", "flowers", "ball", "hugging", "behind", "table", "bush", "fence",
  /* that a user may type */
  "an", "child", "people", "picture", "drawing", "standing", "sitting", "smiling", "laughing",
  "room", "two", "friend", "father", "mother", "lady", "guy", NULL
};

const char *const *
moa_world_words (void)
{
  return words;
}

/* ---- Captions -------------------------------------------------------- */

typedef struct {
  MoaCaption *caption;
  int n; /* tokens so far, the start token too */
} Writer;

static void
add_word (Writer *writer, const char *word)
{
  char *text = writer->caption->text;
  if (*text)
    g_strlcat (text, " ", MOA_CAPTION_BYTES);
  g_strlcat (text, word, MOA_CAPTION_BYTES);
  writer->n++;
}

static void
add_phrase (Writer *writer, const char *phrase, gboolean comma)
{
  if (comma)
    {
      g_strlcat (writer->caption->text, ",", MOA_CAPTION_BYTES);
      writer->n++;
    }
  g_auto (GStrv) parts = g_strsplit (phrase, " ", -1);
  for (int i = 0; parts[i]; i++)
    add_word (writer, parts[i]);
}

static void
add_person (Writer *writer, int k, const char *noun)
{
  if (k)
    add_word (writer, "and");
  add_word (writer, "a");
  writer->caption->token[k] = writer->n;
  add_word (writer, noun);
  writer->caption->end[k] = strlen (writer->caption->text);
}

static const char *
own_noun (const MoaIdentity *who)
{
  gboolean woman = who->is[MOA_ATTRIBUTE_WOMAN];
  return who->is[MOA_ATTRIBUTE_KID] ? (woman ? "girl" : "boy") : woman ? "woman" : "man";
}

/* The pose that all share, or MOA_POSE_DOWN. */
static MoaPose
common_pose (const MoaContext *context)
{
  MoaPose pose = context->people[0].gesture.pose;
  for (int i = 1; i < context->n_people; i++)
    if (context->people[i].gesture.pose != pose)
      return MOA_POSE_DOWN;
  return pose;
}

void
moa_world_caption (const MoaWorld *world, const MoaScene *scene, guint64 index, guint variant,
                   MoaCaption *caption)
{
  MoaDice dice = moa_dice (moa_world_seed (world), index, MOA_DICE_CAPTION, variant);
  const MoaContext *context = &scene->context;
  gboolean generic = moa_dice_chance (&dice, .45), kid = moa_dice_chance (&dice, .3);
  gboolean photo = moa_dice_chance (&dice, .1), bare = moa_dice_chance (&dice, .15);
  gboolean say_pose = moa_dice_chance (&dice, .75), say_front = moa_dice_chance (&dice, .6);
  MoaPose pose = common_pose (context);

  *caption = (MoaCaption) { .n_people = context->n_people };
  Writer writer = { caption, 1 };
  if (photo && !generic)
    add_phrase (&writer, "a photo of", FALSE);
  for (int k = 0; k < context->n_people; k++)
    {
      const MoaIdentity *who = &scene->people[k];
      const char *any = kid && who->is[MOA_ATTRIBUTE_KID] ? "kid" : "person";
      add_person (&writer, k, generic ? any : own_noun (who));
    }
  if (bare)
    return;
  add_phrase (&writer, moa_place_phrase (context->place), FALSE);
  if (context->front != MOA_FRONT_NONE && say_front)
    add_phrase (&writer, front_phrases[context->front], FALSE);
  if (pose_phrases[pose] && say_pose)
    add_phrase (&writer, pose_phrases[pose], TRUE);
}
