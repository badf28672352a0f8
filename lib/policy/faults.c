/*
 * Faults of a policy: collected while it is read, sorted at the end. Not the printing (milter/ctl/check.c).
 * Called by every file of this room, and by programs through mailreeve.h.
 */
#include "policy/faults.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/buffer.h"
#include "base/error.h"
#include "base/unicode.h"

enum { TEXT_MAX = 2000, SHOWN_MAX = 100, ARENA_MAX = 4 << 20 };

struct entry {
	struct mr_fault fault;
	unsigned order;    /* of its file */
	unsigned sequence; /* when it was found */
};

struct mr_faults {
	struct entry entries[MR_FAULTS_MAX + 1];
	size_t count;
	size_t dropped, dropped_errors;
	bool no_memory;
	struct mr_arena *arena;
};

struct mr_faults *mr_faults_new(void)
{
	struct mr_faults *faults = mr_calloc(1, sizeof(*faults));

	if (faults)
		faults->arena = mr_arena_new(ARENA_MAX);
	if (faults && !faults->arena)
		mr_faults_free(&faults);
	return faults;
}

void mr_faults_free(struct mr_faults **faults)
{
	if (!*faults)
		return;
	mr_arena_free(&(*faults)->arena);
	mr_free(*faults);
	*faults = NULL;
}

static const char *keep(struct mr_faults *faults, const char *text, size_t n)
{
	struct mr_str copy = mr_arena_copy(faults->arena, (struct mr_str){ text, n });

	if (!copy.p)
		faults->no_memory = true;
	return copy.p ? copy.p : "";
}

static void put(struct mr_faults *faults, const struct mr_fault *fault, unsigned order)
{
	struct entry *entry = &faults->entries[faults->count];

	entry->fault = *fault;
	entry->order = order;
	entry->sequence = (unsigned)faults->count++;
}

void mr_faults_add(struct mr_faults *faults, enum mr_fault_level level, const char *id, const struct mr_where *where,
		   const char *format, ...)
{
	char text[TEXT_MAX];
	struct mr_fault fault = { level, id, "", where->line, "", "" };
	const char *middle;
	va_list args;

	if (faults->count >= MR_FAULTS_MAX) {
		faults->dropped++;
		faults->dropped_errors += level == MR_FAULT_ERROR;
		return;
	}
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	middle = strchr(text, '\n');
	if (!middle)
		middle = text + strlen(text);
	fault.file = keep(faults, where->file, strlen(where->file));
	fault.what = keep(faults, text, (size_t)(middle - text));
	fault.cure = *middle ? keep(faults, middle + 1, strlen(middle + 1)) : "";
	put(faults, &fault, where->order);
}

const char *mr_faults_show(struct mr_faults *faults, struct mr_str text)
{
	static const char hex[] = "0123456789abcdef";
	char memory[SHOWN_MAX * 4 + 8];
	struct mr_buffer b = mr_buffer_over(memory, sizeof(memory));
	size_t i = 0;

	while (i < text.n && i < SHOWN_MAX) {
		unsigned char c = (unsigned char)text.p[i];
		size_t n = mr_utf8_sequence(mr_str_part(text, i, text.n));

		if (n > 1 && c != 0xc2) { /* 0xc2 begins the C1 controls */
			mr_buffer_str(&b, mr_str_part(text, i, i + n));
			i += n;
			continue;
		}
		if (c >= 0x20 && c < 0x7f) {
			mr_buffer_byte(&b, text.p[i]);
		} else {
			mr_buffer_text(&b, "\\x");
			mr_buffer_byte(&b, hex[c >> 4]);
			mr_buffer_byte(&b, hex[c & 15]);
		}
		i++;
	}
	if (i < text.n)
		mr_buffer_text(&b, "...");
	return keep(faults, mr_buffer_view(&b).p, mr_buffer_view(&b).n);
}

void mr_faults_deny(struct mr_faults *faults)
{
	for (size_t i = 0; i < faults->count; i++)
		faults->entries[i].fault.level = MR_FAULT_ERROR;
	faults->dropped_errors = faults->dropped;
}

static int compare(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	if (x->order != y->order)
		return x->order < y->order ? -1 : 1;
	if (x->fault.line != y->fault.line)
		return x->fault.line < y->fault.line ? -1 : 1;
	return x->sequence < y->sequence ? -1 : x->sequence > y->sequence;
}

static bool same(const struct mr_fault *a, const struct mr_fault *b)
{
	return a->level == b->level && a->line == b->line && strcmp(a->id, b->id) == 0 &&
	       strcmp(a->file, b->file) == 0 && strcmp(a->what, b->what) == 0;
}

/* The last entry, for what was not kept. */
static void add_rest(struct mr_faults *faults)
{
	struct mr_fault fault = { faults->dropped_errors ? MR_FAULT_ERROR : MR_FAULT_WARNING,
				  "too-many",
				  "",
				  0,
				  "",
				  "correct those above and check again" };
	char text[64];
	int n = snprintf(text, sizeof(text), "and %zu more", faults->dropped);

	fault.file = faults->count ? faults->entries[0].fault.file : "";
	fault.what = keep(faults, text, (size_t)n);
	put(faults, &fault, (unsigned)-1);
}

int mr_faults_finish(struct mr_faults *faults)
{
	size_t kept = 0;

	qsort(faults->entries, faults->count, sizeof(faults->entries[0]), compare);
	for (size_t i = 0; i < faults->count; i++) {
		bool again = false;

		for (size_t j = kept; j > 0 && !again && faults->entries[j - 1].order == faults->entries[i].order &&
				      faults->entries[j - 1].fault.line == faults->entries[i].fault.line;
		     j--)
			again = same(&faults->entries[j - 1].fault, &faults->entries[i].fault);
		if (!again)
			faults->entries[kept++] = faults->entries[i];
	}
	faults->count = kept;
	if (faults->dropped)
		add_rest(faults);
	return faults->no_memory ? MR_ERR_NOMEM : MR_OK;
}

size_t mr_faults_count(const struct mr_faults *faults, enum mr_fault_level at_least)
{
	size_t n = 0;

	for (size_t i = 0; i < faults->count; i++)
		n += faults->entries[i].fault.level >= at_least;
	return n;
}

const struct mr_fault *mr_faults_at(const struct mr_faults *faults, size_t i)
{
	return i < faults->count ? &faults->entries[i].fault : NULL;
}
