/* The only clock of the program. Thread-safe. */
#ifndef MR_MILTER_CLOCK_H
#define MR_MILTER_CLOCK_H

#include <stdint.h>
#include <time.h>

/* Milliseconds since 1970-01-01T00:00:00Z; goes where the administrator puts it. */
int64_t mr_clock_ms(void);
/* Milliseconds that never go backwards, for waiting. */
int64_t mr_clock_steady_ms(void);
/* The same, and it counts while the machine sleeps. */
int64_t mr_clock_boot_ms(void);
/* The moment ms from now on the steady clock, for pthread_cond_timedwait() on CLOCK_MONOTONIC. */
struct timespec mr_clock_steady_after(int64_t ms);

#endif
