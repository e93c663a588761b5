/* A story's panels as pages. */
#ifndef MOA_PLUGIN_PAGE_H
#define MOA_PLUGIN_PAGE_H

#include "sequence.h"

/* A new image with a layer group for each page, the first one on top and visible: white paper, a layer for
 * each panel in its own size, and one for its caption below.  As of SequenceKind. */
int page_write (const Sequence *sequence, GError **error);

#endif
