/* The noise schedule of a model: alphas_cumprod as diffusers has them (betas
 * in float32, product in double, stored in float32). */
#ifndef MOA_SCHEDULE_H
#define MOA_SCHEDULE_H

#include "io/config.h"

typedef struct {
  int n;
  float *abar;      /* alphas_cumprod[n] */
  float final_abar; /* for timesteps before 0: abar[0], or 1 with set_alpha_to_one */
  int steps_offset;
  MoaPrediction prediction;
} MoaSchedule;

/* How a sampler's timesteps lie in 0 .. n-1 (Lin et al. 2024, table 2). */
typedef enum {
  MOA_SPACING_LEADING,  /* DDIM's: every (n / steps)-th from steps_offset on */
  MOA_SPACING_TRAILING, /* every (n / steps)-th from n - 1 down */
  MOA_SPACING_LINSPACE  /* UniPC's: even, from n - 1 down */
} MoaSpacing;

/* config is one that moa_schedule_config_read() let pass. */
MoaSchedule *moa_schedule_new (const MoaScheduleConfig *config);
void moa_schedule_free (MoaSchedule *schedule);

/* sqrt(abar_t) x + sqrt(1 - abar_t) noise */
void moa_schedule_add_noise (const MoaSchedule *schedule, int t, const float *x, const float *noise,
                             float *out, gsize n);

/* The network's output as eps, in place: itself, or from v with z at timestep t. */
void moa_schedule_eps (const MoaSchedule *schedule, int t, const float *z, float *out, gsize n);

#endif
