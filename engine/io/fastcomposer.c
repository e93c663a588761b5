/* What FastComposer's shapes tell; see fastcomposer.h. */
#include "io/fastcomposer.h"

#include "base/error.h"
#include "io/kind.h"

#define INPUT MOA_FASTCOMPOSER_FUSER "mlp1.fc1.weight"

gboolean
moa_fastcomposer_read (const char *path, int text_dim, int *feature_dim, GError **error)
{
  enum { LARGEST = 65536 };
  MoaSafetensors *file = NULL;
  if (!moa_file_kind_check (path, MOA_KIND_FASTCOMPOSER, error)
      || !(file = moa_safetensors_open (path, error)))
    return FALSE;
  const MoaFileTensor *input = moa_safetensors_find (file, INPUT);
  gint64 width = input && input->rank == 2 ? input->dim[1] : 0;
  moa_safetensors_close (file);
  *feature_dim = width > text_dim && width <= LARGEST ? width - text_dim : 0;
  return *feature_dim > 0
         || moa_fail (error, MOA_ERROR_MODEL, "%s: its fuser is none for this model: \"" INPUT
                      "\" should have [%d, %d and the width of an image feature]", path, text_dim,
                      text_dim);
}
