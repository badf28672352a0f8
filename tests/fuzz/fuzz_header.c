/* Fuzz target: the reader of From and Sender fields, lib/core/header.h. */
#include "base/error.h"
#include "core/header.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const size_t rooms[] = { 1 << 20, 64, 700 };
	struct mr_str value = { (const char *)data, size };
	struct mr_mailbox boxes[MR_HEADER_ADDRESSES_MAX];

	for (size_t i = 0; i < sizeof(rooms) / sizeof(rooms[0]); i++) {
		struct mr_arena *arena = mr_arena_new(rooms[i]);
		size_t n = MR_HEADER_ADDRESSES_MAX + 1;
		int err;

		MUST(arena != NULL);
		err = mr_header_addresses(value, arena, boxes, &n);
		MUST(err == MR_OK || err == MR_ERR_SYNTAX);
		MUST(n <= MR_HEADER_ADDRESSES_MAX);
		for (size_t b = 0; b < n; b++) {
			MUST(boxes[b].kind != MR_MAILBOX_CONTROL || boxes[b].address.p == NULL);
			MUST(boxes[b].kind != MR_MAILBOX_DOMAIN || mr_str_ends_with(boxes[b].address, boxes[b].domain));
			MUST(boxes[b].kind != MR_MAILBOX_MALFORMED || err == MR_ERR_SYNTAX);
		}
		mr_arena_free(&arena);
	}
	return 0;
}
