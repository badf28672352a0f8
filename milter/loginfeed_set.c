/*
 * Takes the group login_feed from a policy. The policy's own check has made sure that the values can be used.
 */
#include "loginfeed_set.h"

#include <stdlib.h>
#include <string.h>

enum { CONNECTIONS = 256 };

static char *item_of(const struct mr_policy *policy, size_t i)
{
	const char *value = NULL;

	return strdup(mr_policy_get_item(policy, "login_feed.keys", i, &value) == 0 ? value : "");
}

int mr_feedset_read(const struct mr_policy *policy, struct mr_feedset *set_r)
{
	const char *listen = NULL;

	*set_r = (struct mr_feedset){ .connections = CONNECTIONS };
	if (mr_policy_get_text(policy, "login_feed.listen", &listen) != 0 || listen == NULL)
		listen = "";
	(void)mr_policy_get_number(policy, "login_feed.connections", &set_r->connections);
	set_r->listen = strdup(listen);
	set_r->keys[0] = item_of(policy, 0);
	set_r->keys[1] = item_of(policy, 1);
	if (set_r->listen != NULL && set_r->keys[0] != NULL && set_r->keys[1] != NULL)
		return 0;
	mr_feedset_clear(set_r);
	return -1;
}

void mr_feedset_clear(struct mr_feedset *set)
{
	for (size_t i = 0; i < 2; i++) {
		if (set->keys[i] != NULL)
			explicit_bzero(set->keys[i], strlen(set->keys[i]));
		free(set->keys[i]);
	}
	free(set->listen);
	*set = (struct mr_feedset){ 0 };
}
