/* Fuzz target: the reader and the writer of facts, lib/eventlog/factline.h, and the event line made of them. */
#include <string.h>

#include "base/error.h"
#include "base/unicode.h"
#include "eventlog/factline.h"
#include "eventlog/line.h"
#include "fuzz.h"

enum { ROOM = 1 << 22 };

static void check_fault(const struct mr_fact_fault *fault, size_t size)
{
	MUST(fault->column >= 1 && fault->column <= size + 1);
	MUST(memchr(fault->why, '\0', sizeof(fault->why)) != NULL && fault->why[0] != '\0');
	MUST(!mr_str_has_control(mr_str_of(fault->why)) && mr_str_is_ascii(mr_str_of(fault->why)));
}

static bool is_one_clean_line(const char *text, size_t n)
{
	struct mr_str inside = { text, n - 1 };

	return n > 0 && text[n - 1] == '\n' && !mr_str_has_control(inside) && mr_utf8_is_valid(inside);
}

static void check_line(const struct mr_fact *fact)
{
	static char line[MR_LINE_MAX];
	const struct mr_observer observer = { .version = MR_STR("fuzz") };
	struct mr_event event = { .action = MR_EVENT_VERDICT, .decided = true, .time_ms = fact->time_ms };

	event.connection = &fact->connection;
	event.fact_id = fact->id;
	event.fact_id_is_number = fact->id_is_number;
	event.login = fact->message.login;
	event.sender = fact->message.mail_from;
	event.size = fact->message.size;
	event.header_from = fact->message.header_from;
	event.header_from_count = fact->message.header_from_count;
	MUST(is_one_clean_line(line, mr_line_write(&event, &observer, NULL, line)));
}

/* Written, read and written again, a fact gives the same line. */
static void check_mirror(const struct mr_fact *fact, struct mr_arena *arena)
{
	static char line[ROOM], second[ROOM];
	struct mr_fact again;
	struct mr_fact_fault fault;
	size_t n, second_n;

	if (mr_fact_write(fact, line, sizeof(line), &n) != 0)
		return;
	MUST(is_one_clean_line(line, n));
	if (mr_fact_read((struct mr_str){ line, n }, arena, &again, &fault) != 0)
		MUST(mr_arena_used(arena) > ROOM / 2);
	else
		MUST(mr_fact_write(&again, second, sizeof(second), &second_n) == 0 && second_n == n &&
		     memcmp(line, second, n) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const size_t rooms[] = { ROOM, 100, 3000 };

	for (size_t i = 0; i < sizeof(rooms) / sizeof(rooms[0]); i++) {
		struct mr_arena *arena = mr_arena_new(rooms[i]);
		struct mr_fact fact;
		struct mr_fact_fault fault;

		MUST(arena != NULL);
		int err = mr_fact_read((struct mr_str){ (const char *)data, size }, arena, &fact, &fault);
		MUST(err == 0 || err == MR_ERR_SYNTAX || err == MR_ERR_NOMEM);
		if (err == MR_ERR_SYNTAX)
			check_fault(&fault, size);
		if (err == 0 && i == 0) {
			check_line(&fact);
			check_mirror(&fact, arena);
		}
		mr_arena_free(&arena);
	}
	return 0;
}
