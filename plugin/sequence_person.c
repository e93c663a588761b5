/* Who is in the frames of a sequence, and how who is between two others is made: see sequence.h. */
#include "sequence_private.h"

void
sequence_person_free (gpointer data)
{
  Person *person = data;

  g_free (person->name);
  moa_saved_subject_free (person->saved);
  g_free (person);
}

static Person *
add (Sequence *sequence, const MoaSubject *subject, char *name)
{
  Person *person = g_new0 (Person, 1);

  person->subject = *subject;
  person->name = name;
  g_ptr_array_add (sequence->persons, person);
  return person;
}

Person *
sequence_add_person (Sequence *sequence, const MoaSubject *subject, const char *name)
{
  return add (sequence, subject, g_strdup (name));
}

Person *
sequence_add_between (Sequence *sequence, Person *from, Person *to, double share)
{
  Person *person = add (sequence, &from->subject,
                        g_strdup_printf ("%s - %s, %.0f %%", from->name, to->name, 100 * share));

  person->from = from;
  person->to = to;
  person->share = share;
  return person;
}

Person *
sequence_get_given (const Sequence *sequence, int k)
{
  return g_ptr_array_index (sequence->persons, k);
}

void
sequence_get_subjects (const Frame *frame, gboolean made, MoaSubject *subjects, char **names)
{
  for (int k = 0; k < frame->n_people; k++)
    {
      const Person *person = frame->people[k];

      subjects[k] = person->subject;
      if (made && person->from)
        subjects[k] = (MoaSubject) { .saved = person->saved };
      if (names)
        names[k] = person->name;
    }
}

/* The saved subject of a person, and of all between whom that person is. */
static gboolean
make (const Sequence *sequence, Person *person, const MoaRun *run, GError **error)
{
  if (person->saved)
    return TRUE;
  if (!person->from)
    person->saved = moa_saved_subject_of (sequence->model, &person->subject, run, error);
  else if (make (sequence, person->from, run, error) && make (sequence, person->to, run, error))
    person->saved = moa_saved_subject_blend (person->from->saved, person->to->saved, person->share, error);
  return person->saved != NULL;
}

gboolean
sequence_make_people (const Sequence *sequence, Frame *frame, const MoaRun *run, GError **error)
{
  MoaRun quiet = *run;

  quiet.progress = NULL;
  for (int k = 0; k < frame->n_people; k++)
    if (frame->people[k]->from && !make (sequence, frame->people[k], &quiet, error))
      {
        g_prefix_error (error, "%s: ", frame->people[k]->name);
        return FALSE;
      }
  return TRUE;
}

/* A morph has many who are between the same two: those alone are kept. */
void
sequence_drop_people (Frame *frame)
{
  for (int k = 0; k < frame->n_people; k++)
    if (frame->people[k]->from)
      g_clear_pointer (&frame->people[k]->saved, moa_saved_subject_free);
}
