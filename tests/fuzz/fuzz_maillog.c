/*
 * Fuzz target: lines of mail logs, lib/replay/maillog.h. What is found lies in the line, the address stands where a
 * server writes one, the fact is one that the reader of facts takes, and no other login would change the address.
 */
#include <string.h>

#include "base/error.h"
#include "base/unicode.h"
#include "eventlog/factline.h"
#include "fuzz.h"
#include "mailreeve.h"
#include "replay/maillog.h"

/* 2026-11-22T12:00:00Z */
#define NOW_MS INT64_C(1795348800000)
#define DAY_MS INT64_C(86400000)

enum { ARENA_LIMIT = 1 << 16, LINE_MAX_BYTES = 2048 };

static bool lies_in(struct mr_str part, struct mr_str whole)
{
	return part.p >= whole.p && part.n <= whole.n && part.p + part.n <= whole.p + whole.n;
}

static bool ends_with_before(struct mr_str line, const char *at, const char *mark)
{
	size_t n = strlen(mark);

	return (size_t)(at - line.p) >= n && memcmp(at - n, mark, n) == 0;
}

/* In brackets, or behind Dovecot's "rip=" and before its "lip=". */
static bool stands_in_its_place(struct mr_str line, struct mr_str ip)
{
	const char *after = ip.p + ip.n;
	size_t rest = (size_t)(line.p + line.n - after);

	if (ends_with_before(line, ip.p, "["))
		return rest > 0 && *after == ']';
	return ends_with_before(line, ip.p, ", rip=") && rest > 6 && memcmp(after, ", lip=", 6) == 0;
}

static void check_fact(struct mr_str line, const struct mr_log_login *login)
{
	struct mr_arena *arena = mr_arena_new_small(ARENA_LIMIT);
	struct mr_fact fact;
	struct mr_fact_fault fault;
	char *text = NULL;

	MUST(arena != NULL);
	MUST(mr_log_line_read(line.p, line.n, NOW_MS, &text) == (int)login->parts.tries && text != NULL);
	struct mr_str written = mr_str_of(text);
	MUST(!mr_str_has_control(written) && mr_utf8_is_valid(written));
	MUST(mr_fact_read(written, arena, &fact, &fault) == 0);
	MUST(fact.kind == MR_FACT_LOGIN && fact.time_ms == login->time_ms);
	MUST(mr_ip_equal(&fact.connection.client_ip, &login->ip));
	MUST(mr_str_equal(fact.attempt.login, login->parts.login));
	MUST(fact.attempt.success == login->success);
	free(text);
	mr_arena_free(&arena);
}

/* The line with another text in the place of its login. */
static void check_other_login(struct mr_str line, const struct mr_log_login *login, struct mr_str other)
{
	char text[2 * LINE_MAX_BYTES];
	size_t before = (size_t)(login->parts.login.p - line.p), after = line.n - before - login->parts.login.n;
	struct mr_log_login found;

	if (line.n + other.n > sizeof(text))
		return;
	memcpy(text, line.p, before);
	memcpy(text + before, other.p, other.n);
	memcpy(text + before + other.n, login->parts.login.p + login->parts.login.n, after);
	if (mr_log_find((struct mr_str){ text, before + other.n + after }, NOW_MS, &found))
		MUST(mr_ip_equal(&found.ip, &login->ip) && found.success == login->success);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char empty[1];
	const char *newline = size > 0 ? memchr(data, '\n', size) : NULL;
	const char *start = size > 0 ? (const char *)data : empty;
	struct mr_str line = { start, newline != NULL ? (size_t)(newline - start) : size };
	struct mr_log_login login;
	char *text = NULL;

	if (!mr_log_find(line, NOW_MS, &login)) {
		MUST(mr_log_line_read(line.p, line.n, NOW_MS, &text) == 0 && text == NULL);
		return 0;
	}
	MUST(lies_in(login.parts.ip, line) && stands_in_its_place(line, login.parts.ip));
	MUST(login.parts.login.p == NULL || lies_in(login.parts.login, line));
	MUST(login.parts.tries >= 1 && login.parts.tries <= MR_LOG_TRIES_MAX);
	MUST(login.time_ms <= NOW_MS + DAY_MS);
	check_fact(line, &login);
	/* What follows the newline is a login that a client made up. */
	if (login.parts.login.p != NULL && newline != NULL && line.n <= LINE_MAX_BYTES)
		check_other_login(line, &login, (struct mr_str){ newline + 1, size - line.n - 1 });
	return 0;
}
