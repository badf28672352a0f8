/* See company.h. Called by the engine when an account is frozen and before a message is weighed. */
#include "core/company.h"

/* An office behind one address has many owners, so the source alone lends nothing: the message must be alike too, within
 * 2 % of the size (two mails of one campaign are within 2 % of each other in the median case, phishing_pot) and from the
 * same client as far as it is told. 4 nats a day after the first account, and a little more when several were frozen. */
enum { LEND_MS = 24 * 3600 * 1000 };

static const float LENT = 4.0f, LENT_MORE = 1.0f, LENT_MOST = 6.0f, SIZE_LIKE = 0.02f;

/* Size as a fraction: no logarithm is needed to tell whether two sizes are within 2 %. */
static int is_like(float size, float other)
{
	float apart = size > other ? size - other : other - size;

	return size > 0 && other > 0 && apart <= SIZE_LIKE * other;
}

void mr_company_lend(struct mr_source *source, const struct mr_sending *sending)
{
	source->lent_ms = sending->time_ms;
	source->lent_client = (uint32_t)sending->client;
	source->lent_size = sending->size > 0 ? (float)sending->size : 0.0f;
	if (source->lent_count < UINT16_MAX)
		source->lent_count++;
}

float mr_company_lent(const struct mr_source *source, const struct mr_sending *sending)
{
	int64_t age = sending->time_ms - source->lent_ms;
	bool same_client = sending->client == 0 || source->lent_client == 0 ||
			   source->lent_client == (uint32_t)sending->client;
	float lent;

	if (source->lent_ms == 0 || age < 0 || age >= LEND_MS)
		return 0;
	if (!is_like((float)sending->size, source->lent_size) || !same_client)
		return 0;
	lent = LENT + LENT_MORE * (float)(source->lent_count - 1);
	if (lent > LENT_MOST)
		lent = LENT_MOST;
	return lent * (1.0f - (float)age / (float)LEND_MS);
}

void mr_company_forgive(struct mr_source *source)
{
	source->lent_ms = 0;
	source->lent_count = 0;
}
