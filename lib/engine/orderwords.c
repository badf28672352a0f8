/* Texts that orders have in common. Called by orders.c, standing.c and blocks.c. */
#include "engine/orderwords.h"

#include <string.h>

void mr_orderwords_put(char *room, size_t size, struct mr_str text)
{
	size_t n = text.n < size ? text.n : size - 1;

	memset(room, 0, size);
	for (size_t i = 0; i < n; i++)
		room[i] = (unsigned char)text.p[i] >= ' ' && text.p[i] != 0x7f ? text.p[i] : '?';
}

const char *mr_orderwords_verb(enum mr_event_action action, bool source)
{
	if (action == MR_EVENT_ACCOUNT_FROZEN || action == MR_EVENT_SOURCE_BLOCKED)
		return source ? "is blocked" : "is frozen";
	if (action == MR_EVENT_ACCOUNT_HELD)
		return "is held: its mail waits in the hold queue";
	if (action == MR_EVENT_ACCOUNT_WATCHED)
		return "is watched";
	return source ? "is no longer blocked" : "may send again";
}
