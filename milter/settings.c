/*
 * Takes from a policy what the process needs: sockets, user, log, times.
 */
#include "settings.h"

#include <grp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "say.h"

/* A setting as a string that can be freed; fallback when it is unset or empty. */
static char *text_of(const struct mr_policy *policy, const char *name, const char *fallback)
{
	const char *value = NULL;

	if (mr_policy_get_text(policy, name, &value) != 0 || value == NULL || value[0] == '\0')
		value = fallback;
	return strdup(value);
}

static int64_t number_of(const struct mr_policy *policy, const char *name, int64_t fallback)
{
	int64_t value;

	return mr_policy_get_number(policy, name, &value) == 0 ? value : fallback;
}

static mode_t mode_of(const struct mr_policy *policy)
{
	const char *text = NULL;
	unsigned long mode;
	char *end;

	if (mr_policy_get_text(policy, "milter_mode", &text) != 0 || text == NULL || text[0] == '\0')
		return 0660;
	mode = strtoul(text, &end, 8);
	return *end == '\0' ? (mode_t)(mode & 0777) : 0660;
}

const char *mr_settings_unix_path(const char *specification)
{
	if (strncmp(specification, "unix:", 5) == 0)
		return specification + 5;
	if (strncmp(specification, "local:", 6) == 0)
		return specification + 6;
	return specification[0] == '/' ? specification : NULL;
}

/* Whether this process may give a file to the group: as root, or as a member. */
static bool may_give_to(gid_t group)
{
	gid_t groups[256];
	int count;

	if (geteuid() == 0 || getegid() == group)
		return true;
	count = getgroups((int)(sizeof(groups) / sizeof(groups[0])), groups);
	for (int i = 0; i < count; i++)
		if (groups[i] == group)
			return true;
	return false;
}

/* Postfix's group where there is one: without it the mail server could not reach the socket. */
static const char *default_group(void)
{
	const struct group *entry = getgrnam("postfix");

	return entry != NULL && may_give_to(entry->gr_gid) ? "postfix" : "";
}

int mr_settings_read(const struct mr_policy *policy, struct mr_settings *settings_r)
{
	char *control = text_of(policy, "control", "unix:/run/mailreeve/control.sock");
	const char *path = control != NULL ? mr_settings_unix_path(control) : NULL;

	*settings_r = (struct mr_settings){
		.milter = text_of(policy, "milter", "unix:/run/mailreeve/milter.sock"),
		.milter_group = text_of(policy, "milter_group", default_group()),
		.milter_mode = mode_of(policy),
		.control = path != NULL ? strdup(path) : NULL,
		.user = text_of(policy, "user", ""),
		.events = text_of(policy, "log.events", MR_LOCALSTATEDIR "/log/mailreeve/events.ndjson"),
		.facts = text_of(policy, "log.facts", ""),
		.state = text_of(policy, "state.directory", ""),
		.notices = mr_noticeset_read(policy),
		.drain_ms = number_of(policy, "drain", 10000),
		.max_sessions = number_of(policy, "max_sessions", 0),
	};
	free(control);
	if (mr_feedset_read(policy, &settings_r->feed) != 0 || settings_r->milter == NULL || settings_r->milter_group == NULL || settings_r->control == NULL ||
	    settings_r->user == NULL || settings_r->events == NULL || settings_r->facts == NULL ||
	    settings_r->state == NULL || settings_r->notices == NULL) {
		mr_settings_clear(settings_r);
		return -1;
	}
	return 0;
}

void mr_settings_clear(struct mr_settings *settings)
{
	free(settings->milter);
	free(settings->milter_group);
	free(settings->control);
	free(settings->user);
	free(settings->events);
	free(settings->facts);
	free(settings->state);
	mr_noticeset_free(&settings->notices);
	mr_feedset_clear(&settings->feed);
	*settings = (struct mr_settings){ 0 };
}

static unsigned say_if_differs(const char *name, const char *now, const char *wanted)
{
	if (strcmp(now, wanted) == 0)
		return 0;
	mr_say(MR_SAY_WARNING, "the setting %s was changed from \"%s\" to \"%s\"; it takes effect at the next start: "
	       "restart mailreeved when it suits you", name, now, wanted);
	return 1;
}

unsigned mr_settings_say_postponed(const struct mr_settings *now, const struct mr_settings *wanted)
{
	unsigned count = 0;

	count += say_if_differs("milter", now->milter, wanted->milter);
	count += say_if_differs("milter_group", now->milter_group, wanted->milter_group);
	count += say_if_differs("control", now->control, wanted->control);
	count += say_if_differs("user", now->user, wanted->user);
	count += say_if_differs("log.facts", now->facts, wanted->facts);
	count += say_if_differs("state.directory", now->state, wanted->state);
	if (now->max_sessions != wanted->max_sessions) {
		mr_say(MR_SAY_WARNING, "the setting max_sessions was changed from %lld to %lld; it takes effect at the "
		       "next start: restart mailreeved when it suits you", (long long)now->max_sessions,
		       (long long)wanted->max_sessions);
		count++;
	}
	if (now->milter_mode != wanted->milter_mode) {
		mr_say(MR_SAY_WARNING, "the setting milter_mode was changed from 0%o to 0%o; it takes effect at the "
		       "next start: restart mailreeved when it suits you", (unsigned)now->milter_mode,
		       (unsigned)wanted->milter_mode);
		count++;
	}
	return count;
}
