/*
 * Logarithm and exponential made of the basic IEEE operations only, so that evidence has the same bits on every machine
 * and with every C library. Absolute error of both below 1e-13 (relative, for the exponential). PURE.
 */
#ifndef MR_CORE_NATS_H
#define MR_CORE_NATS_H

#include <float.h>
#include <stdint.h>

_Static_assert(FLT_EVAL_METHOD == 0, "doubles must be computed as doubles: build with SSE2 or the like");

/* Natural logarithm. x below the smallest normal number, 0 and negative numbers give -708; not for NaN. */
double mr_ln(double x);
/* e to the power x; 0 below -700, and x is cut at 700. */
double mr_exp(double x);
/* Evidence of nats that may, with probability doubt, have one harmless cause that explains all of it:
 * -ln((1 - doubt) * e^-nats + doubt), never above -ln(doubt). 0 for nats <= 0. */
double mr_capped(double nats, double doubt);
/* A share seen as yes of all, with strength pseudo-observations of prior. */
double mr_share(double yes, double all, double prior, double strength);

/* A positive number in 16 bits, right within 0.4 %, and back. */
uint16_t mr_small_of(double x);
double mr_small(uint16_t small);

#endif
