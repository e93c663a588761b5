/* Small symmetric matrices: eigenvalues, and whitening. */
#ifndef MOA_SYMMETRIC_H
#define MOA_SYMMETRIC_H

/* a: n x n, symmetric, destroyed.  Values in falling order; row k of vectors is
 * the unit vector of values[k]. */
void moa_symmetric_eigen (double *a, int n, double *values, double *vectors);

/* Mean and covariance of rows that come one by one. */
typedef struct {
  int n;
  double count, *sum, *products;
} MoaMoments;

MoaMoments *moa_moments_new (int n);
void moa_moments_add (MoaMoments *moments, const double *row);
/* mean: n numbers; covariance: n x n */
void moa_moments_get (const MoaMoments *moments, double *mean, double *covariance);
void moa_moments_free (MoaMoments *moments);

#endif
