/* The host as a device, and the way to others: see device.h. */
#include "device/device.h"

#include <gmodule.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* ---- The host --------------------------------------------------------- */

#define LARGE_PAGE (2u << 20)

/* Much memory in large pages, where the system gives them to who asks: work and weights are read from end
 * to end again and again, and finding 4 KiB at a time takes a tenth of a training step. */
static gpointer
host_allocate (MoaDevice *device, gsize bytes)
{
  gboolean large = bytes >= 2 * LARGE_PAGE;
  gpointer memory = NULL;
  if (posix_memalign (&memory, large ? LARGE_PAGE : 64, MAX (64, (bytes + 63) / 64 * 64)) != 0)
    return NULL;
#ifdef MADV_HUGEPAGE
  if (large) /* a rest stays in small pages; so does all where the system refuses */
    madvise (memory, bytes / LARGE_PAGE * LARGE_PAGE, MADV_HUGEPAGE);
#endif
  return memory;
}

static void
host_release (MoaDevice *device, gpointer memory)
{
  free (memory);
}

static void
host_clear (MoaDevice *device, gpointer to, gsize bytes)
{
  memset (to, 0, bytes);
}

static void
host_copy (MoaDevice *device, gpointer to, gconstpointer from, gsize bytes)
{
  memcpy (to, from, bytes);
}

static gboolean
host_finish (MoaDevice *device, GError **error)
{
  return TRUE;
}

static const MoaDeviceMethods host_methods = {
  .allocate = host_allocate, .release = host_release, .clear = host_clear, .upload = host_copy,
  .download = host_copy, .finish = host_finish,
};

MoaDevice *
moa_device_host (void)
{
  static MoaDevice host = { &host_methods, 0, "cpu", MOA_F32 };
  return &host;
}

MoaDevice *
moa_device_ref (MoaDevice *device)
{
  if (device != moa_device_host ())
    g_atomic_int_inc (&device->ref_count);
  return device;
}

void
moa_device_unref (MoaDevice *device)
{
  if (device && device != moa_device_host () && g_atomic_int_dec_and_test (&device->ref_count))
    device->methods->close (device);
}

/* ---- The module ------------------------------------------------------- */

#define REMEDY_MODULE "build with -Dcuda=enabled, or install the package with the GPU part"
#define REMEDY_DRIVER "install NVIDIA's driver"

/* The folder of a build, or where modules are installed. */
static char *
module_path (void)
{
  g_auto (GStrv) folders = g_strsplit (MOA_MODULE_DIR, G_SEARCHPATH_SEPARATOR_S, -1);
  for (char **folder = folders; *folder; folder++)
    {
      g_autofree char *path = g_build_filename (*folder, "libmoa-cuda." G_MODULE_SUFFIX, NULL);
      if (g_file_test (path, G_FILE_TEST_EXISTS))
        return g_steal_pointer (&path);
    }
  return NULL;
}

/* Loads it; stays loaded.  *why: what hinders, to be freed. */
static const MoaDeviceModule *
load (char **why)
{
  const char *wished = g_getenv ("MOA_CUDA_MODULE");
  g_autofree char *path = wished && *wished ? g_strdup (wished) : module_path ();
  if (!path)
    {
      *why = g_strdup ("the GPU module libmoa-cuda.so is not there; " REMEDY_MODULE);
      return NULL;
    }
  /* The module pulls in hundreds of megabytes: not without a driver. */
  GModule *driver = wished && *wished ? NULL : g_module_open ("libcuda.so.1", G_MODULE_BIND_LAZY);
  if (!driver && !(wished && *wished))
    {
      *why = g_strdup ("there is no NVIDIA driver; " REMEDY_DRIVER);
      return NULL;
    }
  GModule *file = g_module_open (path, G_MODULE_BIND_LAZY | G_MODULE_BIND_LOCAL);
  gpointer symbol = NULL;
  if (!file)
    *why = g_strdup_printf ("%s; install the CUDA libraries that it names (cuBLAS)",
                            g_module_error ());
  else if (!g_module_symbol (file, MOA_DEVICE_MODULE, &symbol)
           || ((const MoaDeviceModule *) symbol)->layout != MOA_DEVICE_LAYOUT)
    {
      *why = g_strdup_printf ("%s: belongs to another version; " REMEDY_MODULE, path);
      symbol = NULL;
    }
  if (symbol)
    g_module_make_resident (file);
  return symbol;
}

static const MoaDeviceModule *
module (char **why)
{
  static GMutex lock;
  static const MoaDeviceModule *found;
  static char *hindrance;
  g_mutex_lock (&lock);
  if (!found && !hindrance)
    found = load (&hindrance);
  if (!found)
    *why = g_strdup (hindrance);
  g_mutex_unlock (&lock);
  return found;
}

GArray *
moa_device_list (char **why)
{
  GArray *list = g_array_new (FALSE, TRUE, sizeof (MoaDeviceInfo));
  *why = NULL;
  const MoaDeviceModule *cuda = module (why);
  char reason[256] = "";
  int n = cuda ? cuda->count (reason) : 0;
  if (cuda && n == 0)
    *why = g_strdup (reason);
  for (int i = 0; i < n; i++)
    {
      MoaDeviceInfo info = { .major = 0 };
      cuda->describe (i, &info);
      g_array_append_val (list, info);
    }
  return list;
}

/* ---- Opening ---------------------------------------------------------- */

/* "", ":1", ":f16", ":1:f16" behind "cuda". */
static gboolean
parse_rest (const char *rest, int *index, int *number, gboolean *tf32)
{
  static const struct { const char *name; MoaNumber number; gboolean tf32; } numbers[] = {
    { "f32", MOA_F32 }, { "tf32", MOA_F32, TRUE }, { "f16", MOA_F16 }, { "bf16", MOA_BF16 }
  };
  if (*rest == ':' && g_ascii_isdigit (rest[1]))
    {
      char *end;
      guint64 i = g_ascii_strtoull (rest + 1, &end, 10);
      if (i > 255)
        return FALSE;
      *index = i;
      rest = end;
    }
  for (guint i = 0; *rest == ':' && i < G_N_ELEMENTS (numbers); i++)
    if (!strcmp (rest + 1, numbers[i].name))
      {
        *number = numbers[i].number;
        *tf32 = numbers[i].tf32;
        return TRUE;
      }
  return *rest == 0;
}

int
moa_device_count (void)
{
  g_autofree char *why = NULL;
  char reason[256] = "";
  const MoaDeviceModule *cuda = module (&why);
  return cuda ? cuda->count (reason) : 0;
}

/* The card of that index, or the first usable one of -1, with numbers as its type, -1: the card's.  Looks at
 * no other, which would take some of its memory. */
static MoaDevice *
open_cuda (int index, int number, gboolean tf32, GError **error)
{
  g_autofree char *why = NULL;
  char reason[256] = "";
  const MoaDeviceModule *cuda = module (&why);
  int n = cuda ? cuda->count (reason) : 0;
  if (n == 0)
    moa_fail (error, MOA_ERROR_DEVICE, "No GPU can be used: %s", cuda ? reason : why);
  else if (index >= n)
    moa_fail (error, MOA_ERROR_DEVICE, "There is no GPU cuda:%d; the last is cuda:%d", index, n - 1);
  for (int i = MAX (index, 0); i < (index < 0 ? n : MIN (n, index + 1)); i++)
    {
      MoaDeviceInfo info = { .major = 0 };
      cuda->describe (i, &info);
      if (!info.problem[0])
        {
          if (error)
            g_clear_error (error);
          return cuda->open (i, number < 0 ? (info.half ? MOA_F16 : MOA_F32) : (MoaNumber) number, tf32,
                             error);
        }
      if (error && !*error)
        moa_fail (error, MOA_ERROR_DEVICE, "%s (%s) cannot be used: %s", info.name, info.title,
                  info.problem);
    }
  return NULL;
}

MoaDevice *
moa_device_open (const char *name, char **note, GError **error)
{
  const char *wished = name && *name ? name : g_getenv ("MOA_DEVICE");
  int index = -1, number = -1;
  gboolean tf32 = FALSE;
  if (note)
    *note = NULL;
  if (wished && !strcmp (wished, "cpu"))
    return moa_device_host ();
  if (wished && g_str_has_prefix (wished, "cuda"))
    {
      if (parse_rest (wished + strlen ("cuda"), &index, &number, &tf32))
        return open_cuda (index, number, tf32, error);
    }
  else if (!wished || !*wished || !strcmp (wished, "auto"))
    {
      GError *hindrance = NULL;
      MoaDevice *device = open_cuda (-1, number, tf32, &hindrance);
      if (!device && note)
        *note = g_strdup_printf ("running on the CPU. %s", hindrance->message);
      g_clear_error (&hindrance);
      return device ? device : moa_device_host ();
    }
  moa_fail (error, MOA_ERROR_ARGUMENT, "There is no device \"%s\"; write auto, cpu, cuda, or cuda:1 "
            "for the second GPU", wished);
  return NULL;
}
