/* The ages of a time lapse (one person from young to old, by words): see moa.h. */
#include "moa.h"

#include <string.h>

/* %s: the noun */
static const char *const usual[] = {
  "a photo of a baby",        "a photo of a child",      "a photo of a teenager", "a photo of a young adult",
  "a photo of a middle-aged %s", "a photo of an old %s", "a photo of a very old %s",
};

static char **
usual_ages (const char *noun)
{
  char **prompts = g_new0 (char *, G_N_ELEMENTS (usual) + 1);
  for (gsize i = 0; i < G_N_ELEMENTS (usual); i++)
    {
      const char *place = strstr (usual[i], "%s");
      prompts[i] = place ? g_strdup_printf ("%.*s%s", (int) (place - usual[i]), usual[i], noun)
                         : g_strdup (usual[i]);
    }
  return prompts;
}

char **
moa_ages (const char *words)
{
  g_auto (GStrv) lines = g_strsplit (words ? words : "", "\n", -1);
  GPtrArray *prompts = g_ptr_array_new ();
  for (char **line = lines; *line; line++)
    if (*g_strstrip (*line))
      g_ptr_array_add (prompts, g_strdup (*line));
  if (prompts->len > 1)
    {
      g_ptr_array_add (prompts, NULL);
      return (char **) g_ptr_array_free (prompts, FALSE);
    }
  char **ages = usual_ages (prompts->len ? prompts->pdata[0] : "person");
  g_ptr_array_set_free_func (prompts, g_free);
  g_ptr_array_unref (prompts);
  return ages;
}
