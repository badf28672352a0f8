/*
 * Screening: what is too much, how long a block lasts, who is let in. Not which windows there are and who keeps them,
 * and not what becomes of a source that passed a limit: that is the engine's, which calls all this. PURE.
 */
#include "core/screen.h"

#include <limits.h>

#include "core/nats.h"

/* ---- Limits ---- */

/* The limit is that of one address; wider prefixes have more room. */
static uint64_t most_of(const struct mr_screen_limit *limit, uint32_t factor)
{
	uint64_t most = limit->rate.most;

	if (factor < 1)
		factor = 1;
	return most > UINT64_MAX / factor ? UINT64_MAX : most * factor;
}

static struct mr_window window_of(const struct mr_screen_limit *limit, uint32_t factor, void *memory)
{
	return (struct mr_window){ memory, mr_screen_window_size(limit, factor), mr_signal_row(limit->signal)->form,
				   limit->rate.window_ms };
}

size_t mr_screen_window_size(const struct mr_screen_limit *limit, uint32_t factor)
{
	return mr_window_size(mr_signal_row(limit->signal)->form, most_of(limit, factor));
}

int64_t mr_screen_window_idle(const struct mr_screen_limit *limit)
{
	return mr_window_reach(limit->rate.window_ms);
}

static struct mr_screen_count compare(uint64_t count, uint64_t most)
{
	return (struct mr_screen_count){ .count = count, .most = most, .passed = count > most,
					 .half = count > most / 2 };
}

void mr_screen_add(const struct mr_screen_limit *limit, uint32_t factor, void *memory, int64_t now_ms, uint32_t item,
		   struct mr_screen_count *count_r)
{
	struct mr_window window = window_of(limit, factor, memory);
	struct mr_amount one = { .number = 1 };
	uint64_t fresh, count;

	if (window.form == MR_FORM_DISTINCT)
		one = (struct mr_amount){ .items = &item, .item_count = 1 };
	count = mr_window_would(&window, now_ms, &one, &fresh);
	mr_window_add(&window, now_ms, &one);
	*count_r = compare(count, most_of(limit, factor));
	count_r->news = fresh > 0;
	/* What repeats keeps the run going as well: the source did not go away. */
	count_r->first = count_r->passed && mr_window_refuse(&window, now_ms) == 1;
}

void mr_screen_look(const struct mr_screen_limit *limit, uint32_t factor, void *memory, int64_t now_ms,
		    struct mr_screen_count *count_r)
{
	struct mr_window window = window_of(limit, factor, memory);
	const struct mr_amount nothing = { .number = 0 };
	uint64_t fresh, count = 0;

	if (memory != NULL)
		count = mr_window_would(&window, now_ms, &nothing, &fresh);
	*count_r = compare(count, most_of(limit, factor));
}

/* ---- The ladder of blocks ---- */

unsigned mr_screen_offences(const struct mr_screen_policy *policy, const struct mr_source *source, int64_t now_ms)
{
	/* A block that an operator lifted has no end, but the time when it was lifted. */
	int64_t from = source->until_ms > 0 ? source->until_ms : source->since_ms;
	int64_t forgotten;

	if (policy->forget_ms <= 0 || from < 0 || now_ms <= from)
		return source->offences;
	forgotten = (now_ms - from) / policy->forget_ms;
	return forgotten < source->offences ? (unsigned)(source->offences - forgotten) : 0;
}

int64_t mr_screen_block_time(const struct mr_screen_policy *policy, unsigned offences_before)
{
	size_t steps = policy->block_count < MR_SCREEN_STEPS_MAX ? policy->block_count : MR_SCREEN_STEPS_MAX;

	if (steps == 0)
		return 0;
	return policy->block_ms[offences_before < steps ? offences_before : steps - 1];
}

/* ---- How many log in well ---- */

/* A login falls into one of 16 registers, which keeps the longest run of zero bits that it saw there. The hash is mixed
 * once more, since only a few of its bits decide. */
void mr_screen_add_good_login(struct mr_source *source, uint64_t login_hash)
{
	uint64_t x = login_hash;
	uint8_t rank = 1;

	x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
	x ^= x >> 31;
	for (uint64_t rest = x / MR_SOURCE_LOGINS; rank <= 60 && rest % 2 == 0; rest /= 2)
		rank++;
	if (source->logins[x % MR_SOURCE_LOGINS] < rank)
		source->logins[x % MR_SOURCE_LOGINS] = rank;
}

/*
 * The estimator of Ertl (2017, "New cardinality estimation algorithms for HyperLogLog sketches") needs no switch
 * between few and many, so that one login more never gives a lower number. The constant is that of Flajolet et al.
 * (2007) for 16 registers, as Ertl's is 7 % too high for so few. Standard error about 1.04 / sqrt(16) = 26 %, less
 * below 10 logins.
 */
unsigned mr_screen_good_logins(const struct mr_source *source)
{
	const double registers = MR_SOURCE_LOGINS, alpha = 0.673;
	double sum = 0.0, share, power = 1.0, estimate;
	unsigned empty = 0;

	for (size_t i = 0; i < MR_SOURCE_LOGINS; i++) {
		unsigned rank = source->logins[i] < 61 ? source->logins[i] : 61;

		if (rank == 0)
			empty++;
		else
			sum += 1.0 / (double)(UINT64_C(1) << rank);
	}
	if (empty == MR_SOURCE_LOGINS)
		return 0;
	/* x + x^2 + 2 x^4 + 4 x^8 + ..., which stands for the empty registers. */
	share = empty / registers;
	sum += registers * share;
	for (int i = 0; i < 16; i++, power *= 2.0) {
		share *= share;
		sum += registers * share * power;
	}
	estimate = alpha * registers * registers / sum + 0.5;
	return estimate < (double)INT_MAX ? (unsigned)estimate : INT_MAX;
}

/* ---- Who is let in ---- */

static void refuse(enum mr_reason reason, struct mr_screen_answer *answer_r)
{
	*answer_r = (struct mr_screen_answer){ .refuse = true, .reason = reason };
}

static unsigned seconds_of(int64_t ms)
{
	return ms <= 0 ? 0 : ms / 1000 < INT_MAX ? (unsigned)(ms / 1000) : INT_MAX;
}

void mr_screen_login(const struct mr_screen_policy *policy, const struct mr_screen_case *the_case,
		     struct mr_screen_answer *answer_r)
{
	bool slow = the_case->half || the_case->pair_passed || the_case->source_blocked;

	*answer_r = (struct mr_screen_answer){ .reason = MR_REASON_NONE };
	if (the_case->blocked_by_order)
		refuse(MR_REASON_SOURCE_BLOCKED, answer_r);
	else if (the_case->source_blocked && !the_case->known_place)
		refuse(MR_REASON_SCREEN_BLOCKED, answer_r);
	else if (the_case->pair_passed && !the_case->known_place)
		refuse(MR_REASON_SCREEN_PAIR_FAILURES, answer_r);
	else if (the_case->guarded && !the_case->known_place)
		refuse(MR_REASON_SCREEN_GUARD_FAILURES, answer_r);
	else if (slow)
		answer_r->wait_s = seconds_of(policy->tarpit_ms);
}
