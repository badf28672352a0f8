/*
 * Screening: how much of a signal is too much, how long a block lasts, and which logins are let in. PURE: windows are the
 * caller's memory, time is an argument.
 */
#ifndef MR_CORE_SCREEN_H
#define MR_CORE_SCREEN_H

#include "core/window.h"
#include "model/policy.h"
#include "model/source.h"

/* A limit in the memory of one subject. */
size_t mr_screen_window_size(const struct mr_screen_limit *limit, uint32_t factor);
int64_t mr_screen_window_idle(const struct mr_screen_limit *limit);

/* What counting came to. */
struct mr_screen_count {
	uint64_t count, most;
	bool news;      /* counting this made it grow: it is not a repetition of what is remembered */
	bool passed;    /* more than most */
	bool half;      /* more than half of most */
	bool first;     /* passed for the first time in a run: nothing was passed for the length of the window */
};
/* Adds one item (DISTINCT: its hash; COUNT: ignored) to window, mr_screen_window_size bytes. factor: of the limit, from 1. */
void mr_screen_add(const struct mr_screen_limit *limit, uint32_t factor, void *window, int64_t now_ms, uint32_t item,
		   struct mr_screen_count *count_r);
/* The same, and adds nothing. window NULL: nothing was counted. */
void mr_screen_look(const struct mr_screen_limit *limit, uint32_t factor, void *window, int64_t now_ms,
		    struct mr_screen_count *count_r);

/* The offences that still count, and how long the block of a source with so many before lasts. */
unsigned mr_screen_offences(const struct mr_screen_policy *policy, const struct mr_source *source, int64_t now_ms);
int64_t mr_screen_block_time(const struct mr_screen_policy *policy, unsigned offences_before);

/* Different logins that used the source well, with a standard error of about 26 %: 0 for none, never less for one more.
 * And one more of them. */
unsigned mr_screen_good_logins(const struct mr_source *source);
void mr_screen_add_good_login(struct mr_source *source, uint64_t login_hash);

/* What is known when somebody wants to log in. */
struct mr_screen_case {
	bool source_blocked;     /* by screening */
	bool blocked_by_order;   /* by an operator */
	bool known_place;        /* the login has used this network well */
	bool guarded;            /* the login is under attack */
	bool pair_passed;        /* too many wrong passwords of this login from this source */
	bool half;               /* the source or the pair is past half a limit */
};
struct mr_screen_answer {
	bool refuse;
	enum mr_reason reason;
	unsigned wait_s;         /* when not refused: seconds to wait, 0: none */
};
/* Whether the login is let in. A known place is refused by nothing but an operator's block: it waits at most. */
void mr_screen_login(const struct mr_screen_policy *policy, const struct mr_screen_case *the_case,
		     struct mr_screen_answer *answer_r);

#endif
