/* The journal of a list of jobs: see journal.h.
 *
 * A process has one descriptor of the file and never another: closing any would drop its locks.  Bytes
 * 2^62 + (hash of the name) are jobs, byte 2^62 - 1 is held while lines are read or added; taking a lock
 * makes NFS look again, which names of files in a folder would not. */
#include "cli/journal.h"

#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <string.h>
#include <unistd.h>

#define JOBS_AT (G_GINT64_CONSTANT (1) << 62)
#define LINES_AT (JOBS_AT - 1)

struct _MoaCliJournal {
  char *path;
  int fd;
  gint64 old, read; /* bytes that were there at first, and that were read */
  GHashTable *lines; /* key -> Line */
};

typedef struct {
  MoaCliState state;
  char *why;
} Line;

static void
free_line (gpointer data)
{
  Line *line = data;
  g_free (line->why);
  g_free (line);
}

/* ---- Locks ---- */

static gboolean
lock (MoaCliJournal *journal, gint64 at, short type, gboolean wait)
{
  struct flock lock = { .l_type = type, .l_whence = SEEK_SET, .l_start = at, .l_len = 1 };
  int code;
  do
    code = fcntl (journal->fd, wait ? F_SETLKW : F_SETLK, &lock);
  while (code && errno == EINTR);
  return code == 0;
}

static gint64
job_at (const char *name)
{
  guint8 hash[32];
  gsize n = sizeof (hash);
  guint64 number;
  g_autoptr (GChecksum) sum = g_checksum_new (G_CHECKSUM_SHA256);
  g_checksum_update (sum, (const guchar *) name, -1);
  g_checksum_get_digest (sum, hash, &n);
  memcpy (&number, hash, sizeof (number));
  return JOBS_AT + (GUINT64_FROM_LE (number) >> 3);
}

gboolean
moa_cli_journal_claim (MoaCliJournal *journal, const char *name, GError **error)
{
  if (lock (journal, job_at (name), F_WRLCK, FALSE))
    return TRUE;
  int code = errno;
  if (code != EACCES && code != EAGAIN)
    moa_fail (error, MOA_ERROR_FILE,
              "%s: cannot be locked: %s; put the journal on a file system with locks (--journal), as "
              "NFS and local ones are",
              journal->path, g_strerror (code));
  return FALSE;
}

void
moa_cli_journal_release (MoaCliJournal *journal, const char *name)
{
  lock (journal, job_at (name), F_UNLCK, FALSE);
}

/* ---- Lines ---- */

static void
take_line (MoaCliJournal *journal, const char *text, gsize n, gboolean old)
{
  /* What a process that was killed left half written is no JSON, and left out. */
  json_t *object = json_loadb (text, n, 0, NULL);
  const char *key = json_string_value (json_object_get (object, "key"));
  const char *why = json_string_value (json_object_get (object, "error"));
  if (key)
    {
      Line *line = g_new0 (Line, 1);
      line->state = old ? (why ? MOA_CLI_FAILED_BEFORE : MOA_CLI_UNKNOWN)
                        : (why ? MOA_CLI_FAILED : MOA_CLI_DONE);
      line->why = g_strdup (why);
      g_hash_table_replace (journal->lines, g_strdup (key), line);
    }
  json_decref (object);
}

/* Whole lines that were added since. */
static void
read_lines (MoaCliJournal *journal)
{
  enum { CHUNK = 1 << 16 };
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  gint64 begin = journal->read;
  gssize n;
  do
    {
      guint before = bytes->len;
      g_byte_array_set_size (bytes, before + CHUNK);
      n = pread (journal->fd, bytes->data + before, CHUNK, begin + before);
      g_byte_array_set_size (bytes, before + MAX (n, 0));
    }
  while (n > 0);
  const char *text = (const char *) bytes->data, *end;
  gsize at = 0;
  while (at < bytes->len && (end = memchr (text + at, '\n', bytes->len - at)))
    {
      take_line (journal, text + at, end - text - at, begin + (gint64) at < journal->old);
      at = end - text + 1;
    }
  journal->read = begin + at;
}

MoaCliState
moa_cli_journal_state (MoaCliJournal *journal, const char *key, const char **why)
{
  if (lock (journal, LINES_AT, F_RDLCK, TRUE))
    {
      read_lines (journal);
      lock (journal, LINES_AT, F_UNLCK, FALSE);
    }
  const Line *line = g_hash_table_lookup (journal->lines, key);
  *why = line ? line->why : NULL;
  return line ? line->state : MOA_CLI_UNKNOWN;
}

/* Behind all others, and behind the newline that a line half written lacks. */
static gboolean
append (MoaCliJournal *journal, const char *text, GError **error)
{
  char last = '\n';
  gint64 end = lseek (journal->fd, 0, SEEK_END);
  if (end > 0 && pread (journal->fd, &last, 1, end - 1) != 1)
    last = '\n';
  g_autofree char *line = g_strconcat (last == '\n' ? "" : "\n", text, "\n", NULL);
  gsize n = strlen (line);
  if (end >= 0 && pwrite (journal->fd, line, n, end) == (gssize) n)
    return TRUE;
  return moa_fail (error, MOA_ERROR_FILE, "%s: cannot be written: %s", journal->path,
                   g_strerror (errno));
}

gboolean
moa_cli_journal_add (MoaCliJournal *journal, const char *key, const char *name, double seconds,
                     const char *why, GError **error)
{
  g_autoptr (GDateTime) now = g_date_time_new_now_utc ();
  g_autofree char *time = g_date_time_format_iso8601 (now);
  g_autofree char *valid = g_utf8_make_valid (why ? why : "", -1);
  json_t *object = json_pack ("{s:s, s:s, s:f, s:s, s:i, s:s}", "key", key, "output", name, "seconds",
                              seconds, "host", g_get_host_name (), "process", (int) getpid (), "time",
                              time);
  if (why)
    json_object_set_new (object, "error", json_string (valid));
  char *text = json_dumps (object, JSON_COMPACT | JSON_REAL_PRECISION (6) | JSON_PRESERVE_ORDER);
  json_decref (object);
  gboolean ok = text && lock (journal, LINES_AT, F_WRLCK, TRUE);
  if (ok)
    {
      ok = append (journal, text, error);
      lock (journal, LINES_AT, F_UNLCK, FALSE);
    }
  else
    moa_fail (error, MOA_ERROR_FILE, "%s: cannot be locked: %s", journal->path, g_strerror (errno));
  free (text);
  return ok;
}

/* ---- The file ---- */

/* Empty, or begins as our lines do. */
static gboolean
is_journal (int fd)
{
  static const char begin[] = "{\"key\":";
  char bytes[sizeof (begin) - 1];
  gssize n = pread (fd, bytes, sizeof (bytes), 0);
  return n >= 0 && !memcmp (bytes, begin, n);
}

MoaCliJournal *
moa_cli_journal_open (const char *path, GError **error)
{
  int fd = open (path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (fd < 0)
    {
      moa_fail (error, MOA_ERROR_FILE, "%s: the journal cannot be opened: %s", path,
                g_strerror (errno));
      return NULL;
    }
  if (!is_journal (fd))
    {
      close (fd);
      moa_fail (error, MOA_ERROR_FILE, "%s: is no journal of moa batch; name another file", path);
      return NULL;
    }
  MoaCliJournal *journal = g_new0 (MoaCliJournal, 1);
  journal->path = g_strdup (path);
  journal->fd = fd;
  journal->lines = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, free_line);
  journal->old = lseek (fd, 0, SEEK_END);
  return journal;
}

void
moa_cli_journal_close (MoaCliJournal *journal)
{
  if (!journal)
    return;
  close (journal->fd);
  g_hash_table_unref (journal->lines);
  g_free (journal->path);
  g_free (journal);
}
