/*
 * Takes the group notices from a policy. The policy's own check has made sure that the values can be used.
 */
#include "noticeset.h"

#include <stdlib.h>
#include <string.h>

static char *text_of(const struct mr_policy *policy, const char *name, bool *failed)
{
	const char *value = NULL;
	char *copy;

	if (mr_policy_get_text(policy, name, &value) != 0 || value == NULL || value[0] == '\0')
		return NULL;
	copy = strdup(value);
	*failed = *failed || copy == NULL;
	return copy;
}

static int64_t number_of(const struct mr_policy *policy, const char *name)
{
	int64_t value = 0;

	(void)mr_policy_get_number(policy, name, &value);
	return value;
}

static char **items_of(const struct mr_policy *policy, const char *name, size_t *count_r, bool *failed)
{
	const char *value;
	char **items;
	size_t n = 0;

	while (mr_policy_get_item(policy, name, n, &value) == 0)
		n++;
	items = calloc(n + 1, sizeof(*items));
	for (size_t i = 0; items != NULL && i < n; i++) {
		(void)mr_policy_get_item(policy, name, i, &value);
		items[i] = strdup(value);
		*failed = *failed || items[i] == NULL;
	}
	*failed = *failed || items == NULL;
	*count_r = items != NULL ? n : 0;
	return items;
}

struct mr_noticeset *mr_noticeset_read(const struct mr_policy *policy)
{
	struct mr_noticeset *set = calloc(1, sizeof(*set));
	const char *password = NULL;
	bool failed = false;

	if (set == NULL)
		return NULL;
	set->hook = text_of(policy, "notices.hook", &failed);
	set->hook_ms = number_of(policy, "notices.hook_time");
	set->mail = text_of(policy, "notices.mail", &failed);
	set->mail_ms = number_of(policy, "notices.mail_time");
	set->mail_user = text_of(policy, "notices.mail_user", &failed);
	set->mail_ca = text_of(policy, "notices.mail_ca", &failed);
	set->from = text_of(policy, "notices.from", &failed);
	set->owner = number_of(policy, "notices.owner") != 0;
	set->queue = (size_t)number_of(policy, "notices.queue");
	set->interval_ms = number_of(policy, "notices.interval");
	set->contact = text_of(policy, "hijack.contact", &failed);
	if (mr_policy_get_item(policy, "notices.mail_password", 0, &password) == 0) {
		set->mail_password = strdup(password);
		failed = failed || set->mail_password == NULL;
	}
	set->to = items_of(policy, "notices.to", &set->to_count, &failed);
	set->events = items_of(policy, "notices.events", &set->event_count, &failed);
	if (failed)
		mr_noticeset_free(&set);
	return set;
}

static void free_items(char **items, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(items[i]);
	free(items);
}

void mr_noticeset_free(struct mr_noticeset **set)
{
	struct mr_noticeset *s = *set;

	*set = NULL;
	if (s == NULL)
		return;
	if (s->mail_password != NULL)
		explicit_bzero(s->mail_password, strlen(s->mail_password));
	free(s->hook);
	free(s->mail);
	free(s->mail_user);
	free(s->mail_password);
	free(s->mail_ca);
	free(s->from);
	free_items(s->to, s->to_count);
	free_items(s->events, s->event_count);
	free(s->contact);
	free(s);
}

bool mr_noticeset_has(const struct mr_noticeset *set, const char *action)
{
	for (size_t i = 0; i < set->event_count; i++)
		if (strcmp(set->events[i], action) == 0)
			return true;
	return false;
}
