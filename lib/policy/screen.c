/*
 * The group screen: how much of each signal is too much, and what is blocked for how long. Not what is odd about it
 * (lint_screen.c) and not what it means (core/screen.c). Called by build.c.
 */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "policy/build.h"

enum { FULL_NAME_MAX = 64, LABEL_MAX = 64 };

static void keep_limit(struct mr_builder *b, enum mr_signal signal, const struct mr_rate *rate)
{
	struct mr_screen_policy *screen = &b->policy->screen;
	struct mr_screen_limit *limits = mr_realloc(screen->limits, screen->limit_count + 1, sizeof(*limits));
	char window[MR_WINDOW_TEXT_MAX], label[LABEL_MAX];

	if (!limits) {
		b->err = MR_ERR_NOMEM;
		return;
	}
	screen->limits = limits;
	mr_window_text(rate->window_ms, window);
	snprintf(label, sizeof(label), "%s.%s", mr_signal_row(signal)->name, window);
	limits += screen->limit_count;
	*limits = (struct mr_screen_limit){ .signal = signal, .rate = *rate, .label = mr_strdup(label) };
	if (!limits->label)
		b->err = MR_ERR_NOMEM;
	else
		screen->limit_count++;
}

static void read_limits(struct mr_builder *b, const config_setting_t *group)
{
	struct mr_rate rates[MR_RATE_WINDOWS_MAX];
	char full[FULL_NAME_MAX];

	for (enum mr_signal signal = 0; signal < MR_SIGNAL_COUNT; signal++) {
		size_t count;

		if (signal == MR_SIGNAL_SIMULTANEOUS)
			continue;
		snprintf(full, sizeof(full), "screen.%s", mr_signal_row(signal)->name);
		count = mr_limits_read(b, group, full, rates);
		for (size_t i = 0; i < count && !b->err; i++)
			keep_limit(b, signal, &rates[i]);
	}
}

static void read_block(struct mr_builder *b, const config_setting_t *group)
{
	struct mr_screen_policy *screen = &b->policy->screen;
	struct mr_where where[MR_SCREEN_STEPS_MAX];

	screen->block_count =
		mr_read_numbers(b, group, "screen.block", MR_SCREEN_STEPS_MAX, screen->block_ms, where);
	where[0] = mr_read_where(b, group, "screen.block");
	if (screen->block_count == 0)
		MR_FAULT(b, "bad-value", &where[0],
			 "screen.block names no time, so that nobody could be blocked\n"
			 "write times such as [ \"1h\", \"1d\" ]; to block nobody write screen.mode = \"observe\"");
}

static bool is_kept(const uint8_t kept[MR_SCREEN_WIDE_MAX], int64_t bits)
{
	for (size_t i = 0; i < MR_SCREEN_WIDE_MAX; i++) {
		if (kept[i] == bits)
			return true;
	}
	return false;
}

/* Wider prefixes, the nearest first. A default that is no wider than what is one source is left out. */
static void read_wide(struct mr_builder *b, const config_setting_t *group, const char *full_name, uint8_t one,
		      uint8_t kept_r[MR_SCREEN_WIDE_MAX])
{
	bool written = mr_read_setting(group, full_name) != NULL;
	struct mr_where where[MR_SCREEN_WIDE_MAX];
	int64_t bits[MR_SCREEN_WIDE_MAX];
	size_t count = mr_read_numbers(b, group, full_name, MR_SCREEN_WIDE_MAX, bits, where), kept = 0;

	for (size_t i = 0; i < count; i++) {
		size_t at = kept;

		if (bits[i] >= one || is_kept(kept_r, bits[i])) {
			if (written)
				MR_FAULT(b, "conflict", &where[i],
					 "%s holds %lld, which is %s\nwrite fewer bits than the %u of one source, each number "
					 "once",
					 full_name, (long long)bits[i],
					 bits[i] >= one ? "no wider than one source" : "there twice", one);
			continue;
		}
		for (; at > 0 && kept_r[at - 1] < bits[i]; at--)
			kept_r[at] = kept_r[at - 1];
		kept_r[at] = (uint8_t)bits[i];
		kept++;
	}
}

void mr_screen_build(struct mr_builder *b)
{
	const config_setting_t *group = mr_read_group(b, "screen");
	struct mr_screen_policy *screen = &b->policy->screen;
	struct mr_where where = mr_read_where(b, group, "screen.tarpit");

	mr_rule_read(b, group, "screen", &screen->rule);
	screen->at = (enum mr_screen_stage)mr_read_word(group, "screen.at");
	read_limits(b, group);
	screen->simultaneous = (uint32_t)mr_read_number(group, "screen.simultaneous");
	read_block(b, group);
	screen->forget_ms = mr_read_number(group, "screen.forget");
	mr_read_rate(group, "screen.budget", &screen->budget);
	screen->ipv4_prefix = (uint8_t)mr_read_number(group, "screen.ipv4_prefix");
	screen->ipv6_prefix = (uint8_t)mr_read_number(group, "screen.ipv6_prefix");
	read_wide(b, group, "screen.wide_ipv4", screen->ipv4_prefix, screen->wide_ipv4);
	read_wide(b, group, "screen.wide_ipv6", screen->ipv6_prefix, screen->wide_ipv6);
	screen->wide_factor = (uint32_t)mr_read_number(group, "screen.wide_factor");
	screen->shared_logins = (uint32_t)mr_read_number(group, "screen.shared_logins");
	screen->tarpit_ms = mr_read_number(group, "screen.tarpit");
	if (screen->tarpit_ms % 1000 != 0)
		MR_FAULT(b, "bad-value", &where,
			 "screen.tarpit is not a number of whole seconds, which is all that Dovecot can wait\nwrite \"3s\", "
			 "for example");
	if (!b->err)
		mr_networks_all(b, &screen->own_networks);
}
