/*
 * Lines of mail logs to facts: mr_log_line_read of mailreeve.h. Which texts tell of a login is in maillog.def; here is
 * which program's rows a line is held against, and the fact that comes of it. The command line (ingest) calls it.
 */
#include "replay/maillog.h"

#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "eventlog/factline.h"
#include "mailreeve.h"

/* Longer texts are not believed: whoever keeps the log may have cut them, and then the end is what a client wrote. */
enum { TEXT_MAX = 900, FACT_SIZE = 8192 };

enum server { MR_LOG_POSTFIX, MR_LOG_SENDMAIL, MR_LOG_DOVECOT, MR_LOG_CYRUS };

/* What a row means. */
enum meaning {
	MR_LOG_GOOD,    /* somebody logged in */
	MR_LOG_BAD,     /* a wrong password, or no such user: the server does not tell */
	MR_LOG_NO_USER, /* no such user */
	MR_LOG_SILENT   /* nothing to count */
};

static const struct row {
	enum server server;
	enum meaning meaning;
	const char *pattern;
} rows[] = {
#define MR_LOG(server, meaning, pattern) { server, meaning, pattern },
#include "replay/maillog.def"
#undef MR_LOG
};

enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

static bool begins_with(struct mr_str s, struct mr_str begin)
{
	return s.n >= begin.n && memcmp(s.p, begin.p, begin.n) == 0;
}

/* Takes begin off the front of *s. */
static bool take_off(struct mr_str *s, struct mr_str begin)
{
	if (!begins_with(*s, begin))
		return false;
	*s = mr_str_part(*s, begin.n, s->n);
	return true;
}

/* Dovecot's login processes write through its log process ("dovecot: imap-login: ..."), or to a file of their own
 * ("imap-login: Info: ..."). Other processes of Dovecot tell of the same logins again. */
static bool is_dovecot(struct mr_str program, struct mr_str *text, const char **protocol_r)
{
	static const struct {
		struct mr_str name, before;
		const char *protocol;
	} processes[] = {
		{ { "imap-login", 10 }, { "imap-login: ", 12 }, "imap" },
		{ { "pop3-login", 10 }, { "pop3-login: ", 12 }, "pop3" },
		{ { "submission-login", 16 }, { "submission-login: ", 18 }, "submission" },
		{ { "managesieve-login", 17 }, { "managesieve-login: ", 19 }, "sieve" },
	};
	bool central = begins_with(program, MR_STR("dovecot"));

	for (size_t i = 0; i < sizeof(processes) / sizeof(processes[0]); i++) {
		if (central ? take_off(text, processes[i].before) : mr_str_equal(program, processes[i].name)) {
			(void)take_off(text, MR_STR("Info: "));
			*protocol_r = processes[i].protocol;
			return true;
		}
	}
	return false;
}

/* Services have the names that cyrus.conf(5) gives them, "imaps" or "cyrus/imaps" by custom. */
static bool is_cyrus(struct mr_str program, const char **protocol_r)
{
	static const char *const protocols[] = { "imap", "pop3", "lmtp", "sieve" };

	(void)take_off(&program, MR_STR("cyrus/"));
	for (size_t i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++) {
		if (begins_with(program, mr_str_of(protocols[i]))) {
			*protocol_r = protocols[i];
			return true;
		}
	}
	if (!mr_str_equal(program, MR_STR("timsieved")))
		return false;
	*protocol_r = "sieve";
	return true;
}

/* Which server's rows to try; may take the name of a process off the text. */
static bool find_server(struct mr_str program, struct mr_str *text, enum server *server_r, const char **protocol_r)
{
	*protocol_r = "smtp";
	*server_r = MR_LOG_POSTFIX;
	if (mr_str_ends_with(program, MR_STR("/smtpd")))
		return true;
	*server_r = MR_LOG_SENDMAIL;
	if (begins_with(program, MR_STR("sendmail")) || begins_with(program, MR_STR("sm-")))
		return true;
	*server_r = MR_LOG_DOVECOT;
	if (is_dovecot(program, text, protocol_r))
		return true;
	*server_r = MR_LOG_CYRUS;
	return is_cyrus(program, protocol_r);
}

/* What the first row that fits says. */
static bool read_text(enum server server, struct mr_log_login *login, struct mr_str text)
{
	for (size_t i = 0; i < ROWS; i++) {
		if (rows[i].server != server)
			continue;
		enum mr_log_fit fit = mr_log_fit(rows[i].pattern, text, &login->parts);
		if (fit == MR_LOG_NO_FIT)
			continue;
		if (fit == MR_LOG_UNSURE || rows[i].meaning == MR_LOG_SILENT)
			return false;
		login->success = rows[i].meaning == MR_LOG_GOOD;
		login->fail_type = rows[i].meaning == MR_LOG_NO_USER ? "account" : NULL;
		return true;
	}
	return false;
}

bool mr_log_find(struct mr_str line, int64_t source_ms, struct mr_log_login *login_r)
{
	struct mr_log_parts *parts = &login_r->parts;
	enum server server;

	*login_r = (struct mr_log_login){ .protocol = NULL };
	if (!mr_log_head_read(line, &login_r->head))
		return false;
	struct mr_str text = login_r->head.text;
	if (!find_server(login_r->head.program, &text, &server, &login_r->protocol))
		return false;
	if (text.n == 0 || text.n > TEXT_MAX || mr_str_has_control(text) || !read_text(server, login_r, text))
		return false;
	if (parts->tries > MR_LOG_TRIES_MAX)
		parts->tries = MR_LOG_TRIES_MAX;
	/* Somebody who logged in has a name. */
	if (parts->tries == 0 || (login_r->success && parts->login.n == 0))
		return false;
	login_r->time_ms = mr_log_time(&login_r->head.stamp, source_ms);
	return mr_ip_parse(parts->ip, &login_r->ip) == 0;
}

int mr_log_line_read(const char *line, size_t length, int64_t source_ms, char **fact_r)
{
	struct mr_fact fact = { .kind = MR_FACT_LOGIN };
	struct mr_log_login login;
	char text[FACT_SIZE];
	size_t n;

	*fact_r = NULL;
	if (length == 0 || !mr_log_find((struct mr_str){ line, length }, source_ms, &login))
		return 0;
	fact.time_ms = login.time_ms;
	fact.connection.asn = -1;
	fact.connection.client_ip = login.ip;
	if (!mr_str_equal(login.parts.host, MR_STR("unknown")))
		fact.connection.client_name = login.parts.host;
	fact.attempt.login = login.parts.login;
	fact.attempt.protocol = mr_str_of(login.protocol);
	fact.attempt.fail_type = mr_str_of(login.fail_type);
	fact.attempt.success = login.success;
	if (mr_fact_write(&fact, text, sizeof(text), &n) != 0)
		return 0;
	*fact_r = mr_strndup(text, n - 1);
	return *fact_r != NULL ? (int)login.parts.tries : MR_ERR_NOMEM;
}
