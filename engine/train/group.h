/* The processes that train together, each on its share of every batch: those
 * of MPI, or this one alone. */
#ifndef MOA_GROUP_H
#define MOA_GROUP_H

#include <glib.h>

typedef struct _MoaGroup MoaGroup;

/* Whether the build knows MPI; without it a group has one member. */
gboolean moa_group_can_be_many (void);

/* Joins the group that mpirun made, or makes one of one.  Once in a process. */
MoaGroup *moa_group_join (void);
/* leave: orderly, by all; else this member failed, and the others end too. */
void moa_group_leave (MoaGroup *group, gboolean failed);

int moa_group_rank (const MoaGroup *group);
int moa_group_size (const MoaGroup *group);
/* How many of the members are on this machine, and which of them this one is. */
int moa_group_neighbours (const MoaGroup *group);
int moa_group_place (const MoaGroup *group);

/* Begins to replace the numbers by their sums over the members, which all must
 * ask for in the same order; done after moa_group_finish(). */
void moa_group_sum (MoaGroup *group, float *numbers, gsize n);
/* Lets what was begun go on; to be called now and then. */
void moa_group_progress (MoaGroup *group);
void moa_group_finish (MoaGroup *group);
/* Replaces them at once. */
void moa_group_sum_doubles (MoaGroup *group, double *numbers, int n);
/* The same over the members on this machine alone. */
void moa_group_sum_machine (MoaGroup *group, double *numbers, int n);
/* The first member's, for all. */
void moa_group_share (MoaGroup *group, gint64 *number);
/* Everybody's texts one behind the other for the first member, NULL for the others.  (transfer
 * full) */
char *moa_group_gather (MoaGroup *group, const char *text);

#endif
