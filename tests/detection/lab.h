/* What the parts of the laboratory share; see lab.c. */
#ifndef TESTS_DETECTION_LAB_H
#define TESTS_DETECTION_LAB_H

#include "core/hijack.h"

enum { LAB_RECIPIENTS = 16384 };

struct lab_options {
	double hold_below, trace;
	const char *account, *decisions;
	bool calibrate, no_filter, no_geo, no_helo, no_friends, poison;
	int list;
};

struct lab_friends {
	unsigned taken, newer;
	uint64_t bits[2][16];
};

struct lab_account {
	const char *name, *kind;
	const char *theft, *history;   /* NULL: never stolen */
	uint64_t hash;
	long long first, last, start;
	bool begun, stolen, gone;
	size_t false_freezes, held, held_stolen;
	long long last_false, found_at;
	double escaped, escaped_to, left_free, left_free_to, stopped_to;
	struct lab_friends friends;
	struct mr_account record;
};

struct lab_event {
	long long id, t;
	int account;
	const char *label;
	bool stolen, authenticated, spam, ours, beyond, sender_own, sender_own_domain;
	uint64_t sender, network, client;
	uint32_t asn;
	uint16_t country;
	int64_t size;
	size_t to_first, to_count, refused;
	const int *to_account;
};

struct lab_set {
	char label[64];
	char *text;
	struct lab_account *accounts;
	struct lab_event *events;
	uint64_t *hashes;
	int *to_accounts;              /* -1: not an account of the set */
	size_t account_count, event_count, hash_count;
	double seconds;
	size_t weighed;
	uint32_t tail[MR_SITE_TAIL_BINS];
	struct mr_thresholds thresholds;
};

/* Ends the program with a sentence when the file cannot be read. */
struct lab_set *lab_set_read(const char *path);
void lab_set_free(struct lab_set *set);
/* The event as the engine would hand it to the detector. */
void lab_sending(const struct lab_event *e, const struct mr_sent_to *to, struct mr_sending *sending_r);
/* The p-quantile; sorts v. */
double lab_quantile(double *v, size_t n, double p);
/* The slow-ramp attack: one message on the first day, growing by a share a day, to teach the baseline. */
void lab_poison(struct lab_set *set, struct mr_hijack_policy *policy);

#endif
