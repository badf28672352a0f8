/*
 * The part of the lint that looks at hard limits: those that can never do anything. Called by lint.c.
 */
#include <stdio.h>

#include "policy/build.h"
#include "policy/lint.h"

static void warn(struct mr_builder *b, const config_setting_t *group, const char *full_name, const char *what,
		 const struct mr_rates_entry *entry, const char *cure)
{
	struct mr_where where = mr_read_where(b, group, full_name);

	MR_WARN(b, MR_LINT_NEVER, &where, "rates %s %s\n%s",
		entry->name ? mr_faults_show(b->faults, mr_str_of(entry->name)) : "?", what, cure);
}

static bool holds_for_all(const struct mr_rates_entry *entry)
{
	return !entry->exact && !entry->domains && !entry->sources && !entry->listeners;
}

static bool holds_for_none(const struct mr_rates_entry *entry)
{
	return (entry->exact && mr_patternset_is_empty(entry->exact) && mr_patternset_is_empty(entry->like)) ||
	       (entry->domains && mr_domainset_is_empty(entry->domains)) ||
	       (entry->sources && mr_prefixset_is_empty(entry->sources)) ||
	       (entry->listeners && mr_strmap_count(entry->listeners) == 0);
}

/* The metrics that an earlier entry for all has decided already. */
static uint32_t taken_before(const struct mr_rates_policy *rates, const struct mr_rates_entry *entry)
{
	uint32_t taken = 0;

	for (const struct mr_rates_entry *other = rates->entries; other < entry; other++) {
		if (other->per == entry->per && other->from == entry->from && holds_for_all(other))
			taken |= other->metrics;
	}
	return taken;
}

static void lint_whom(struct mr_builder *b, const struct mr_rates_entry *entry, const config_setting_t *group)
{
	if (entry->metrics == 0)
		warn(b, group, "limits.rates", "limits nothing", entry, "set messages = \"100/1h\", for example");
	if (holds_for_none(entry))
		warn(b, group, "limits.rates", "holds for nobody: its list is empty", entry,
		     "fill the list, or leave it out to mean all");
	if (holds_for_all(entry) && (entry->metrics & taken_before(&b->policy->rates, entry)))
		warn(b, group, "limits.rates", "limits for all what an entry before it limits for all already", entry,
		     "join the two, or say whom each holds for");
	if (entry->from == MR_RATE_NETWORKS && mr_prefixset_is_empty(b->policy->rates.networks))
		warn(b, group, "limits.rates.class", "is for clients in networks of the policy, and there are none",
		     entry, "give the networks in networks");
}

/* As many in a short time as in a longer one: the longer one always speaks first. */
static void lint_windows(struct mr_builder *b, const struct mr_rates_entry *entry, const config_setting_t *group)
{
	char full[64];

	for (size_t i = 0; i < entry->limit_count; i++) {
		for (size_t j = 0; j < entry->limit_count; j++) {
			const struct mr_rate_limit *one = &entry->limits[i], *longer = &entry->limits[j];

			if (one->metric != longer->metric || one->rate.window_ms >= longer->rate.window_ms ||
			    one->rate.most < longer->rate.most)
				continue;
			snprintf(full, sizeof(full), "%s.%s",
				 entry->per == MR_RATE_PER_CEILING ? "hijack" : "limits.rates",
				 mr_metric_row(one->metric)->name);
			warn(b, group, full, "allows as many in a short time as in a longer one", entry,
			     "give the short time the smaller number");
			break;
		}
	}
}

static bool names(const struct mr_rates_entry *entry, enum mr_metric metric)
{
	return entry->metrics & (uint32_t)1 << metric;
}

static void lint_metrics(struct mr_builder *b, const struct mr_rates_entry *entry, const config_setting_t *group)
{
	const config_setting_t *geo = mr_read_group(b, "geo");

	if (entry->per == MR_RATE_PER_SOURCE &&
	    (names(entry, MR_METRIC_ADDRESSES) || names(entry, MR_METRIC_NETWORKS) || names(entry, MR_METRIC_COUNTRIES)))
		warn(b, group, "limits.rates.per", "counts where a source sends from, and a source is one place", entry,
		     "take addresses, networks and countries out, or write per = \"login\"");
	if (names(entry, MR_METRIC_NETWORKS) && !mr_read_setting(geo, "geo.asn"))
		warn(b, group, "limits.rates.networks", "counts networks, and nothing here knows them", entry,
		     "set geo.asn, or limit addresses instead");
	if (names(entry, MR_METRIC_COUNTRIES) && !mr_read_setting(geo, "geo.country"))
		warn(b, group, "limits.rates.countries", "counts countries, and nothing here knows them", entry,
		     "set geo.country, or limit addresses instead");
}

void mr_lint_rates(struct mr_builder *b)
{
	const struct mr_rates_policy *rates = &b->policy->rates;

	for (size_t i = 0; i < rates->count; i++) {
		const struct mr_rates_entry *entry = &rates->entries[i];
		bool ceiling = entry->per == MR_RATE_PER_CEILING;
		const config_setting_t *group = ceiling ? mr_read_group(b, "hijack") : b->rates_places[i];
		struct mr_where where = mr_read_where(b, group, "limits.rates.mode");

		lint_windows(b, entry, group);
		if (ceiling)
			continue;
		if (mr_read_word(group, "limits.rates.mode") == MR_MODE_OFF) {
			MR_WARN(b, MR_LINT_OFF, &where,
				"rates %s is off\nwrite \"observe\" to see what it would do, then \"enforce\"",
				entry->name ? mr_faults_show(b->faults, mr_str_of(entry->name)) : "?");
			continue;
		}
		lint_whom(b, entry, group);
		lint_metrics(b, entry, group);
	}
}
