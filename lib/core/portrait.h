/* An account's habits and standing in the form that people are shown. PURE; looks, changes nothing. */
#ifndef MR_CORE_PORTRAIT_H
#define MR_CORE_PORTRAIT_H

#include <stdbool.h>
#include <stdint.h>

#include "model/account.h"

enum { MR_PORTRAIT_DAYS = 31 };

struct mr_portrait_place {
	uint32_t mark;                 /* see mr_portrait_mark */
	int64_t first_ms, last_ms;     /* state time, whole days */
	unsigned messages;             /* calm ones to known people, saturating at 255 */
};

struct mr_portrait {
	uint32_t messages;             /* all ever */
	double strangers;              /* usual share of strangers among recipients; -1: not known yet */
	double messages_peak[3], recipients_peak[3]; /* highest in 10 minutes, an hour, a day */
	double messages_now[3], recipients_now[3];   /* fading counts over the same times */
	double size[MR_HABIT_SIZES];   /* bytes of the last messages; 0: none */
	bool trusts_a_place;
	int64_t grace_ms;              /* until then all is taken as calm; 0: no */
	struct mr_portrait_place place[MR_HABIT_PLACES];
	unsigned places;
	uint32_t day[MR_PORTRAIT_DAYS]; /* messages: [0] today, [1] yesterday, ... */
};

void mr_portrait_make(const struct mr_account *account, int64_t now_ms, struct mr_portrait *portrait_r);
/* The mark that a habit keeps of a network with this hash (mr_sending.network). */
uint32_t mr_portrait_mark(uint64_t network);

#endif
