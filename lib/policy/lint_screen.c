/*
 * The part of the lint that looks at attackers: screen, login_feed, and what hijack does to logins. Called by lint.c.
 */
#include <stdio.h>

#include "policy/build.h"
#include "policy/lint.h"

/* Fewer bits than these hold many networks that are not ours. */
enum { UNSCREENED_V4 = 16, UNSCREENED_V6 = 32, SITE_V6 = 64, SHARED_LEAST = 3 };

static bool acts(const struct mr_builder *b)
{
	return mr_policy_mode(b->policy, &b->policy->screen.rule) != MR_MODE_OFF;
}

/* ---- Limits ---- */

static void full_name(char out[64], enum mr_signal signal)
{
	snprintf(out, 64, "screen.%s", mr_signal_row(signal)->name);
}

/* As many in a short time as in a longer one: the longer one always speaks first. */
static void lint_windows(struct mr_builder *b, const config_setting_t *group)
{
	const struct mr_screen_policy *screen = &b->policy->screen;
	char full[64];

	for (size_t i = 0; i < screen->limit_count; i++) {
		for (size_t j = 0; j < screen->limit_count; j++) {
			const struct mr_screen_limit *one = &screen->limits[i], *longer = &screen->limits[j];
			struct mr_where where;

			if (one->signal != longer->signal || one->rate.window_ms >= longer->rate.window_ms ||
			    one->rate.most < longer->rate.most)
				continue;
			full_name(full, one->signal);
			where = mr_read_where(b, group, full);
			MR_WARN(b, MR_LINT_NEVER, &where,
				"%s allows as many in a short time as in a longer one\ngive the short time the smaller number",
				full);
			break;
		}
	}
}

/* Whether a source that fails so often in the time of guard is blocked on its way there. */
static bool is_blocked_before(const struct mr_screen_policy *screen, const struct mr_rate *guard)
{
	for (size_t i = 0; i < screen->limit_count; i++) {
		const struct mr_screen_limit *limit = &screen->limits[i];

		if ((limit->signal == MR_SIGNAL_LOGIN_FAILURES || limit->signal == MR_SIGNAL_LOGIN_ATTEMPTS) &&
		    limit->rate.most < guard->most && limit->rate.window_ms >= guard->window_ms)
			return true;
	}
	return false;
}

static void lint_guard(struct mr_builder *b, const config_setting_t *group)
{
	const struct mr_screen_policy *screen = &b->policy->screen;
	bool guard_written = mr_read_setting(group, "screen.guard_failures") != NULL;
	struct mr_where where =
		mr_read_where(b, group, guard_written ? "screen.guard_failures" : "screen.login_failures");

	if (mr_faults_count(b->faults, MR_FAULT_ERROR) > 0)
		return; /* perhaps a limit is only written wrongly */
	for (size_t i = 0; i < screen->limit_count; i++) {
		const struct mr_screen_limit *limit = &screen->limits[i];

		if (limit->signal != MR_SIGNAL_GUARD_FAILURES || is_blocked_before(screen, &limit->rate))
			continue;
		MR_WARN(b, MR_LINT_ACCOUNT_FIRST, &where,
			"one source can fail often enough to get a login guarded (%s, %llu) and is not blocked before: the "
			"owner feels it, the attacker does not\n"
			"give screen.login_failures a smaller number in the same time or a longer one",
			limit->label, (unsigned long long)limit->rate.most);
		return;
	}
}

/* ---- Blocks ---- */

static void lint_ladder(struct mr_builder *b, const config_setting_t *group)
{
	const struct mr_screen_policy *screen = &b->policy->screen;
	struct mr_where where = mr_read_where(b, group, "screen.block");
	int64_t longest = 0;

	for (size_t i = 0; i < screen->block_count; i++) {
		if (screen->block_ms[i] <= longest) {
			MR_WARN(b, MR_LINT_LADDER, &where,
				"the times of screen.block do not grow: whoever comes again is blocked no longer than before\n"
				"write them in ascending order, such as [ \"1h\", \"1d\", \"7d\" ]");
			break;
		}
		longest = screen->block_ms[i];
	}
	where = mr_read_where(b, group, mr_read_setting(group, "screen.forget") ? "screen.forget" : "screen.block");
	if (screen->block_count > 1 && screen->forget_ms <= screen->block_ms[screen->block_count - 2])
		MR_WARN(b, MR_LINT_LADDER, &where,
			"an offence is forgotten before its block ends, so that the last time of screen.block is never "
			"reached\n"
			"set screen.forget to a longer time than the blocks");
}

static void lint_reach(struct mr_builder *b, const config_setting_t *group)
{
	const struct mr_screen_policy *screen = &b->policy->screen;
	struct mr_where where = mr_read_where(b, group, "screen.at");

	if (screen->at == MR_SCREEN_AT_CONNECT)
		MR_WARN(b, MR_LINT_AT_CONNECT, &where,
			"a blocked source is refused at connect, and so are users behind the same address who log in: an "
			"office with one fool has no mail\n"
			"write at = \"mail\"; then the attacker's logins are refused by the login feed");
	where = mr_read_where(b, group, "screen.ipv6_prefix");
	if (screen->ipv6_prefix > SITE_V6)
		MR_WARN(b, MR_LINT_HOST_V6, &where,
			"screen.ipv6_prefix is %u: one host has 2^64 addresses, and uses another one for every try\n"
			"write 64, or fewer bits",
			screen->ipv6_prefix);
	where = mr_read_where(b, group, "screen.shared_logins");
	if (screen->shared_logins > 0 && screen->shared_logins < SHARED_LEAST)
		MR_WARN(b, MR_LINT_SHARED, &where,
			"a source is never blocked once %u of its logins were good: an attacker with stolen passwords has "
			"them\n"
			"write 10, or 0 to spare nobody",
			screen->shared_logins);
}

/* ---- Who is not screened ---- */

static bool is_private(const struct mr_prefix *prefix)
{
	const unsigned char *bytes = prefix->ip.bytes;

	if (prefix->ip.family == MR_IP_V6)
		return (prefix->length >= 7 && (bytes[0] & 0xfe) == 0xfc) ||
		       (prefix->length >= 10 && bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80);
	return (prefix->length >= 8 && (bytes[0] == 10 || bytes[0] == 127)) ||
	       (prefix->length >= 12 && bytes[0] == 172 && (bytes[1] & 0xf0) == 16);
}

static bool is_wide(const struct mr_prefix *prefix)
{
	return prefix->length < (prefix->ip.family == MR_IP_V4 ? UNSCREENED_V4 : UNSCREENED_V6) && !is_private(prefix);
}

static bool is_screened(const struct mr_builder *b, const struct mr_prefixset *set)
{
	if (set == b->policy->screen.rule.except)
		return false;
	for (size_t i = 0; i < b->policy->exemption_count; i++) {
		const struct mr_exemption *e = &b->policy->exemptions[i];

		if (e->network == set && (e->rules & MR_RULE_BIT(MR_RULE_SCREEN)) != 0 && !e->login)
			return false;
	}
	return true;
}

static void lint_networks(struct mr_builder *b)
{
	char text[MR_PREFIX_TEXT_MAX];

	for (size_t i = 0; i < b->trust_count; i++) {
		const struct mr_trust *trust = &b->trusts[i];

		for (size_t j = 0; trust->set && !is_screened(b, trust->set) && j < trust->written.count; j++) {
			const struct mr_written_prefix *item = &trust->written.items[j];

			if (!is_wide(&item->prefix))
				continue;
			mr_prefix_format(&item->prefix, text);
			MR_WARN(b, MR_LINT_UNSCREENED, &item->where,
				"%s holds %s, which is not screened: whoever is in it may guess passwords for ever\nname the "
				"networks that are really yours",
				trust->setting, text);
		}
	}
}

static void lint_exemptions(struct mr_builder *b)
{
	for (size_t i = 0; i < b->policy->exemption_count; i++) {
		const struct mr_exemption *e = &b->policy->exemptions[i];
		struct mr_where where = mr_read_where(b, b->exemption_places[i].setting, "exemptions.rules");

		if ((e->rules & MR_RULE_BIT(MR_RULE_SCREEN)) != 0 && e->login && !e->network)
			MR_WARN(b, MR_LINT_FREE_TARGET, &where,
				"exemption %s takes logins out of screening wherever they come from: everybody may guess their "
				"passwords for ever\n"
				"add the network that they come from",
				mr_faults_show(b->faults, mr_str_of(e->name ? e->name : "?")));
	}
}

/* ---- What it hears, and what it may refuse ---- */

static void lint_feed(struct mr_builder *b, const config_setting_t *group)
{
	const config_setting_t *feed = mr_read_group(b, "login_feed"), *hijack = mr_read_group(b, "hijack");
	bool listens = mr_read_text(feed, "login_feed.listen") != NULL;
	struct mr_where where = mr_read_where(b, group, "screen");

	if (group && acts(b) && !mr_read_setting(feed, "login_feed.listen"))
		MR_WARN(b, MR_LINT_HEARS_NOTHING, &where,
			"screen has no login feed, and the mail server does not tell of wrong passwords: attackers of logins "
			"are not seen\n"
			"set login_feed.listen for Dovecot; where \"mailreeve ingest\" reads the logs, write login_feed: { "
			"listen = \"\" }");
	where = mr_read_where(b, feed, "login_feed.keys");
	if (b->key_in_policy)
		MR_WARN(b, MR_LINT_KEY, &where,
			"a key of login_feed stands in the policy, which is copied and shown around\nput it into a file of "
			"its own and write \"file:/etc/mailreeve/feed.keys\"");
	if (!listens && mr_read_setting(feed, "login_feed.keys"))
		MR_WARN(b, MR_LINT_NEVER, &where,
			"login_feed has keys and does not listen\nset login_feed.listen = \"inet:4001@127.0.0.1\"");
	where = mr_read_where(b, hijack, "hijack.frozen_logins");
	if (b->policy->hijack.frozen_logins == MR_FROZEN_ALL && !listens)
		MR_WARN(b, MR_LINT_NEVER, &where,
			"hijack.frozen_logins refuses logins through the login feed, and there is none\nset "
			"login_feed.listen, or take frozen_logins out");
	if (b->policy->hijack.frozen_logins == MR_FROZEN_ALL && listens &&
	    (!mr_patternset_is_empty(b->policy->helpdesk) ||
	     mr_read_bool(mr_read_group(b, "notices"), "notices.owner")))
		MR_WARN(b, MR_LINT_FROZEN_ALL, &where,
			"a frozen user cannot log in to read mail, and neither sees the notice nor the answer of the "
			"helpdesk\n"
			"write frozen_logins = \"smtp\", or make sure that users can be reached by other means");
}

void mr_lint_screen(struct mr_builder *b)
{
	const config_setting_t *group = mr_read_group(b, "screen");

	lint_feed(b, group);
	if (!acts(b))
		return;
	if (group) {
		lint_windows(b, group);
		lint_guard(b, group);
		lint_ladder(b, group);
		lint_reach(b, group);
	}
	lint_networks(b);
	lint_exemptions(b);
}
