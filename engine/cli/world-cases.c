/* Swaps to try a model on: held-out scenes as `moa evaluate` measures them, with the photos, the
 * selection and the truth, as picture files. */
#include "cli/world.h"

#include "base/error.h"
#include "io/file.h"
#include "evaluate/case.h"

static gboolean
save (const MoaImage *image, const char *stem, const char *what, GError **error)
{
  g_autofree char *path = g_strconcat (stem, what, ".png", NULL);
  return moa_cli_save_image (image, path, error);
}

static MoaCase *
open_case (const MoaWorld *world, int i, int n_people, guint who, GError **error)
{
  MoaCase *c = moa_case_new (world, i, n_people, who);
  if (!c)
    moa_fail (error, MOA_ERROR_MEMORY, "No memory for a picture");
  return c;
}

static gboolean
write_one (const MoaWorld *world, int i, const char *stem, GError **error)
{
  g_autoptr (MoaCase) c = open_case (world, i, 1, 1, error);
  return c && save (c->source, stem, "", error) && save (c->selection, stem, "-selection", error)
         && save (c->photo[0], stem, "-subject", error) && save (c->truth, stem, "-truth", error);
}

/* Both replaced, and the left one alone: the right one's own crop is then the subject that stays. */
static gboolean
write_two (const MoaWorld *world, int i, const char *stem, GError **error)
{
  g_autoptr (MoaCase) both = open_case (world, i, 2, 3, error);
  g_autoptr (MoaCase) left = both ? open_case (world, i, 2, 1, error) : NULL;
  return left && save (both->source, stem, "", error)
         && save (both->selection, stem, "-selection", error)
         && save (both->photo[0], stem, "-subject-left", error)
         && save (both->photo[1], stem, "-subject-right", error)
         && save (both->truth, stem, "-truth", error)
         && save (left->selection, stem, "-selection-left", error)
         && save (left->photo[1], stem, "-kept-right", error)
         && save (left->truth, stem, "-truth-left", error);
}

gboolean
moa_cli_write_cases (const MoaWorld *world, int first, int count, const char *folder, GError **error)
{
  if (!moa_folder_make (folder, error))
    return FALSE;
  for (int i = first; i < first + count; i++)
    {
      g_autofree char *one = g_strdup_printf ("%s/one-%06d", folder, i);
      g_autofree char *two = g_strdup_printf ("%s/two-%06d", folder, i);
      if (!write_one (world, i, one, error) || !write_two (world, i, two, error))
        return FALSE;
    }
  return TRUE;
}
