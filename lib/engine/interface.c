/*
 * The public face of sessions: C strings in, slices on. Nothing is decided here. Called by whoever uses libmailreeve.
 */
#include <string.h>

#include "base/error.h"
#include "engine/session.h"
#include "policy/rows.h"

void mr_session_connect(struct mr_session *session, int64_t now_ms, const struct mr_connect_info *info,
			struct mr_reply *reply_r)
{
	struct mr_connection connection = {
		.client_ip = mr_ip_from_bytes(info->address, info->address != NULL ? info->address_length : 0),
		.client_name = mr_str_of(info->client_name),
		.client_port = info->client_port,
		.asn = -1,
		.listener = mr_str_of(info->listener),
		.server_name = mr_str_of(info->server_name),
		.server_port = info->server_port,
		.local = info->local,
	};

	(void)mr_ip_parse(mr_str_of(info->server_address), &connection.server_ip);
	mr_session_take_connection(session, now_ms, &connection, reply_r);
}

void mr_session_helo(struct mr_session *session, int64_t now_ms, const char *helo, const char *tls_version,
		     const char *tls_cipher)
{
	mr_session_abort(session, now_ms);
	mr_session_take_helo(session, mr_str_of(helo), mr_str_of(tls_version), mr_str_of(tls_cipher));
}

/* The number behind "SIZE=" (RFC 1870), -1 without one or when it cannot be read. */
static int64_t declared_size(const char *const *parameters)
{
	for (; parameters != NULL && *parameters != NULL; parameters++) {
		struct mr_str p = mr_str_of(*parameters);
		int64_t size = 0;

		if (!mr_str_equal_nocase(mr_str_part(p, 0, 5), MR_STR("SIZE=")) || p.n == 5 || p.n > 5 + 18)
			continue;
		for (size_t i = 5; i < p.n && size >= 0; i++)
			size = p.p[i] >= '0' && p.p[i] <= '9' ? size * 10 + (p.p[i] - '0') : -1;
		return size;
	}
	return -1;
}

void mr_session_mail(struct mr_session *session, int64_t now_ms, const char *path, const char *const *parameters,
		     const char *login, const char *queue_id, struct mr_reply *reply_r)
{
	mr_session_take_mail(session, now_ms, mr_str_of(path), declared_size(parameters), mr_str_of(login),
			     mr_str_of(queue_id), reply_r);
}

void mr_session_rcpt(struct mr_session *session, int64_t now_ms, const char *path, const char *addr, const char *host,
		     const char *mailer, struct mr_reply *reply_r)
{
	struct mr_recipient recipient = { mr_str_of(path), mr_str_of(addr), mr_str_of(host), mr_str_of(mailer) };

	mr_session_take_rcpt(session, now_ms, &recipient, reply_r);
}

void mr_session_header(struct mr_session *session, const char *name, const char *value)
{
	mr_session_take_header(session, mr_str_of(name), mr_str_of(value));
}

void mr_session_end_of_message(struct mr_session *session, int64_t now_ms, const char *queue_id, const char *message_id,
			       int64_t size, struct mr_reply *reply_r)
{
	mr_session_take_end(session, now_ms, mr_str_of(queue_id), mr_str_of(message_id), size, reply_r);
}

static bool row_of_model(const char *kind, size_t i, const char **name_r, const char **words_r)
{
	if (strcmp(kind, "rule") == 0 && i < MR_RULE_COUNT) {
		*name_r = mr_rule_row((enum mr_rule)i)->name;
		*words_r = mr_rule_row((enum mr_rule)i)->words;
		return true;
	}
	if (strcmp(kind, "reason") == 0 && i < MR_REASON_COUNT) {
		*name_r = mr_reason_row((enum mr_reason)i)->id;
		*words_r = mr_reason_row((enum mr_reason)i)->sentence;
		return true;
	}
	if (strcmp(kind, "event") == 0 && i < MR_EVENT_COUNT) {
		*name_r = mr_event_row((enum mr_event_action)i)->action;
		*words_r = mr_event_row((enum mr_event_action)i)->words;
		return true;
	}
	if (strcmp(kind, "channel") == 0 && i < MR_CHANNEL_COUNT) {
		*name_r = mr_channel_row((enum mr_channel)i)->name;
		*words_r = mr_channel_row((enum mr_channel)i)->words;
		return true;
	}
	return false;
}

bool mr_vocabulary(const char *kind, size_t i, const char **name_r, const char **words_r)
{
	return row_of_model(kind, i, name_r, words_r) || mr_policy_vocabulary(kind, i, name_r, words_r);
}
