/*
 * The groups hijack and state, made from the tree. Called by build.c.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "policy/build.h"

enum { HEADER_NAME_MAX = 64 };

static double read_float(const config_setting_t *group, const char *full_name, double fallback)
{
	const config_setting_t *setting = mr_read_setting(group, full_name);
	int type = setting ? config_setting_type(setting) : CONFIG_TYPE_NONE;

	if (type == CONFIG_TYPE_FLOAT)
		return config_setting_get_float(setting);
	return type == CONFIG_TYPE_INT ? config_setting_get_int(setting) : fallback;
}

/* "X-Spam: yes": the field and how its value begins. */
static void put_spam_header(struct mr_builder *b, void *context, struct mr_str entry, const struct mr_where *where)
{
	struct mr_strmap *map = context;
	size_t colon = mr_str_find(entry, ':');
	struct mr_str name = mr_str_trim(mr_str_part(entry, 0, colon));
	struct mr_str value = mr_str_trim(mr_str_part(entry, colon + 1, entry.n));
	char folded[HEADER_NAME_MAX];
	void *old = NULL;
	char *copy;

	if (colon == entry.n || name.n == 0 || name.n > sizeof(folded) || value.n == 0) {
		MR_FAULT(b, "bad-value", where,
			 "\"%s\" does not name a header field and its value\nwrite, for example, \"X-Spam: yes\"",
			 mr_faults_show(b->faults, entry));
		return;
	}
	for (size_t i = 0; i < name.n; i++)
		folded[i] = mr_ascii_lower(name.p[i]);
	copy = mr_strndup(value.p, value.n);
	if (!copy || mr_strmap_set(map, (struct mr_str){ folded, name.n }, copy, &old) != MR_OK) {
		mr_free(copy);
		b->err = MR_ERR_NOMEM;
		return;
	}
	mr_free(old);
}

static void read_spam_headers(struct mr_builder *b, const config_setting_t *group)
{
	const config_setting_t *list = mr_read_setting(group, "hijack.spam_headers");
	struct mr_hijack_policy *hijack = &b->policy->hijack;

	if (!list)
		return;
	hijack->spam_headers = mr_strmap_new(b->policy->hash_key);
	if (!hijack->spam_headers) {
		b->err = MR_ERR_NOMEM;
		return;
	}
	mr_list_each(b, list, put_spam_header, hijack->spam_headers);
}

/* The contact goes into an SMTP reply: one line of printable ASCII without '%' (smfi_setreply). */
static void check_contact(struct mr_builder *b, const config_setting_t *group)
{
	struct mr_str contact = mr_str_of(b->policy->hijack.contact);
	struct mr_where where = mr_read_where(b, group, "hijack.contact");

	for (size_t i = 0; i < contact.n; i++) {
		if (contact.p[i] >= ' ' && contact.p[i] <= '~' && contact.p[i] != '%')
			continue;
		MR_FAULT(b, "bad-value", &where,
			 "hijack.contact holds a byte that an SMTP reply cannot carry\n"
			 "write printable ASCII without %%, for example \"call 555-0100\"");
		return;
	}
}

static void check_directory(struct mr_builder *b, const config_setting_t *group)
{
	const char *directory = b->policy->state.directory;
	struct mr_where where = mr_read_where(b, group, "state.directory");

	if (directory && directory[0] != '/' && strcmp(directory, "none") != 0)
		MR_FAULT(b, "bad-value", &where,
			 "state.directory does not begin at the root\nwrite \"/var/lib/mailreeve\", or \"none\"");
}

void mr_hijack_build(struct mr_builder *b)
{
	const config_setting_t *group = mr_read_group(b, "hijack"), *state = mr_read_group(b, "state");
	struct mr_hijack_policy *hijack = &b->policy->hijack;

	hijack->rule = (struct mr_rule_settings){ .mode = (enum mr_mode)mr_read_word(group, "hijack.mode"),
						  .action = MR_REJECT, .cannot_tell = MR_ACCEPT };
	hijack->action = (enum mr_hijack_action)mr_read_word(group, "hijack.action");
	hijack->false_freezes = read_float(group, "hijack.false_freezes", 5.0);
	hijack->calibrate = mr_read_bool(group, "hijack.calibrate");
	hijack->hold = mr_read_bool(group, "hijack.hold");
	hijack->external_only = mr_read_bool(group, "hijack.external_only");
	hijack->freeze_time_ms = mr_read_number(group, "hijack.freeze_time");
	mr_read_rate(group, "hijack.freeze_budget", &hijack->budget);
	hijack->unauthenticated = (enum mr_hijack_key)mr_read_word(group, "hijack.unauthenticated");
	mr_read_copy(b, group, "hijack.script_header", &hijack->script_header);
	hijack->size_from_body = mr_read_word(group, "hijack.size_from") == 0;
	mr_read_copy(b, group, "hijack.contact", &hijack->contact);
	check_contact(b, group);
	read_spam_headers(b, group);
	hijack->frozen_logins = (enum mr_frozen_logins)mr_read_word(group, "hijack.frozen_logins");
	mr_networks_list(b, mr_read_setting(group, "hijack.networks"), &hijack->own_networks, NULL);
	mr_read_copy(b, state, "state.directory", &b->policy->state.directory);
	check_directory(b, state);
	b->policy->state.directory_named = mr_read_setting(state, "state.directory") != NULL;
	b->policy->state.accounts = (uint64_t)mr_read_number(state, "state.accounts");
	b->policy->state.sources = (uint64_t)mr_read_number(state, "state.sources");
	b->policy->state.windows = (uint64_t)mr_read_number(state, "state.windows");
}
