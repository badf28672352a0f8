/*
 * Logarithm and exponential for the detector. Not a libm: no signs of zero, no infinities, no errno. Every step is one
 * IEEE addition, multiplication or division, in a fixed order, without fused operations. Called by the detector.
 */
#include "core/nats.h"

#include <stdint.h>
#include <string.h>

#define LN2_HIGH 6.93147180369123816490e-01 /* ln 2 = high + low; high has trailing zeros, so n * high is exact */
#define LN2_LOW 1.90821492927058770002e-10
#define SQRT2 1.41421356237309514547

static const double inverse_factorial[14] = {
	1.0, 1.0, 1.0 / 2.0, 1.0 / 6.0, 1.0 / 24.0, 1.0 / 120.0, 1.0 / 720.0, 1.0 / 5040.0, 1.0 / 40320.0,
	1.0 / 362880.0, 1.0 / 3628800.0, 1.0 / 39916800.0, 1.0 / 479001600.0, 1.0 / 6227020800.0,
};
static const double inverse_odd[10] = {
	1.0, 1.0 / 3.0, 1.0 / 5.0, 1.0 / 7.0, 1.0 / 9.0, 1.0 / 11.0, 1.0 / 13.0, 1.0 / 15.0, 1.0 / 17.0, 1.0 / 19.0,
};

static uint64_t bits_of(double x)
{
	uint64_t bits;

	memcpy(&bits, &x, sizeof(bits));
	return bits;
}

static double of_bits(uint64_t bits)
{
	double x;

	memcpy(&x, &bits, sizeof(x));
	return x;
}

/* x = 2^n * f with f in [sqrt(1/2), sqrt(2)); ln f = 2 artanh((f - 1) / (f + 1)) as its power series. */
double mr_ln(double x)
{
	if (!(x >= DBL_MIN))
		return -708.0;
	uint64_t bits = bits_of(x);
	int n = (int)((bits >> 52) & 0x7ff) - 1023;
	double f = of_bits((bits & 0xfffffffffffffULL) | ((uint64_t)1023 << 52));
	if (f > SQRT2) {
		f *= 0.5;
		n++;
	}
	double s = (f - 1.0) / (f + 1.0);
	double q = s * s;
	double sum = inverse_odd[9];
	for (int k = 8; k >= 0; k--)
		sum = sum * q + inverse_odd[k];
	return (double)n * LN2_HIGH + (2.0 * s * sum + (double)n * LN2_LOW);
}

/* x = n ln 2 + r with |r| <= ln 2 / 2; e^r as its power series. */
double mr_exp(double x)
{
	if (!(x > -700.0))
		return 0.0;
	if (x > 700.0)
		x = 700.0;
	double scaled = x * 1.44269504088896338700;
	int n = (int)(scaled < 0.0 ? scaled - 0.5 : scaled + 0.5);
	double r = (x - (double)n * LN2_HIGH) - (double)n * LN2_LOW;
	double sum = inverse_factorial[13];
	for (int k = 12; k >= 0; k--)
		sum = sum * r + inverse_factorial[k];
	return sum * of_bits((uint64_t)(n + 1023) << 52);
}

double mr_capped(double nats, double doubt)
{
	if (!(nats > 0.0))
		return 0.0;
	return -mr_ln((1.0 - doubt) * mr_exp(-nats) + doubt);
}

double mr_share(double yes, double all, double prior, double strength)
{
	return (yes + strength * prior) / (all + strength);
}

/* The upper half of a float, rounded. */
uint16_t mr_small_of(double x)
{
	float single = (float)x;
	uint32_t bits;

	memcpy(&bits, &single, sizeof(bits));
	return (uint16_t)((bits + 0x8000) >> 16);
}

double mr_small(uint16_t small)
{
	uint32_t bits = (uint32_t)small << 16;
	float single;

	memcpy(&single, &bits, sizeof(single));
	return (double)single;
}
