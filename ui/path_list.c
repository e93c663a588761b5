/* Several paths as one text: see path_list.h.
 *
 * A backslash means something only before a semicolon, where half of them stay and an odd one makes the
 * semicolon a part of the name; so names that have some elsewhere are as they are. */
#include "path_list.h"

void
path_list_add (GString *list, const char *path)
{
  gsize end = list->len;

  while (end > 0 && list->str[end - 1] == '\\') /* before the semicolon that comes */
    end--;
  for (gsize n = list->len - end; n > 0; n--)
    g_string_append_c (list, '\\');
  if (list->len)
    g_string_append (list, "; ");
  for (const char *c = path; *c; c++)
    {
      if (*c == ';')
        {
          for (const char *before = c; before > path && before[-1] == '\\'; before--)
            g_string_append_c (list, '\\');
          g_string_append_c (list, '\\');
        }
      g_string_append_c (list, *c);
    }
}

/* The next path of *text, which goes on behind it.  (transfer full) */
static char *
take (const char **text)
{
  GString *path = g_string_new (NULL);
  const char *c = *text;

  while (*c && *c != ';')
    {
      gsize n = 0;

      while (c[n] == '\\')
        n++;
      gboolean special = n > 0 && c[n] == ';';

      for (gsize i = 0; i < (special ? n / 2 : MAX (n, 1)); i++)
        g_string_append_c (path, c[i]);
      if (special && n % 2)
        g_string_append_c (path, c[n++]);
      c += special ? n : MAX (n, 1);
    }
  *text = *c ? c + 1 : c;
  return g_strstrip (g_string_free (path, FALSE));
}

char **
path_list_split (const char *list)
{
  GPtrArray *paths = g_ptr_array_new ();

  while (*list)
    {
      char *path = take (&list);

      if (*path)
        g_ptr_array_add (paths, path);
      else
        g_free (path);
    }
  g_ptr_array_add (paths, NULL);
  return (char **) g_ptr_array_free (paths, FALSE);
}
