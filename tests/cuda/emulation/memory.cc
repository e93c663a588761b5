/* The card's memory on the host: one range of addresses, open only while the card works.  Host code that
 * reads or writes there ends with a segmentation fault, as it would with a card. */
#include <cstdint>
#include <cstring>
#include <map>
#include <sys/mman.h>

#include "internal.h"

namespace emulated {

/* More than the card has; large pages; what a piece is aligned to. */
static const size_t RANGE = (size_t) 16 << 30, PAGE = (size_t) 2 << 20, PIECE = 256;

static char *range;
static size_t end;                       /* behind the last piece that there ever was */
static std::map<char *, size_t> pieces;  /* bytes, whole PIECEs */
static int open;

static char *
base ()
{
  if (!range)
    {
      range = (char *) mmap (NULL, RANGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
      madvise (range, RANGE, MADV_HUGEPAGE); /* fewer to open and close */
    }
  return range;
}

Reach::Reach ()
{
  if (open++ == 0 && end > 0)
    mprotect (range, end, PROT_READ | PROT_WRITE);
}

Reach::~Reach ()
{
  if (--open == 0 && end > 0)
    mprotect (range, end, PROT_NONE);
}

/* The first hole that is large enough. */
void *
memory_new (size_t bytes)
{
  char *at = base ();
  bytes = (bytes + PIECE - 1) / PIECE * PIECE;
  for (const auto &piece : pieces)
    {
      if (piece.first >= at + bytes)
        break;
      at = piece.first + piece.second;
    }
  if (at == MAP_FAILED || (size_t) (at - range) + bytes > RANGE)
    return NULL;
  pieces[at] = bytes;
  size_t needed = (at - range + bytes + PAGE - 1) / PAGE * PAGE;
  if (needed > end)
    {
      if (open)
        mprotect (range + end, needed - end, PROT_READ | PROT_WRITE);
      end = needed;
    }
  Reach reach;
  memset (at, 0xff, bytes);
  return at;
}

void
memory_free (void *at)
{
  pieces.erase ((char *) at);
  if (pieces.empty ())
    madvise (range, end, MADV_DONTNEED);
}

}
