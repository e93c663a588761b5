/* Sums over the cards of several processes, where a device's module brings them (NCCL): it has a
 * MoaDeviceCollective under the name MOA_DEVICE_COLLECTIVE. */
#ifndef MOA_COLLECTIVE_H
#define MOA_COLLECTIVE_H

#include "device/device.h"

#define MOA_DEVICE_COLLECTIVE "collective"

/* What the first member makes up and all others must be told; sixteen times 8 bytes. */
typedef struct {
  gint64 part[16];
} MoaCollectiveName;

typedef struct _MoaCollective MoaCollective;

typedef struct {
  gboolean (*make_name) (MoaDevice *device, MoaCollectiveName *name, GError **error);
  /* Waits for all `size` members, each with a card of its own.  (transfer full) */
  MoaCollective *(*join) (MoaDevice *device, const MoaCollectiveName *name, int rank, int size,
                          GError **error);
  /* Queues the replacement of numbers by their sums over the members, which all ask in the same
   * order: behind what the device has queued, and beside what it queues until wait(). */
  void (*sum) (MoaCollective *collective, float *numbers, gsize n);
  /* What the device queues from now on comes behind all sums. */
  void (*wait) (MoaCollective *collective);
  void (*leave) (MoaCollective *collective);
} MoaDeviceCollective;

struct _MoaCollective {
  const MoaDeviceCollective *methods;
};

#endif
