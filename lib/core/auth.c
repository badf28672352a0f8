/* The rule auth: mail that needs a login. Called by decide.c. */
#include "core/identity.h"
#include "core/rules.h"

enum { ROLE_MAX = 64 };

static bool is_role(const struct mr_subject *subject)
{
	const struct mr_strmap *names = subject->policy->auth.role_names;
	struct mr_str local = subject->sender.local;
	char folded[ROLE_MAX];

	if (local.p == NULL || local.n > sizeof(folded))
		return false;
	for (size_t i = 0; i < local.n; i++)
		folded[i] = mr_ascii_lower(local.p[i]);
	return mr_strmap_has(names, (struct mr_str){ folded, local.n });
}

struct mr_finding mr_auth_find(const struct mr_subject *subject)
{
	const struct mr_auth_policy *auth = &subject->policy->auth;
	const struct mr_connection *connection = subject->connection;

	if (mr_has_login(subject) || connection->local)
		return MR_FOUND_NOTHING;
	if (connection->listener.p != NULL && mr_strmap_has(auth->listeners, connection->listener))
		return MR_FOUND(MR_REASON_AUTH_LISTENER);
	if (auth->local_networks && mr_prefixset_has(auth->networks, &connection->client_ip))
		return MR_FOUND(MR_REASON_AUTH_LOCAL_NETWORK);
	if (!auth->roles && !auth->local_senders)
		return MR_FOUND_NOTHING;
	if (subject->sender_local == MR_CANNOT_TELL)
		return MR_FOUND_UNCLEAR(MR_REASON_AUTH_CANNOT_TELL);
	if (subject->sender_local == MR_NO)
		return MR_FOUND_NOTHING;
	if (auth->roles && is_role(subject))
		return MR_FOUND(MR_REASON_AUTH_ROLE);
	return auth->local_senders ? MR_FOUND(MR_REASON_AUTH_LOCAL_SENDER) : MR_FOUND_NOTHING;
}
