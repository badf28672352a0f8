/*
 * The list limits.rates and the ceilings of hijack, made into entries of hard limits. Not what is odd about them
 * (lint_rates.c) and not what they mean (core/rates.c). Called by build.c.
 */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "policy/build.h"

enum { FULL_NAME_MAX = 64, LABEL_MAX = 96 };

static const char *show(struct mr_builder *b, const struct mr_rates_entry *entry)
{
	return entry->name ? mr_faults_show(b->faults, mr_str_of(entry->name)) : "?";
}

/* ---- Limits ---- */

static size_t windows_of(const struct mr_rates_entry *entry, enum mr_metric metric)
{
	size_t count = 0;

	for (size_t i = 0; i < entry->limit_count; i++)
		count += entry->limits[i].metric == metric;
	return count;
}

static void keep_limit(struct mr_builder *b, struct mr_rates_entry *entry, enum mr_metric metric,
		       const struct mr_rate *rate)
{
	char window[MR_WINDOW_TEXT_MAX], label[LABEL_MAX];
	struct mr_rate_limit *limits = mr_realloc(entry->limits, entry->limit_count + 1, sizeof(*limits));

	if (!limits) {
		b->err = MR_ERR_NOMEM;
		return;
	}
	entry->limits = limits;
	mr_window_text(rate->window_ms, window);
	snprintf(label, sizeof(label), "%s.%s.%s", entry->name ? entry->name : "?", mr_metric_row(metric)->name, window);
	limits += entry->limit_count;
	*limits = (struct mr_rate_limit){ .metric = metric, .rate = *rate, .label = mr_strdup(label) };
	if (!limits->label)
		b->err = MR_ERR_NOMEM;
	else
		entry->limit_count++;
}

static void read_limits(struct mr_builder *b, struct mr_rates_entry *entry, enum mr_metric metric,
			const config_setting_t *group, const char *full_name)
{
	struct mr_rate rates[MR_RATE_WINDOWS_MAX];
	size_t count = mr_limits_read(b, group, full_name, rates);

	if (mr_read_setting(group, full_name))
		entry->metrics |= (uint32_t)1 << metric;
	for (size_t i = 0; i < count && !b->err; i++)
		keep_limit(b, entry, metric, &rates[i]);
}

/* ---- Whom an entry holds for ---- */

static void put_login(struct mr_builder *b, void *context, struct mr_str text, const struct mr_where *where)
{
	struct mr_rates_entry *entry = context;
	bool wild = mr_str_find(text, '*') < text.n || (text.n > 0 && text.p[0] == '@');

	mr_pattern_put(b, wild ? entry->like : entry->exact, MR_PATTERN_LOGIN, text, where);
}

static void read_logins(struct mr_builder *b, struct mr_rates_entry *entry, const config_setting_t *list)
{
	if (!list)
		return;
	entry->exact = mr_patternset_new(b->policy->hash_key);
	entry->like = mr_patternset_new(b->policy->hash_key);
	if (!entry->exact || !entry->like)
		b->err = MR_ERR_NOMEM;
	else
		mr_list_each(b, list, put_login, entry);
}

/* A list that says whom an entry holds for, which only goes with one kind of "per". */
static const config_setting_t *read_whom(struct mr_builder *b, const struct mr_rates_entry *entry,
					 const config_setting_t *group, const char *full_name, enum mr_rate_per per)
{
	static const char *const words[] = { "login", "source", "listener" };
	const config_setting_t *setting = mr_read_setting(group, full_name);
	struct mr_where where = mr_read_where(b, group, full_name);

	if (!setting || entry->per == per)
		return setting;
	MR_FAULT(b, "conflict", &where, "%s goes with per = \"%s\" only\ntake it out, or set per", full_name, words[per]);
	return NULL;
}

static void read_selectors(struct mr_builder *b, struct mr_rates_entry *entry, const config_setting_t *group)
{
	const config_setting_t *logins = read_whom(b, entry, group, "limits.rates.logins", MR_RATE_PER_LOGIN);
	const config_setting_t *domains = read_whom(b, entry, group, "limits.rates.domains", MR_RATE_PER_LOGIN);
	const config_setting_t *sources = read_whom(b, entry, group, "limits.rates.sources", MR_RATE_PER_SOURCE);
	const config_setting_t *listeners =
		read_whom(b, entry, group, "limits.rates.listeners", MR_RATE_PER_LISTENER);
	struct mr_where where = mr_read_where(b, group, "limits.rates.domains");

	if (logins && domains)
		MR_FAULT(b, "conflict", &where,
			 "rates %s has both logins and domains\nmake two entries of it: that for logins goes before that "
			 "for domains",
			 show(b, entry));
	read_logins(b, entry, logins);
	mr_list_domains(b, domains, &entry->domains);
	mr_networks_list(b, sources, &entry->sources, NULL);
	mr_list_names(b, listeners, false, &entry->listeners);
}

/* ---- Entries ---- */

static enum mr_verdict verdict_of(enum mr_rate_action action)
{
	switch (action) {
	case MR_RATE_ALERT:
		return MR_ACCEPT;
	case MR_RATE_HOLD:
		return MR_HOLD;
	case MR_RATE_TEMPFAIL:
		return MR_TEMPFAIL;
	case MR_RATE_REJECT:
	case MR_RATE_FREEZE:
		break;
	}
	return MR_REJECT;
}

static bool is_name(struct mr_str name)
{
	for (size_t i = 0; i < name.n; i++) {
		char c = mr_ascii_lower(name.p[i]);

		if ((c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_')
			return false;
	}
	return name.n > 0;
}

static void check_name(struct mr_builder *b, const struct mr_rates_entry *entry, const config_setting_t *group)
{
	struct mr_where where = mr_read_where(b, group, "limits.rates.name");
	const struct mr_rates_policy *rates = &b->policy->rates;

	if (!entry->name) {
		MR_FAULT(b, "missing-setting", &where, "this entry of rates has no name\ngive it one: event lines show it");
		return;
	}
	if (!is_name(mr_str_of(entry->name)))
		MR_FAULT(b, "bad-value", &where, "rates cannot be named \"%s\"\nwrite letters, digits, - and _",
			 show(b, entry));
	if (strcmp(entry->name, "hijack") == 0)
		MR_FAULT(b, "bad-value", &where,
			 "rates cannot be named hijack: the ceilings of hijack have that name\ngive it another name");
	for (const struct mr_rates_entry *other = rates->entries; other < entry; other++) {
		if (other->name && strcmp(other->name, entry->name) == 0) {
			MR_FAULT(b, "duplicate-setting", &where,
				 "there are two entries of rates named %s\ngive each its own name", show(b, entry));
			return;
		}
	}
}

static void build_entry(struct mr_builder *b, struct mr_rates_entry *entry, const config_setting_t *group)
{
	enum mr_mode mode = (enum mr_mode)mr_read_word(group, "limits.rates.mode");
	enum mr_mode cap = b->policy->limits.rule.mode;
	struct mr_where where = mr_read_where(b, group, "limits.rates.action");
	char full[FULL_NAME_MAX];

	mr_read_copy(b, group, "limits.rates.name", &entry->name);
	check_name(b, entry, group);
	entry->asked = MR_RULE_RATES;
	entry->per = (enum mr_rate_per)mr_read_word(group, "limits.rates.per");
	entry->from = (enum mr_rate_class)mr_read_word(group, "limits.rates.class");
	entry->action = (enum mr_rate_action)mr_read_word(group, "limits.rates.action");
	entry->rule = (struct mr_rule_settings){ .mode = mode < cap ? mode : cap, .action = verdict_of(entry->action),
						 .cannot_tell = MR_ACCEPT };
	if (entry->action == MR_RATE_FREEZE && entry->per == MR_RATE_PER_LISTENER)
		MR_FAULT(b, "conflict", &where,
			 "a listener cannot be frozen\nwrite another action, or per = \"login\" or \"source\"");
	mr_networks_trusted(b, group, "limits.rates.except", false, &entry->rule.except);
	read_selectors(b, entry, group);
	for (enum mr_metric metric = 0; metric < MR_METRIC_COUNT && !b->err; metric++) {
		snprintf(full, sizeof(full), "limits.rates.%s", mr_metric_row(metric)->name);
		read_limits(b, entry, metric, group, full);
	}
}

/* hijack.messages and hijack.recipients: two more limits of each login, with what hijack does. */
static void build_ceilings(struct mr_builder *b, struct mr_rates_entry *entry)
{
	static const enum mr_rate_action actions[] = { [MR_HIJACK_FREEZE] = MR_RATE_FREEZE,
						       [MR_HIJACK_HOLD] = MR_RATE_HOLD,
						       [MR_HIJACK_ALERT] = MR_RATE_ALERT };
	const config_setting_t *group = mr_read_group(b, "hijack");

	entry->name = mr_strdup("hijack");
	if (!entry->name) {
		b->err = MR_ERR_NOMEM;
		return;
	}
	entry->asked = MR_RULE_HIJACK;
	entry->per = MR_RATE_PER_CEILING;
	entry->action = actions[b->policy->hijack.action];
	entry->rule = (struct mr_rule_settings){ .mode = b->policy->hijack.rule.mode,
						 .action = verdict_of(entry->action), .cannot_tell = MR_ACCEPT };
	read_limits(b, entry, MR_METRIC_MESSAGES, group, "hijack.messages");
	if (!b->err)
		read_limits(b, entry, MR_METRIC_RECIPIENTS, group, "hijack.recipients");
}

/* ---- The whole ---- */

/* The most windows that one metric can have for one message, among the entries of this kind. */
static size_t most_windows(const struct mr_rates_policy *rates, enum mr_rate_per per, enum mr_rate_class from,
			   enum mr_metric metric)
{
	size_t most = 0;

	for (size_t i = 0; i < rates->count; i++) {
		const struct mr_rates_entry *entry = &rates->entries[i];
		size_t count = entry->per == per && entry->from == from ? windows_of(entry, metric) : 0;

		most = count > most ? count : most;
	}
	return most;
}

/* One message is measured against a bounded number of counters. */
static void check_uses(struct mr_builder *b)
{
	struct mr_where where = mr_read_where(b, mr_read_group(b, "limits"), "limits.rates");
	size_t uses[MR_RATE_OTHER + 1] = { 0 }, worst = 0;

	for (unsigned from = MR_RATE_ANY; from <= MR_RATE_OTHER; from++) {
		for (unsigned per = 0; per < MR_RATE_PER_COUNT; per++) {
			for (enum mr_metric metric = 0; metric < MR_METRIC_COUNT; metric++)
				uses[from] += most_windows(&b->policy->rates, (enum mr_rate_per)per,
							   (enum mr_rate_class)from, metric);
		}
		if (from > MR_RATE_ANY && uses[from] > worst)
			worst = uses[from];
	}
	if (uses[MR_RATE_ANY] + worst > MR_RATE_USES_MAX)
		MR_FAULT(b, "out-of-range", &where,
			 "a message could be measured against %zu limits at once\nkeep at most %d: take out windows or "
			 "metrics",
			 uses[MR_RATE_ANY] + worst, (int)MR_RATE_USES_MAX);
}

void mr_rates_build(struct mr_builder *b)
{
	const config_setting_t *all = mr_read_setting(mr_read_group(b, "limits"), "limits.rates");
	bool single = all && config_setting_is_group(all);
	int n = !all ? 0 : single ? 1 : config_setting_is_list(all) ? config_setting_length(all) : 0;
	struct mr_rates_policy *rates = &b->policy->rates;

	rates->entries = mr_calloc((size_t)n + 1, sizeof(*rates->entries));
	b->rates_places = mr_calloc((size_t)n + 1, sizeof(*b->rates_places));
	if (!rates->entries || !b->rates_places) {
		b->err = MR_ERR_NOMEM;
		return;
	}
	for (int i = 0; i < n && !b->err; i++) {
		const config_setting_t *group = single ? all : config_setting_get_elem(all, (unsigned)i);

		if (!config_setting_is_group(group))
			continue;
		b->rates_places[rates->count] = group;
		build_entry(b, &rates->entries[rates->count++], group);
	}
	if (!b->err && (mr_read_setting(mr_read_group(b, "hijack"), "hijack.messages") ||
			mr_read_setting(mr_read_group(b, "hijack"), "hijack.recipients")))
		build_ceilings(b, &rates->entries[rates->count++]);
	if (!b->err)
		mr_networks_all(b, &rates->networks);
	if (!b->err)
		check_uses(b);
}
