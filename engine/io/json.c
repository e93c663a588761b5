/* JSON with bounds.  The parser (jansson) refuses bad UTF-8 and duplicate
 * keys; depth and number of values are counted before it runs, because a few
 * bytes of text make some hundred bytes of objects. */
#include "io/json.h"

#include "base/error.h"
#include "io/file.h"

#include <unistd.h>

#define MAX_DEPTH 16
#define MAX_VALUES 1000000
#define MAX_FILE_BYTES (16 << 20)

/* Counts brackets and separators outside strings.  Malformed text counts as
 * something; the parser will say what is wrong with it. */
static gboolean
check_bounds (const char *text, gsize n, const char *where, GError **error)
{
  gsize values = 0;
  int depth = 0;
  gboolean in_string = FALSE;
  for (gsize i = 0; i < n; i++)
    {
      char c = text[i];
      if (in_string && c == '\\')
        i++;
      else if (c == '"')
        in_string = !in_string;
      else if (in_string)
        continue;
      else if (c == '{' || c == '[')
        depth++;
      else if (c == '}' || c == ']')
        depth--;
      else if (c == ',' || c == ':')
        values++;
      if (depth > MAX_DEPTH)
        return moa_fail (error, MOA_ERROR_FILE, "%s: the JSON is nested more than %d levels deep",
                         where, MAX_DEPTH);
      if (values > MAX_VALUES)
        return moa_fail (error, MOA_ERROR_FILE, "%s: the JSON holds more than %d values", where,
                         MAX_VALUES);
    }
  return TRUE;
}

json_t *
moa_json_parse (const char *text, gsize n, const char *where, GError **error)
{
  if (!check_bounds (text, n, where, error))
    return NULL;
  json_error_t fault;
  json_t *json = json_loadb (text, n, JSON_REJECT_DUPLICATES, &fault);
  if (!json)
    {
      g_autofree char *why = g_utf8_make_valid (fault.text, -1); /* jansson may cut a character */
      moa_fail (error, MOA_ERROR_FILE, "%s: is not valid JSON: line %d, column %d: %s", where,
                fault.line, fault.column, why);
      return NULL;
    }
  if (!json_is_object (json))
    {
      moa_fail (error, MOA_ERROR_FILE, "%s: the JSON is not an object in braces", where);
      g_clear_pointer (&json, json_decref);
    }
  return json;
}

json_t *
moa_json_read (const char *path, GError **error)
{
  guint64 size;
  int fd = moa_file_open (path, &size, error);
  if (fd < 0)
    return NULL;
  json_t *json = NULL;
  if (size > MAX_FILE_BYTES)
    moa_fail (error, MOA_ERROR_FILE, "%s: has %" G_GUINT64_FORMAT " bytes; at most %d are read",
              path, size, MAX_FILE_BYTES);
  else
    {
      g_autofree char *text = g_malloc (size + 1);
      if (moa_file_read (fd, path, 0, text, size, error))
        json = moa_json_parse (text, size, path, error);
    }
  close (fd);
  return json;
}
