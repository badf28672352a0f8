/*
 * The detector: how much the sending of an account speaks for a thief, channel by channel, in nats. PURE: the account
 * and site records are the caller's memory, time is an argument, and the same calls give the same bits on every
 * machine (core/nats.h has its own logarithm and exponential; the library is built with -ffp-contract=off).
 *
 * Nothing here freezes anybody: core/contain.h does, from the evidence and the policy.
 */
#ifndef MR_CORE_HIJACK_H
#define MR_CORE_HIJACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/account.h"
#include "model/policy.h"

enum mr_spam { MR_SPAM_NOT_TOLD, MR_SPAM_CLEAN, MR_SPAM_FLAGGED };

/* One recipient: hash of its canonical address (mr_habit_hash), and what is known of it beside the account's own
 * memory. */
struct mr_sent_to {
	uint64_t hash;
	bool wrote_first; /* it wrote to this account, or to its address, before */
	bool refused;     /* by the mail server or by a rule */
};

/* One message as the detector sees it. Hashes are mr_habit_hash() of canonical text, 0: not told. */
struct mr_sending {
	int64_t time_ms;       /* state time, never earlier than account->last_ms (the callee takes the later) */
	bool authenticated;    /* false: keyed by source, script or sender; then place and client say nothing */
	const struct mr_sent_to *to;
	size_t to_count;       /* all, the refused ones too */
	int64_t size;          /* bytes, -1: not told */
	enum mr_spam spam;
	uint64_t sender;       /* envelope sender; 0: the null sender */
	bool sender_own;       /* it is the account's own address, or an alias that leads to it */
	bool sender_own_domain;
	uint64_t network;      /* the client's /24 or /48; 0: unknown */
	bool network_ours;     /* private, or one of the policy's own networks: webmail, the office */
	bool network_read;     /* the account reads its mail there: logins on several days, by whatever protocol */
	uint32_t asn;          /* 0: unknown, which is not "foreign" */
	uint16_t country;      /* two letters, first << 8 | second; 0: unknown */
	uint64_t client;       /* HELO, made comparable, and listener */
	unsigned guessed;      /* different wrong passwords before the login that sends; 0: none */
	int64_t guessed_age_ms; /* since that login */
	float travel;          /* nats of an impossible journey */
	bool weak_password;    /* an audit found it */
	float lent;            /* nats lent by the source: an account there was just frozen with the same pattern */
};

/* What was found. Channels in nats, positive against the account, negative for it. */
struct mr_evidence {
	float channel[MR_CHANNEL_COUNT];
	float total;
	bool bulk_only;        /* the usual place, client and sender: all that may be wrong is a mailing */
	float series;          /* messages of about a day with evidence near a freeze, this one too */
	/* For words: what the pace channel measured. */
	float pace_count, pace_peak;
	uint8_t pace_window;   /* 0: 10 minutes, 1: an hour, 2: a day, 3: this one message */
	bool pace_recipients;  /* recipients, else messages */
	uint32_t strangers;    /* recipients of this message that were new */
};

/* Weighs one message and learns from it when all is calm. */
void mr_hijack_weigh(const struct mr_hijack_policy *policy, struct mr_account *account, struct mr_site *site,
		     const struct mr_sending *sending, struct mr_evidence *evidence_r);
/* As weigh, and changes nothing: for a message that is refused or exempt from learning, and for "evidence now". */
void mr_hijack_look(const struct mr_hijack_policy *policy, const struct mr_account *account, const struct mr_site *site,
		    const struct mr_sending *sending, struct mr_evidence *evidence_r);
/* An operator says that the last incident was harmless: the evidence goes, its channels weigh less for this account,
 * its pace and its recipients are accepted. */
void mr_hijack_release(struct mr_account *account, struct mr_site *site, int64_t now_ms);
/* The totals from which messages are held and accounts frozen under policy.false_freezes, with what the site has seen
 * so far. *low_r, *high_r: the 95 % interval of the wrong freezes per 1000 accounts and year that this threshold
 * gives; *calibrated_r: from the site's own traffic. */
struct mr_thresholds {
	float hold, freeze;
	float expected, low, high; /* wrong freezes per 1000 account-years */
	bool calibrated;
	double account_days;   /* what it is estimated from */
	double account_days_wanted; /* from which the site's own traffic decides */
	uint32_t exceedances;
	float slope;           /* of the tail, per nat */
};
void mr_hijack_thresholds(const struct mr_hijack_policy *policy, const struct mr_site *site,
			  struct mr_thresholds *thresholds_r);
/* What the evidence asks for, in rising order: freeze from thresholds.freeze; hold from thresholds.hold, unless about
 * 120 messages of a day were held before, which no owner's own mailing reaches: then freeze. A mailing from the usual
 * place and client cannot reach the freeze by its size alone: all that speaks for it is capped together. Modes,
 * exemptions, the budget and the state are core/contain.h's. */
enum mr_hijack_says { MR_HIJACK_CALM, MR_HIJACK_WATCHES, MR_HIJACK_HOLDS, MR_HIJACK_FREEZES };
enum mr_hijack_says mr_hijack_verdict(const struct mr_hijack_policy *policy, const struct mr_thresholds *thresholds,
				      const struct mr_evidence *evidence);
/* The evidence goes and nothing is learned: for an account that really was stolen and is its owner's again. */
void mr_hijack_forget(struct mr_account *account);
/* A day of the chart habit.days as it is stored, and back: exact up to 15 messages, then within 4 %. */
uint8_t mr_habit_day_code(uint32_t messages);
uint32_t mr_habit_day_messages(uint8_t code);
/* New records. */
void mr_site_begin(struct mr_site *site_r);
void mr_habit_begin(struct mr_habit *habit_r, int64_t now_ms);

#endif
