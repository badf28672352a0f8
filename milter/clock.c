/*
 * Reads the clock. Nothing else in the program does: all that decides is given the time.
 */
#include "clock.h"

static int64_t read_ms(clockid_t id)
{
	struct timespec now;

	if (clock_gettime(id, &now) != 0)
		return 0;
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t mr_clock_ms(void)
{
	return read_ms(CLOCK_REALTIME);
}

int64_t mr_clock_boot_ms(void)
{
	return read_ms(CLOCK_BOOTTIME);
}

int64_t mr_clock_steady_ms(void)
{
	return read_ms(CLOCK_MONOTONIC);
}

struct timespec mr_clock_steady_after(int64_t ms)
{
	int64_t then = mr_clock_steady_ms() + ms;

	return (struct timespec){ .tv_sec = (time_t)(then / 1000), .tv_nsec = (long)(then % 1000) * 1000000 };
}
