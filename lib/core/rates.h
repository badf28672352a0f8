/*
 * Hard limits: which hold for a message, what they count, and what an excess does. PURE; the counters are windows in the
 * caller's memory (core/window.h).
 *
 * How a message goes through it, with the store between the steps:
 *   mr_rates_collect   which counters it is measured against
 *   mr_rate_look       once for each: what the counter would hold with it; the record is held for this call only
 *   mr_rates_decide    whether it may go
 *   mr_rate_settle     once for each, when the message's fate is known: counts it, or counts it apart as refused
 * At MAIL the first three may be done with the least that the message will bring (one message, one recipient); only the
 * end of the message, or of a transaction that came to nothing, is settled.
 */
#ifndef MR_CORE_RATES_H
#define MR_CORE_RATES_H

#include "core/rules.h"
#include "core/window.h"

/* A message, or the beginning of one. */
struct mr_rate_subject {
	struct mr_str login;       /* canonical; absent: nobody logged in, limits of logins do not hold */
	struct mr_str source;      /* the client's prefix as text; absent: limits of sources do not hold */
	struct mr_str listener;    /* {daemon_name}; absent: limits of listeners do not hold */
	struct mr_ip client_ip;
	bool local;                /* submitted on the host itself: of the class private */
	uint32_t asn;              /* 0: unknown, not counted */
	uint16_t country;          /* two letters, first << 8 | second; 0: unknown, not counted */
	uint64_t messages;         /* 1, or 0 for a transaction that came to no message */
	uint64_t recipients;       /* accepted */
	uint64_t refused;          /* recipients refused by the mail server or by a rule */
	int64_t size;              /* bytes, -1: not told, not counted */
	bool spam;
	const uint32_t *to;        /* hashes of the accepted recipients, from mr_rates_sort */
	size_t to_count;
};

/* What became of a limit that was exceeded. */
enum mr_rate_effect {
	MR_RATE_KEPT,     /* it was not exceeded */
	MR_RATE_EXCUSED,  /* by the excepted networks or by an exemption */
	MR_RATE_OBSERVED, /* the mode is observe */
	MR_RATE_ACTED     /* its action is due: also MR_RATE_ALERT, which lets the message pass */
};

/* One counter that a message is measured against. Slices and pointers are those of the policy and of the subject, which
 * must outlive it. */
struct mr_rate_use {
	const struct mr_rates_entry *entry;
	const struct mr_rate_limit *limit;
	struct mr_str subject;     /* whose counter it is: login, source or listener */
	uint32_t kind;             /* which counter of the subject: who, from where, what, in which time; not how much,
	                            * so that a reload may change that. With subject the identity of the counter */
	size_t size;               /* bytes of its window */
	int64_t idle_ms;           /* it is empty when it was not touched for so long */
	struct mr_amount amount;   /* what the message brings; items is NULL when the one item is item */
	uint32_t item;
	bool acts;                 /* an excess is refused or held: enforced, and not only an alert */
	uint64_t count;            /* from mr_rate_look: what the counter holds with this message */
	uint32_t refused;          /* attempts refused by this limit in a row: no window's length without one */
	bool over;
	enum mr_rate_effect effect; /* from mr_rates_decide */
};

/* Makes hashes of addresses ready for mr_rate_subject.to: 32 bits of each, in order, none twice; returns how many are
 * left. hashes may be mr_habit_hash() of the addresses. room in to_r: count. */
size_t mr_rates_sort(const uint64_t *hashes, size_t count, uint32_t *to_r);

/* Fills uses_r with the counters of the limits that hold; returns how many. MR_RATE_USES_MAX are enough; what goes
 * beyond max is left out. For each metric, for each of login, source and listener and for each class, the most specific
 * entry that names the metric decides: a login by name, then by pattern, then by domain, then an entry for all. The
 * first written of two alike. */
size_t mr_rates_collect(const struct mr_policy *policy, const struct mr_rate_subject *subject,
			struct mr_rate_use *uses_r, size_t max);

/* memory: use->size bytes aligned to 8, of zeros when the counter is new. NULL: the counter cannot be had, and nothing is
 * exceeded. */
void mr_rate_look(struct mr_rate_use *use, void *memory, int64_t now_ms);

/* Asks modes and exemptions and fills in each effect. decision_r: as the other stages; an alert leaves it at accept.
 * Returns the use that decides, the one with the hardest action (its entry->action may be MR_RATE_FREEZE or
 * MR_RATE_ALERT), or NULL when no action is due. */
const struct mr_rate_use *mr_rates_decide(struct mr_subject *subject, struct mr_rate_use *uses, size_t count,
					  struct mr_decision *decision_r);

/* sent: the message was accepted, or held for another reason than a limit. Counts it; of a message that was refused, or
 * held for a limit, only what counts all the same. False: it
 * was to be sent, but meanwhile others have filled the counter, and it is not counted. Then give back what was counted
 * of this message, look again and decide again. */
bool mr_rate_settle(struct mr_rate_use *use, void *memory, int64_t now_ms, bool sent);
/* Takes back what mr_rate_settle just counted as sent, when another counter of the same message was found full. Different things
 * and similar sizes stay counted: in that rare case they are counted though nothing was sent. */
void mr_rate_give_back(struct mr_rate_use *use, void *memory, int64_t now_ms);

#endif
