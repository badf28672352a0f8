/* Whether what was read from a disk can be a habit. Called by account.c. */
#include <string.h>

#include "model/habit.h"

/* Neither infinite nor not a number: the exponent has not all its bits set. */
static bool is_finite(float value)
{
	const uint32_t exponent = UINT32_C(0xff) << 23;
	uint32_t bits;

	memcpy(&bits, &value, sizeof(bits));
	return (bits & exponent) != exponent;
}

static bool are_finite(const float *values, size_t count)
{
	size_t i = 0;

	while (i < count && is_finite(values[i]))
		i++;
	return i == count;
}

bool mr_habit_valid(const struct mr_habit *habit)
{
	const struct mr_pair *const pairs[] = {
		&habit->stranger, &habit->flagged, &habit->refused, &habit->refused_now, &habit->familiar,
		&habit->familiar_now, &habit->place_now, &habit->alike, &habit->strange_hour,
	};

	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		if (!is_finite(pairs[i]->yes) || !is_finite(pairs[i]->all))
			return false;
	}
	return is_finite(habit->series) && are_finite(habit->messages_in, 3) && are_finite(habit->recipients_in, 3) &&
	       are_finite(habit->place_seen, 4) && is_finite(habit->sessions) && habit->size_next < MR_HABIT_SIZES;
}
