/* Where graphs compute: memory, transfers, and the kernels that a device brings along.
 *
 * The host is one device, for every instruction set; a CUDA card is another, behind a module
 * (libmoa-cuda.so) that is loaded when first asked for, so that nothing needs NVIDIA's libraries.
 * A device knows no op: it finds what its module calls by a name.
 *
 * Work on a device is queued and may fail later: the first failure is kept, everything after it does
 * nothing, and finish() reports it.  A device that failed stays unusable.
 */
#ifndef MOA_DEVICE_H
#define MOA_DEVICE_H

#include "base/error.h"

/* How a tensor's numbers are held. */
typedef enum {
  MOA_F32,
  MOA_F64,
  MOA_F16,
  MOA_BF16,
  MOA_Q8 /* weights alone, bytes with a scale for each block, see graph/param.h */
} MoaNumber;

static inline gsize
moa_number_size (MoaNumber number)
{
  return number == MOA_F64 ? 8 : number == MOA_F32 ? 4 : number == MOA_Q8 ? 1 : 2;
}

typedef struct _MoaDevice MoaDevice;

typedef struct {
  /* Aligned to at least 64 bytes; NULL: there is not that much. */
  gpointer (*allocate) (MoaDevice *device, gsize bytes);
  void (*release) (MoaDevice *device, gpointer memory);
  void (*clear) (MoaDevice *device, gpointer to, gsize bytes);
  /* From and to the caller's memory, which is free again on return. */
  void (*upload) (MoaDevice *device, gpointer to, gconstpointer from, gsize bytes);
  void (*download) (MoaDevice *device, gpointer to, gconstpointer from, gsize bytes);
  /* Waits for all that was queued. */
  gboolean (*finish) (MoaDevice *device, GError **error);
  /* What the device's module has under a name, for those who know its type; NULL: nothing. */
  gconstpointer (*find) (MoaDevice *device, const char *name);
  /* Queues what record() queues as one launch: *recording starts as NULL and is kept by the caller
   * for the same work on the same memory, until forget().  NULL: not possible. */
  gboolean (*replay) (MoaDevice *device, gpointer *recording, void (*record) (gpointer data),
                      gpointer data);
  void (*forget) (MoaDevice *device, gpointer recording);
  guint64 (*free_memory) (MoaDevice *device);
  void (*close) (MoaDevice *device);
} MoaDeviceMethods;

struct _MoaDevice {
  const MoaDeviceMethods *methods;
  gint ref_count;   /* of the host: not counted */
  char name[16];    /* "cpu", "cuda:0" */
  MoaNumber number; /* of activations and matrices; what needs more has float */
  gboolean tf32;    /* products of floats take 10 bits of each mantissa, on tensor cores */
  guint64 slot;     /* of a card in its machine: PCI domain << 16, bus << 8, device */
};

/* What a module exports under the name MOA_DEVICE_MODULE. */
typedef struct {
  gsize layout;   /* MOA_DEVICE_LAYOUT of who made it */
  /* How many devices, or 0 with a reason in why. */
  int (*count) (char why[256]);
  void (*describe) (int i, MoaDeviceInfo *info);
  MoaDevice *(*open) (int i, MoaNumber number, gboolean tf32, GError **error);
} MoaDeviceModule;

#define MOA_DEVICE_MODULE "moa_device_module"
/* Another one: made for another version of these structures. */
#define MOA_DEVICE_LAYOUT (sizeof (MoaDeviceInfo) + (sizeof (MoaDevice) << 16))

/* The host.  (transfer none) */
MoaDevice *moa_device_host (void);

/* "auto", "cpu", "cuda" or "cuda:1", for CUDA with a number type behind it if wanted
 * ("cuda:f16", "cuda:1:bf16", "cuda:f32", "cuda:tf32": see tf32 above), otherwise what suits the card; NULL or "": $MOA_DEVICE, else auto.  Auto is the first
 * usable card, or the host with the reason in *note (NULL, or to be freed).  (transfer full) */
MoaDevice *moa_device_open (const char *name, char **note, GError **error);
/* Cards, usable or not. */
int moa_device_count (void);
MoaDevice *moa_device_ref (MoaDevice *device);
void moa_device_unref (MoaDevice *device);

#endif
