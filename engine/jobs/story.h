/* Stories, read: what story.c is made of. */
#ifndef MOA_STORY_H
#define MOA_STORY_H

#include <jansson.h>

#include "moa.h"

/* story-text.c: the text format as the JSON that it stands for.
 *
 *   title: At the lake                {"title": "At the lake", "seed": 7,
 *   seed: 7                            "characters": {"Ann": {"words": "woman", "photos": "ann.png"}},
 *   Ann (woman): ann.png
 *                                      "panels": [{"panel": "Ann on a beach",
 *   panel: Ann on a beach                          "caption": "How it began."}]}
 *   caption: How it began.
 *
 * A line that begins with blanks goes on with the one before; one that begins with # is left out.
 * lines gets each panel's line.  file: for messages.  (transfer full) */
json_t *moa_story_from_text (const char *text, const char *file, GArray *lines, GError **error);

/* story-words.c: the characters' names in a panel, whole words, become nouns with marks, numbered as they
 * come: "Ann and Ben (an old man) on a beach" -> "a woman <1> and an old man <2> on a beach".  Words in
 * brackets right behind a name stand for it in this panel.  A name that comes again gets no second mark.
 * who gets the characters' places in the order of their marks.  (transfer full) */
char *moa_story_prompt (const char *panel, const MoaCharacter *characters, int n, GArray *who,
                            GError **error);

#endif
