/* See words.h: accounts. Sources are in wordsource.c. Called by explain.c and showaccount.c. */
#include "words.h"

#include <stdio.h>
#include <string.h>

#include "mailreeve.h"
#include "print.h"

enum { CHANNELS_MOST = 32 };

/* The table of words knows what each channel says against the owner; this is what it says for her. */
static const struct {
	const char *channel, *words;
} kind_words[] = {
	{ "novelty", "mostly recipients that this account has written to before" },
	{ "persistence", "hour after hour mostly people that it knows" },
	{ "pace", "no more messages or recipients than usual" },
	{ "size", "messages of different sizes" },
	{ "spam", "nothing that another filter calls spam" },
	{ "refused", "recipients that exist" },
	{ "sender", "the sender address that it always uses" },
	{ "hour", "a usual hour of the day" },
	{ "place", "a network that it has long sent from" },
	{ "client", "the mail program that it always uses" },
};

static const char *words_of(const char *channel, double nats)
{
	const char *name, *words;

	for (size_t i = 0; nats < 0 && i < sizeof(kind_words) / sizeof(kind_words[0]); i++)
		if (strcmp(kind_words[i].channel, channel) == 0)
			return kind_words[i].words;
	for (size_t i = 0; mr_vocabulary("channel", i, &name, &words); i++)
		if (strcmp(name, channel) == 0)
			return words;
	return channel;
}

const char *mr_words_reason(const char *id)
{
	const char *name, *words;

	for (size_t i = 0; mr_vocabulary("reason", i, &name, &words); i++)
		if (strcmp(name, id) == 0)
			return words;
	return NULL;
}

/* ---- Evidence ---- */

struct part {
	const char *channel;
	double nats;
};

/* The channels that say something, the strongest against the owner first. */
static size_t sort_parts(const json_t *evidence, struct part parts_r[CHANNELS_MOST])
{
	const char *channel;
	const json_t *value;
	size_t n = 0;

	json_object_foreach((json_t *)(uintptr_t)evidence, channel, value) {
		struct part part = { channel, json_number_value(value) };
		size_t at = n;

		if (strcmp(channel, "total") == 0 || strcmp(channel, "limit") == 0 || n == CHANNELS_MOST ||
		    (part.nats < 0.05 && part.nats > -0.05))
			continue;
		for (; at > 0 && parts_r[at - 1].nats < part.nats; at--)
			parts_r[at] = parts_r[at - 1];
		parts_r[at] = part;
		n++;
	}
	return n;
}

static void print_parts(const struct part *parts, size_t n, bool against)
{
	bool any = false;
	char room[256];

	for (size_t i = 0; i < n; i++) {
		if ((parts[i].nats > 0) != against)
			continue;
		if (!any)
			printf("%s\n", against ? "What speaks against the owner:" : "What speaks for the owner:");
		any = true;
		printf("  %s%+6.1f%s  %s\n", mr_colour(against ? MR_RED : MR_GREEN), parts[i].nats, mr_colour_end(),
		       mr_safe(words_of(parts[i].channel, parts[i].nats), room, sizeof(room)));
	}
}

/* "Without X it would have been +6.1 of +13.0." Channels are taken away, the strongest first, until it is no longer
 * enough. */
static void print_otherwise(const struct part *parts, size_t n, double total, double threshold)
{
	double left = total;
	size_t i = 0;

	if (total < threshold) {
		printf("%.1f nats more would have been enough.\n", threshold - total);
		return;
	}
	printf("Without ");
	for (; i < n && parts[i].nats > 0 && left >= threshold; i++) {
		left -= parts[i].nats;
		printf("%s%s", i > 0 ? ", and " : "", words_of(parts[i].channel, parts[i].nats));
	}
	printf(", it would have been about %+.1f of %+.1f.\n", left, threshold);
}

void mr_words_evidence(const json_t *evidence, double threshold)
{
	struct part parts[CHANNELS_MOST] = { { NULL, 0 } };
	size_t n = sort_parts(evidence, parts);
	double total = mr_real_of(evidence, "total");

	print_parts(parts, n, true);
	print_parts(parts, n, false);
	if (n == 0)
		printf("Nothing speaks for or against the owner.\n");
	if (threshold <= 0)
		return;
	printf("  %s%+6.1f  of %+.1f nats from which an account is frozen%s\n", mr_colour(MR_BOLD), total, threshold,
	       mr_colour_end());
	if (n > 0)
		print_otherwise(parts, n, total, threshold);
}

/* ---- Standing ---- */

static void print_by(const json_t *row, const json_t *orders)
{
	const json_t *order = json_array_get(orders, 0);
	const char *cause = mr_text_of(row, "cause"), *reason = mr_words_reason(mr_text_of(row, "reason"));

	if (strcmp(cause, "evidence") == 0)
		printf(", by the rule hijack: its sending no longer looks like its owner's");
	else if (strcmp(cause, "limit") == 0)
		printf(", by a hard limit%s%s", reason != NULL ? ": " : "", reason != NULL ? reason : "");
	else if (strcmp(cause, "expiry") == 0)
		printf(": the time was over");
	if (strcmp(cause, "operator") != 0)
		return;
	printf(", ordered by ");
	mr_put(mr_text_of(order, "operator")[0] != '\0' ? mr_text_of(order, "operator") : "an operator");
	if (mr_text_of(order, "reason")[0] != '\0') {
		printf(": ");
		mr_put(mr_text_of(order, "reason"));
	}
}

void mr_words_standing(const json_t *row, const json_t *orders)
{
	const char *state = mr_text_of(row, "state");
	char when[MR_WHEN_MAX];

	mr_put(mr_text_of(row, "name"));
	printf(" is %s%s%s", mr_colour(mr_colour_of_state(state)), state, mr_colour_end());
	if (mr_text_of(row, "since")[0] != '\0')
		printf(" since %s", mr_when(mr_text_of(row, "since"), when));
	print_by(row, orders);
	printf(".\n");
	if (mr_text_of(row, "until")[0] != '\0')
		printf("It ends by itself: %s.\n", mr_when(mr_text_of(row, "until"), when));
	if (json_is_true(json_object_get(row, "external_only")))
		printf("It may still write to addresses of our own.\n");
}

void mr_words_next(const json_t *row)
{
	const char *state = mr_text_of(row, "state");
	char name[600];

	(void)mr_safe(mr_text_of(row, "name"), name, sizeof(name));
	if (strcmp(state, "frozen") == 0)
		printf("What to do: ask the owner by telephone.\n"
		       "  The owner sent it:           mailreeve thaw %s\n"
		       "  The password was stolen:     change it, then mailreeve thaw --stolen %s\n",
		       name, name);
	else if (strcmp(state, "held") == 0)
		printf("What to do: look at a held message (postcat -q ID), or ask the owner.\n"
		       "  It is harmless:              mailreeve release %s\n"
		       "  The password was stolen:     mailreeve freeze %s, and delete the held messages\n",
		       name, name);
	else if (strcmp(state, "watched") == 0)
		printf("What to do: nothing yet. It calms down by itself, or is held or frozen.\n"
		       "  It cannot be the owner:      mailreeve freeze %s\n", name);
}
