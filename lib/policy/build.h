/*
 * What the files of this room share while one policy is built. Not thread-safe: one build, one builder.
 */
#ifndef MR_POLICY_BUILD_H
#define MR_POLICY_BUILD_H

#include "base/prefixset.h"
#include "model/policy.h"
#include "policy/faults.h"
#include "policy/setting.h"
#include "policy/tree.h"

/* One prefix as it was written, for the lint. */
struct mr_written_prefix {
	struct mr_prefix prefix;
	struct mr_where where;
};

/* What a list of networks was made of: the prefixes that were written in it and in the named networks that it names. */
struct mr_written_list {
	struct mr_written_prefix *items;
	size_t count, room;
};

/* One of networks{}. */
struct mr_named_network {
	const char *name; /* borrowed from the tree */
	struct mr_where where;
	struct mr_prefixset *set;
	struct mr_written_list written;
	bool used;
};

/* A list that lets somebody pass, for the lint. */
struct mr_trust {
	const char *setting; /* full name */
	struct mr_where where;
	struct mr_prefixset *set; /* borrowed from the policy */
	struct mr_written_list written;
	bool relays; /* whoever is in it may relay */
};

/* Places that the lint speaks of. */
struct mr_exemption_place {
	const config_setting_t *setting;
	bool own_domain; /* a pattern of sender that touches one of our domains */
	struct mr_where own_domain_where;
};

struct mr_builder {
	struct mr_policy_text *files;
	struct mr_faults *faults;
	struct mr_policy *policy;
	struct mr_tree *tree;
	const config_setting_t *root;
	int64_t now_ms;
	const struct mr_host *host; /* or NULL */
	struct mr_named_network *networks;
	size_t network_count;
	struct mr_trust *trusts;
	size_t trust_count;
	struct mr_exemption_place *exemption_places;
	struct mr_strmap *exemption_names;
	const config_setting_t **shield_places;
	const config_setting_t **rates_places; /* of the entries of limits.rates */
	const config_setting_t **location_places; /* of the entries of location, in their order */
	bool key_in_policy;                    /* a key of login_feed is written where everybody may read it */
	int err; /* MR_ERR_NOMEM once something could not be allocated */
};

#define MR_FAULT(b, id, where, ...) mr_faults_add((b)->faults, MR_FAULT_ERROR, id, where, __VA_ARGS__)

/* ---- check.c: names, types and ranges, told for the whole tree ---- */

void mr_check_tree(struct mr_builder *b);

/* ---- read.c: values, with the default for what is absent or was found wrong by the check ---- */

/* The group of that name at the top, or NULL. */
const config_setting_t *mr_read_group(const struct mr_builder *b, const char *name);
/* The setting with this full name inside group, which stands for all before the last dot; NULL when absent. */
const config_setting_t *mr_read_setting(const config_setting_t *group, const char *full_name);
/* Where the setting stands, or its group, or the policy file. */
struct mr_where mr_read_where(const struct mr_builder *b, const config_setting_t *group, const char *full_name);
/* NUMBERS: at most most of them, each with its place; how many. The default when the setting is absent. */
size_t mr_read_numbers(struct mr_builder *b, const config_setting_t *group, const char *full_name, size_t most,
		       int64_t *values_r, struct mr_where *where_r);
/* RATE; most is UINT64_MAX for "unlimited". */
void mr_read_rate(const config_setting_t *group, const char *full_name, struct mr_rate *rate_r);
bool mr_read_bool(const config_setting_t *group, const char *full_name);
/* NUMBER, SIZE, TIME or DATE; 0 when there is no default. */
int64_t mr_read_number(const config_setting_t *group, const char *full_name);
/* The position of a WORD in its choices. */
unsigned mr_read_word(const config_setting_t *group, const char *full_name);
/* TEXT, WORD or DATE as text, borrowed from the tree or the table; NULL for "". */
const char *mr_read_text(const config_setting_t *group, const char *full_name);
/* A copy of the text in *text_r, NULL for "". */
void mr_read_copy(struct mr_builder *b, const config_setting_t *group, const char *full_name, char **text_r);
/* Reads a scalar of a type from text. MR_ERR_SYNTAX, MR_ERR_RANGE. */
int mr_value_parse(const struct mr_setting_row *row, struct mr_str text, int64_t *value_r);

/* ---- list.c: lists of strings, and the files that they name ---- */

typedef void mr_entry_function(struct mr_builder *b, void *context, struct mr_str entry, const struct mr_where *where);

/* Calls take for every entry of the list, those of files included. */
void mr_list_each(struct mr_builder *b, const config_setting_t *list, mr_entry_function *take, void *context);
/* The same; files must not be readable by everybody, and may hold any bytes. */
void mr_list_each_secret(struct mr_builder *b, const config_setting_t *list, mr_entry_function *take, void *context);
/* One more text in items. */
void mr_items_put(struct mr_builder *b, struct mr_items *items, struct mr_str text);
/* Sets from lists: absent lists leave *set_r as it is. */
void mr_list_domains(struct mr_builder *b, const config_setting_t *list, struct mr_domainset **set_r);
/* Logins are canonical under b->policy->login. */
enum mr_pattern_use { MR_PATTERN_ADDRESS, MR_PATTERN_LOGIN };
void mr_list_patterns(struct mr_builder *b, const config_setting_t *list, enum mr_pattern_use use,
		      struct mr_patternset **set_r);
/* fold: ASCII letters are made lower case. */
void mr_list_names(struct mr_builder *b, const config_setting_t *list, bool fold, struct mr_strmap **map_r);
/* Adds one pattern, or a fault. */
void mr_pattern_put(struct mr_builder *b, struct mr_patternset *set, enum mr_pattern_use use, struct mr_str entry,
		    const struct mr_where *where);

/* ---- networks.c ---- */

void mr_networks_build(struct mr_builder *b);
/* A list of networks; absent: *set_r stays. written_r: NULL, or what it was made of. */
void mr_networks_list(struct mr_builder *b, const config_setting_t *list, struct mr_prefixset **set_r,
		      struct mr_written_list *written_r);
/* As mr_networks_list, for a list that lets somebody pass. */
void mr_networks_trusted(struct mr_builder *b, const config_setting_t *group, const char *full_name, bool relays,
			 struct mr_prefixset **set_r);
/* All named networks together. */
void mr_networks_all(struct mr_builder *b, struct mr_prefixset **set_r);
void mr_networks_free(struct mr_builder *b);

/* ---- limit.c ---- */

/* LIMITS, none for "unlimited"; how many. The default when the setting is absent. */
size_t mr_limits_read(struct mr_builder *b, const config_setting_t *group, const char *full_name,
		      struct mr_rate rates_r[MR_RATE_WINDOWS_MAX]);
/* "90s" as it is, "3600s" as "1h": the longest unit that divides it. */
enum { MR_WINDOW_TEXT_MAX = 24 };
void mr_window_text(int64_t window_ms, char out_r[MR_WINDOW_TEXT_MAX]);

/* ---- rules.c, exemptions.c, maps.c, hijack.c ---- */

void mr_rules_build(struct mr_builder *b);
/* mode, action, cannot_tell and except of the group with that name; what it does not offer keeps its default. */
void mr_rule_read(struct mr_builder *b, const config_setting_t *group, const char *name, struct mr_rule_settings *rule);
/* screen; after mr_networks_build */
void mr_screen_build(struct mr_builder *b);
/* geo and location */
void mr_location_build(struct mr_builder *b);
/* login_feed */
void mr_login_feed_build(struct mr_builder *b);
/* hijack and state */
void mr_hijack_build(struct mr_builder *b);
/* limits.rates, and the ceilings of hijack; after mr_rules_build and mr_hijack_build */
void mr_rates_build(struct mr_builder *b);
/* notices */
void mr_notices_build(struct mr_builder *b);
void mr_exemptions_build(struct mr_builder *b);
/* accounts, aliases and sender.logins */
void mr_maps_build(struct mr_builder *b);

/* ---- lint.c ---- */

void mr_lint_run(struct mr_builder *b);

#endif
