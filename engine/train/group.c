/* Groups of processes: see group.h. */
#include "train/group.h"

#include <string.h>

#ifdef MOA_HAVE_MPI
#include <mpi.h>
#endif

struct _MoaGroup {
  int rank, size, neighbours, place;
#ifdef MOA_HAVE_MPI
  gboolean launched;
  MPI_Comm machine;
  GArray *pending;  /* of MPI_Request */
#endif
};

gboolean
moa_group_can_be_many (void)
{
#ifdef MOA_HAVE_MPI
  return TRUE;
#else
  return FALSE;
#endif
}

int
moa_group_rank (const MoaGroup *group)
{
  return group->rank;
}

int
moa_group_size (const MoaGroup *group)
{
  return group->size;
}

int
moa_group_neighbours (const MoaGroup *group)
{
  return group->neighbours;
}

int
moa_group_place (const MoaGroup *group)
{
  return group->place;
}

#ifdef MOA_HAVE_MPI

/* Whether a launcher (mpirun, srun) started this process: without one MPI need not be woken. */
static gboolean
was_launched (void)
{
  static const char *const signs[] = { "OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMI_RANK" };
  for (guint i = 0; i < G_N_ELEMENTS (signs); i++)
    if (g_getenv (signs[i]))
      return TRUE;
  return FALSE;
}

MoaGroup *
moa_group_join (void)
{
  MoaGroup *group = g_new0 (MoaGroup, 1);
  group->size = group->neighbours = 1;
  group->pending = g_array_new (FALSE, FALSE, sizeof (MPI_Request));
  group->launched = was_launched ();
  if (!group->launched)
    return group;
  int provided;
  MPI_Init_thread (NULL, NULL, MPI_THREAD_FUNNELED, &provided);
  MPI_Comm_rank (MPI_COMM_WORLD, &group->rank);
  MPI_Comm_size (MPI_COMM_WORLD, &group->size);
  MPI_Comm_split_type (MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, group->rank, MPI_INFO_NULL,
                       &group->machine);
  MPI_Comm_size (group->machine, &group->neighbours);
  MPI_Comm_rank (group->machine, &group->place);
  return group;
}

void
moa_group_leave (MoaGroup *group, gboolean failed)
{
  if (failed && group->size > 1)
    MPI_Abort (MPI_COMM_WORLD, 1);
  if (group->launched)
    {
      MPI_Comm_free (&group->machine);
      MPI_Finalize ();
    }
  g_array_unref (group->pending);
  g_free (group);
}

void
moa_group_sum (MoaGroup *group, float *numbers, gsize n)
{
  if (group->size == 1)
    return;
  MPI_Request request;
  MPI_Iallreduce (MPI_IN_PLACE, numbers, n, MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD, &request);
  g_array_append_val (group->pending, request);
}

void
moa_group_progress (MoaGroup *group)
{
  int done;
  MPI_Testall (group->pending->len, (MPI_Request *) group->pending->data, &done,
               MPI_STATUSES_IGNORE);
}

void
moa_group_finish (MoaGroup *group)
{
  if (group->size == 1)
    return;
  MPI_Waitall (group->pending->len, (MPI_Request *) group->pending->data, MPI_STATUSES_IGNORE);
  g_array_set_size (group->pending, 0);
}

void
moa_group_sum_doubles (MoaGroup *group, double *numbers, int n)
{
  if (group->size > 1)
    MPI_Allreduce (MPI_IN_PLACE, numbers, n, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD);
}

void
moa_group_sum_machine (MoaGroup *group, double *numbers, int n)
{
  if (group->neighbours > 1)
    MPI_Allreduce (MPI_IN_PLACE, numbers, n, MPI_DOUBLE, MPI_SUM, group->machine);
}

void
moa_group_share (MoaGroup *group, gint64 *number)
{
  if (group->size > 1)
    MPI_Bcast (number, 1, MPI_INT64_T, 0, MPI_COMM_WORLD);
}

char *
moa_group_gather (MoaGroup *group, const char *text)
{
  int n = strlen (text), total = 0;
  if (group->size == 1)
    return g_strdup (text);
  g_autofree int *lengths = g_new (int, group->size), *places = g_new (int, group->size);
  MPI_Gather (&n, 1, MPI_INT, lengths, 1, MPI_INT, 0, MPI_COMM_WORLD);
  for (int i = 0; group->rank == 0 && i < group->size; total += lengths[i++])
    places[i] = total;
  char *all = group->rank == 0 ? g_malloc0 (total + 1) : NULL;
  MPI_Gatherv (text, n, MPI_CHAR, all, lengths, places, MPI_CHAR, 0, MPI_COMM_WORLD);
  return all;
}

#else

MoaGroup *
moa_group_join (void)
{
  MoaGroup *group = g_new0 (MoaGroup, 1);
  group->size = group->neighbours = 1;
  return group;
}

void
moa_group_leave (MoaGroup *group, gboolean failed)
{
  g_free (group);
}

void
moa_group_sum (MoaGroup *group, float *numbers, gsize n)
{
}

void
moa_group_progress (MoaGroup *group)
{
}

void
moa_group_finish (MoaGroup *group)
{
}

void
moa_group_sum_doubles (MoaGroup *group, double *numbers, int n)
{
}

void
moa_group_sum_machine (MoaGroup *group, double *numbers, int n)
{
}

void
moa_group_share (MoaGroup *group, gint64 *number)
{
}

char *
moa_group_gather (MoaGroup *group, const char *text)
{
  return g_strdup (text);
}

#endif
