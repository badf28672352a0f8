/*
 * What the parts of the detector share while one message is weighed. Private to hijack.c, novelty.c, pace.c, place.c,
 * client.c, login.c, trouble.c and recall.c.
 */
#ifndef MR_CORE_HIJACK_PARTS_H
#define MR_CORE_HIJACK_PARTS_H

#include "core/hijack.h"

enum { MR_MINUTE_MS = 60000, MR_HOUR_MS = 3600000, MR_DAY_MS = 86400000 };

/* What a fading sum keeps over the pause before this message. */
enum mr_fade { MR_FADE_10MIN, MR_FADE_HOUR, MR_FADE_4H, MR_FADE_6H, MR_FADE_12H, MR_FADE_DAY, MR_FADE_3DAYS, MR_FADES };

/* One message being weighed. The habit is a copy: whoever only looks throws it away. */
struct mr_weighing {
	const struct mr_sending *sending;
	const struct mr_site *site;
	struct mr_habit *habit;
	int64_t now_ms;
	double pause;           /* seconds since the last message */
	double fade[MR_FADES];
	/* Found by novelty.c: */
	uint32_t known, strangers, familiar, refused_strangers; /* familiar: strangers that others here write to */
	double mixture;         /* nats that the mixture of strangers adds if the owner sends a mailing */
	bool hour_over;         /* the message opens a new hour; was the last one strange? */
	bool hour_strange, hour_taught;
	/* Found by place.c: */
	bool trusted;           /* a place that has proved to be the account's own */
	bool early;             /* a place that the account began with */
	int place_class;        /* 0: known network, 1: new network, 2: new AS, 3: new country */
	double place_charge;
	/* Found by likeness.c: */
	bool has_sizes, alike;
	/* Found by trouble.c: what refusals and the filter say if the owner sends a mailing. */
	double refused_mailing, spam_mailing;
	/* Evidence in nats, before caps that join channels. */
	double nats[MR_CHANNEL_COUNT];
	struct mr_evidence *evidence;
	bool calm, teaches;
};

/* Sums of evidence as they are kept. */
double mr_sum_get(const struct mr_habit *habit, enum mr_habit_sum which);
void mr_sum_set(struct mr_habit *habit, enum mr_habit_sum which, double nats);
/* Nats in 1/8, cut to what 8 bits hold. */
uint8_t mr_eighths(double nats);
/* The doubt of a channel: the probability that one harmless cause explains all of it, given an operator's releases. */
double mr_weighing_doubt(const struct mr_weighing *w, enum mr_channel channel, double doubt);
/* Counts one observation of yes among all, older ones fading by keep. */
void mr_pair_count(struct mr_pair *pair, double yes, double all, double keep);
double mr_pair_share(const struct mr_pair *pair);

/* novelty.c */
void mr_novelty_weigh(struct mr_weighing *w);
void mr_novelty_learn(struct mr_weighing *w, struct mr_site *site);
/* pace.c */
void mr_pace_weigh(struct mr_weighing *w);
void mr_pace_learn(struct mr_weighing *w, struct mr_site *site);
void mr_pace_accept(struct mr_habit *habit);
/* likeness.c */
void mr_likeness_weigh(struct mr_weighing *w);
void mr_likeness_learn(struct mr_weighing *w, struct mr_site *site);
/* trouble.c: flagged, refused, sender, hour */
void mr_trouble_weigh(struct mr_weighing *w);
void mr_trouble_learn(struct mr_weighing *w, struct mr_site *site);
/* place.c */
void mr_place_weigh(struct mr_weighing *w);
void mr_place_learn(struct mr_weighing *w, struct mr_site *site);
/* client.c */
void mr_client_weigh(struct mr_weighing *w);
void mr_client_learn(struct mr_weighing *w, struct mr_site *site);
/* login.c: guessed, travel, password; the cap after all others are known */
void mr_login_weigh(struct mr_weighing *w);
void mr_login_cap(struct mr_weighing *w);

/* recall.c */
bool mr_recall_recipient(const struct mr_habit *habit, uint64_t hash);
void mr_recall_add_recipient(struct mr_habit *habit, uint64_t hash);
/* Whom any account of the site wrote to. */
bool mr_recall_site_recipient(const struct mr_site *site, uint64_t hash);
void mr_recall_add_site_recipient(struct mr_site *site, uint64_t hash);
/* A short list of 16-bit marks, newest first. 0 is never on it. */
bool mr_recall_mark(const uint16_t *list, size_t n, uint16_t mark);
void mr_recall_add_mark(uint16_t *list, size_t n, uint16_t mark);
uint16_t mr_mark_of(uint64_t hash); /* never 0 */
uint32_t mr_mark32_of(uint64_t hash); /* never 0 */

/* calibrate.c: the worst of a day that is over, and of an incident that an operator called harmless. */
void mr_tail_close_day(struct mr_habit *habit, struct mr_site *site, uint16_t today);
void mr_tail_count_release(struct mr_habit *habit, struct mr_site *site);

#endif
