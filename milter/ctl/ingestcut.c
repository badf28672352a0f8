/*
 * Cuts what "mailreeve ingest" reads into lines: lines that end with a newline, or entries in systemd's Journal Export
 * Format, of which each becomes a line "program: message". Bounded: what is too long is counted and passed over.
 */
#include "ingest.h"

#include <string.h>

/* An entry of the journal begins with its cursor. */
static const char journal_mark[] = "__CURSOR=";

enum { LENGTH_BYTES = 8, IDENTIFIER_MAX = 64, US_DIGITS_MAX = 18 };

static void put(struct mr_ingest_text *text, const char *bytes, size_t n)
{
	if (n > sizeof(text->p) - text->n) {
		n = sizeof(text->p) - text->n;
		text->too_long = true;
	}
	memcpy(text->p + text->n, bytes, n);
	text->n += n;
}

static void clear(struct mr_ingest_text *text)
{
	text->n = 0;
	text->too_long = text->told = false;
}

/* ---- Lines ---- */

static bool end_line(struct mr_ingest_cutter *cutter)
{
	bool too_long = cutter->line.too_long, go_on = true;
	size_t n = cutter->line.n;

	cutter->held = 0;
	if (n > 0 && cutter->line.p[n - 1] == '\r')
		n--;
	if (n > 0) {
		cutter->lines++;
		cutter->too_long += too_long;
		go_on = too_long || cutter->take(cutter->context, cutter->line.p, n, 0);
	}
	clear(&cutter->line);
	return go_on;
}

static bool cut_lines(struct mr_ingest_cutter *cutter, const char *bytes, size_t n)
{
	const char *end = bytes + n, *newline;

	while ((newline = memchr(bytes, '\n', (size_t)(end - bytes))) != NULL) {
		put(&cutter->line, bytes, (size_t)(newline - bytes));
		bytes = newline + 1;
		if (!end_line(cutter)) {
			cutter->held = (uint64_t)(end - bytes);
			return false;
		}
	}
	put(&cutter->line, bytes, (size_t)(end - bytes));
	cutter->held += (uint64_t)(end - bytes);
	return true;
}

/* ---- The journal ---- */

static int64_t ms_of(const struct mr_ingest_text *us)
{
	int64_t value = 0;

	if (us->n == 0 || us->n > US_DIGITS_MAX)
		return 0;
	for (size_t i = 0; i < us->n; i++) {
		if (us->p[i] < '0' || us->p[i] > '9')
			return 0;
		value = value * 10 + (us->p[i] - '0');
	}
	return value / 1000;
}

static bool end_entry(struct mr_ingest_cutter *cutter)
{
	const struct mr_ingest_text *message = &cutter->fields[MR_INGEST_MESSAGE];
	const struct mr_ingest_text *name = &cutter->fields[MR_INGEST_IDENTIFIER];
	char line[IDENTIFIER_MAX + 2 + MR_INGEST_LINE_MAX];
	bool go_on = true;

	cutter->held = 0;
	if (!name->told)
		name = &cutter->fields[MR_INGEST_COMMAND];
	if (message->told && name->told) {
		cutter->lines++;
		if (message->too_long) {
			cutter->too_long++;
		} else if (name->n <= IDENTIFIER_MAX) {
			memcpy(line, name->p, name->n);
			memcpy(line + name->n, ": ", 2);
			memcpy(line + name->n + 2, message->p, message->n);
			go_on = cutter->take(cutter->context, line, name->n + 2 + message->n,
					     ms_of(&cutter->fields[MR_INGEST_TIME]));
		}
	}
	for (int i = 0; i < MR_INGEST_OTHER; i++)
		clear(&cutter->fields[i]);
	return go_on;
}

static enum mr_ingest_field field_of(const char *name, size_t n)
{
	static const char *const names[] = { "MESSAGE", "SYSLOG_IDENTIFIER", "_COMM", "__REALTIME_TIMESTAMP" };

	for (int i = 0; i < MR_INGEST_OTHER; i++)
		if (n == strlen(names[i]) && memcmp(name, names[i], n) == 0)
			return (enum mr_ingest_field)i;
	return MR_INGEST_OTHER;
}

/* The value of the field begins. Of two fields of one name the first counts. */
static void begin_value(struct mr_ingest_cutter *cutter)
{
	cutter->field = field_of(cutter->line.p, cutter->line.n);
	if (cutter->field != MR_INGEST_OTHER && cutter->fields[cutter->field].told)
		cutter->field = MR_INGEST_OTHER;
	if (cutter->field != MR_INGEST_OTHER)
		cutter->fields[cutter->field].told = true;
	clear(&cutter->line);
}

static void put_value(struct mr_ingest_cutter *cutter, const char *bytes, size_t n)
{
	if (cutter->field != MR_INGEST_OTHER)
		put(&cutter->fields[cutter->field], bytes, n);
}

/* How many of the bytes are one step: a name, a value or a part of one. *go_on_r: take may have said stop. */
static size_t step(struct mr_ingest_cutter *cutter, const char *bytes, size_t n, bool *go_on_r)
{
	const char *end = memchr(bytes, '\n', n), *equals;
	size_t used = end != NULL ? (size_t)(end - bytes) : n;

	switch (cutter->expects) {
	case MR_INGEST_NAME:
		equals = memchr(bytes, '=', used);
		if (equals != NULL)
			used = (size_t)(equals - bytes);
		put(&cutter->line, bytes, used);
		if (used == n)
			return n;
		if (equals == NULL && cutter->line.n == 0) {
			*go_on_r = end_entry(cutter);
			return used + 1;
		}
		begin_value(cutter);
		cutter->left = 0;
		cutter->length_bytes = 0;
		cutter->expects = equals != NULL ? MR_INGEST_VALUE : MR_INGEST_LENGTH;
		return used + 1;
	case MR_INGEST_VALUE:
		put_value(cutter, bytes, used);
		if (end != NULL)
			cutter->expects = MR_INGEST_NAME;
		return end != NULL ? used + 1 : n;
	case MR_INGEST_LENGTH:
		cutter->left |= (uint64_t)(unsigned char)bytes[0] << (8 * cutter->length_bytes++);
		if (cutter->length_bytes == LENGTH_BYTES)
			cutter->expects = cutter->left > 0 ? MR_INGEST_BYTES : MR_INGEST_BYTES_END;
		return 1;
	case MR_INGEST_BYTES:
		used = cutter->left < n ? (size_t)cutter->left : n;
		put_value(cutter, bytes, used);
		cutter->left -= used;
		if (cutter->left == 0)
			cutter->expects = MR_INGEST_BYTES_END;
		return used;
	case MR_INGEST_BYTES_END:
		cutter->expects = MR_INGEST_NAME;
		return 1;
	}
	return n;
}

static bool cut_entries(struct mr_ingest_cutter *cutter, const char *bytes, size_t n)
{
	bool go_on = true;

	while (n > 0 && go_on) {
		size_t used = step(cutter, bytes, n, &go_on);
		bytes += used;
		n -= used;
	}
	return go_on;
}

/* ---- Both ---- */

/* The format of an input is seen at its beginning; too few bytes of it are kept until there are more. */
static bool find_format(struct mr_ingest_cutter *cutter, const char *bytes, size_t n)
{
	size_t have = cutter->line.n, mark = sizeof(journal_mark) - 1;
	size_t more = n < mark - have ? n : mark - have;

	if (memcmp(journal_mark + have, bytes, more) != 0) {
		cutter->format = MR_INGEST_SYSLOG;
	} else if (have + more == mark) {
		cutter->format = MR_INGEST_JOURNAL;
	} else {
		put(&cutter->line, bytes, n);
		cutter->held += n;
	}
	return cutter->format != MR_INGEST_AUTO;
}

bool mr_ingest_cut(struct mr_ingest_cutter *cutter, const char *bytes, size_t n)
{
	char first[sizeof(journal_mark)];
	size_t held;

	if (cutter->format == MR_INGEST_AUTO) {
		if (!find_format(cutter, bytes, n))
			return true;
		held = cutter->line.n;
		memcpy(first, cutter->line.p, held);
		clear(&cutter->line);
		cutter->held = 0;
		if (held > 0 && !mr_ingest_cut(cutter, first, held))
			return false;
	}
	return cutter->format == MR_INGEST_JOURNAL ? cut_entries(cutter, bytes, n) : cut_lines(cutter, bytes, n);
}

bool mr_ingest_cut_end(struct mr_ingest_cutter *cutter)
{
	bool go_on = true;

	if (cutter->format == MR_INGEST_JOURNAL)
		go_on = cutter->expects != MR_INGEST_NAME || cutter->line.n > 0 || end_entry(cutter);
	else
		go_on = end_line(cutter);
	mr_ingest_cut_forget(cutter);
	return go_on;
}

void mr_ingest_cut_forget(struct mr_ingest_cutter *cutter)
{
	clear(&cutter->line);
	for (int i = 0; i < MR_INGEST_OTHER; i++)
		clear(&cutter->fields[i]);
	cutter->expects = MR_INGEST_NAME;
	cutter->held = 0;
}
