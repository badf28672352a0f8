/* Fuzz target: the reader of SMTP paths, lib/core/address.h. */
#include <string.h>

#include "core/address.h"
#include "fuzz.h"

/* Letters and digits with single dots between them: a local part that reads the same wherever it stands. */
static bool is_plain(struct mr_str local)
{
	bool dot = true;

	for (size_t i = 0; i < local.n; i++) {
		char c = local.p[i];
		bool word = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');

		if (!word && (c != '.' || dot))
			return false;
		dot = !word;
	}
	return !dot;
}

static void check_box(const struct mr_mailbox *box)
{
	switch (box->kind) {
	case MR_MAILBOX_NULL:
	case MR_MAILBOX_MALFORMED:
	case MR_MAILBOX_CONTROL:
		MUST(box->local.p == NULL && box->domain.p == NULL && box->address.p == NULL);
		return;
	case MR_MAILBOX_LOCAL:
		MUST(box->domain.p == NULL && box->local.p != NULL);
		break;
	case MR_MAILBOX_LITERAL:
		MUST(box->domain.p == NULL && box->local.p != NULL);
		break;
	case MR_MAILBOX_DOMAIN:
		MUST(box->domain.n > 0 && box->local.p != NULL);
		MUST(box->address.n > box->domain.n + 1 || box->local.n == 0);
		MUST(mr_str_ends_with(box->address, box->domain));
		MUST(box->address.p[box->address.n - box->domain.n - 1] == '@');
		for (size_t i = 0; i < box->domain.n; i++)
			MUST(box->domain.p[i] == mr_ascii_lower(box->domain.p[i]) && box->domain.p[i] != '@');
		break;
	}
	MUST(!mr_str_has_control(box->local) && memchr(box->local.p, '\0', box->local.n) == NULL);
}

/* The canonical form of a plain address is read as itself, in brackets and without. */
static void check_again(const struct mr_mailbox *box, struct mr_arena *arena)
{
	struct mr_mailbox again;
	char path[512];
	int n;

	if (box->kind != MR_MAILBOX_DOMAIN || box->routed || box->address.n > 400 || !is_plain(box->local))
		return;
	for (int form = 0; form < 2; form++) {
		n = snprintf(path, sizeof(path), form == 0 ? "<%.*s>" : "%.*s", (int)box->address.n, box->address.p);
		mr_address_read((struct mr_str){ path, (size_t)n }, arena, &again);
		MUST(again.kind == MR_MAILBOX_DOMAIN && !again.routed);
		MUST(mr_str_equal(again.address, box->address) && mr_str_equal(again.domain, box->domain));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const size_t rooms[] = { 1 << 20, 64, 700 };
	struct mr_str path = { (const char *)data, size }, key;
	struct mr_mailbox box;

	for (size_t i = 0; i < sizeof(rooms) / sizeof(rooms[0]); i++) {
		struct mr_arena *arena = mr_arena_new(rooms[i]);

		MUST(arena != NULL);
		mr_address_read(path, arena, &box);
		check_box(&box);
		key = mr_address_without_plus(&box, arena);
		MUST(box.address.p != NULL || key.p == NULL);
		MUST(key.p == NULL || key.n <= box.address.n);
		if (i == 0)
			check_again(&box, arena);
		mr_arena_free(&arena);
	}
	return 0;
}
