/*
 * What an account's logins say of it: places that it has used well, a password that was guessed, journeys that nobody can
 * make. PURE. Learning needs the right password: wrong ones change nothing here.
 */
#ifndef MR_CORE_HISTORY_H
#define MR_CORE_HISTORY_H

#include <stdbool.h>
#include <stdint.h>

#include "model/account.h"

/* One login that worked, or one accepted message of a login. */
struct mr_history_use {
	int64_t now_ms;            /* state time */
	uint32_t network;          /* hash of the client's /24 or /48; 0: unknown, teaches no place */
	uint16_t country;          /* 0: unknown */
	uint32_t asn;              /* 0: unknown */
	bool located;              /* latitude and longitude are known */
	int16_t latitude, longitude; /* tenths of a degree */
	bool shared;               /* a cloud or mobile carrier: its place says nothing of the person's */
	bool logged_in;            /* a login was told, and not only a message */
	bool ours;                 /* a private network or one of the policy's own */
	uint16_t failures_before;  /* different wrong passwords for this login from there or a sibling lately */
};

/* Learns one use. True: the password may have been guessed, and that is news. */
bool mr_history_learn(struct mr_history *history, const struct mr_history_use *use);
/* Whether the account has used network well: first at least an hour ago, last within 90 days. What was reached by
 * guessing, five different wrong passwords and then the right one, and what is new in the 14 days after that, counts
 * only after 14 different days. */
bool mr_history_knows(const struct mr_history *history, uint32_t network, int64_t now_ms);
/* Whether it is known, logins were told from there, and there were uses on three days at least: where somebody reads his
 * mail he may as well send it. */
bool mr_history_reads(const struct mr_history *history, uint32_t network, int64_t now_ms);
/* Failures that came before the login that now uses network, and how long ago it logged in; 0: none in the last 14 days,
 * or the network was known before. */
unsigned mr_history_guessed(const struct mr_history *history, uint32_t network, int64_t now_ms, int64_t *age_ms_r);
/* Nats of the last impossible journey, fading over a day; at most 2.5. */
float mr_history_travel(const struct mr_history *history, int64_t now_ms);
/* An operator says that all was harmless. */
void mr_history_release(struct mr_history *history);
/* The password was stolen and is the owner's again: what spoke of the theft goes, a guesser's places stay unknown. */
void mr_history_forget(struct mr_history *history);

#endif
