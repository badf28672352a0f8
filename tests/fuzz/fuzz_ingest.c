/*
 * Fuzz target: what cuts a log into lines, milter/ctl/ingestcut.c. However the bytes arrive, the same lines come out,
 * none longer than the bound, and what is held is what came after the last whole line.
 */
#include <string.h>

#include "../../milter/ctl/ingest.h"
#include "fuzz.h"

enum { IDENTIFIER_ROOM = 66 };

struct seen {
	uint64_t hash, count;
	uint64_t most; /* say stop after so many; 0: never */
};

static bool take(void *context, const char *line, size_t n, int64_t time_ms)
{
	struct seen *seen = context;

	MUST(n > 0 && n <= MR_INGEST_LINE_MAX + IDENTIFIER_ROOM && time_ms >= 0);
	for (size_t i = 0; i < n; i++)
		seen->hash = (seen->hash ^ (unsigned char)line[i]) * UINT64_C(1099511628211);
	seen->hash = (seen->hash ^ (uint64_t)time_ms) * UINT64_C(1099511628211);
	return ++seen->count != seen->most;
}

/* Pieces of the given sizes in turn; 0: all at once. */
static struct seen cut(const char *bytes, size_t n, enum mr_ingest_format format, size_t piece,
		       struct mr_ingest_cutter *cutter)
{
	struct seen seen = { .most = 0 };

	memset(cutter, 0, sizeof(*cutter));
	cutter->format = format;
	cutter->take = take;
	cutter->context = &seen;
	for (size_t at = 0, m; at < n; at += m) {
		m = piece == 0 || piece > n - at ? n - at : piece;
		MUST(mr_ingest_cut(cutter, bytes + at, m));
		MUST(cutter->held <= at + m);
	}
	if (cutter->format == MR_INGEST_SYSLOG) {
		const char *newline = n > 0 ? memrchr(bytes, '\n', n) : NULL;
		MUST(cutter->held == (newline != NULL ? (uint64_t)(bytes + n - newline - 1) : n));
	}
	MUST(mr_ingest_cut_end(cutter));
	MUST(cutter->too_long <= cutter->lines && seen.count <= cutter->lines);
	return seen;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct mr_ingest_cutter whole, parts;
	static const size_t pieces[] = { 1, 2, 7, 4096 };
	const char *bytes = (const char *)data;

	for (int format = MR_INGEST_AUTO; format <= MR_INGEST_JOURNAL; format++) {
		struct seen all = cut(bytes, size, (enum mr_ingest_format)format, 0, &whole);
		for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
			struct seen some = cut(bytes, size, (enum mr_ingest_format)format, pieces[i], &parts);
			MUST(some.hash == all.hash && some.count == all.count);
			MUST(parts.lines == whole.lines && parts.too_long == whole.too_long && parts.format == whole.format);
		}
	}
	return 0;
}
