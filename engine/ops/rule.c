/* Helpers of the ops' shape rules. */
#include "ops/rule.h"

gboolean
moa_rule_fail (const MoaTensor *t, GError **error, const char *message)
{
  GString *shapes = g_string_new (NULL);
  for (int i = 0; i < MOA_MAX_INPUTS; i++)
    if (t->in[i])
      {
        g_autofree char *shape = moa_shape_string (&t->in[i]->shape);
        g_string_append_printf (shapes, "%s%s", shapes->len ? ", " : "", shape);
      }
  moa_fail (error, MOA_ERROR_ARGUMENT, "%s (inputs %s)", message, shapes->str);
  g_string_free (shapes, TRUE);
  return FALSE;
}

gboolean
moa_repeats (const MoaShape *b, const MoaShape *a)
{
  for (int i = 1; i <= b->rank; i++)
    if (i > a->rank || (b->dim[b->rank - i] != 1 && b->dim[b->rank - i] != a->dim[a->rank - i]))
      return FALSE;
  return TRUE;
}
