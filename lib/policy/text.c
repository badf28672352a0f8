/*
 * Includes are put in here, before libconfig sees the text: libconfig would open them itself, without our checks.
 * Comments become blanks. Not the syntax of settings (scan.c). Called by tree.c.
 */
#include "policy/text.h"

#include <string.h>

#include "base/alloc.h"
#include "base/error.h"

enum { DEPTH_MAX = 10, INCLUDES_MAX = 1000, PATH_BYTES_MAX = 4096 };

/* A file that is being put in; parent is the one that includes it. */
struct layer {
	const struct layer *parent;
	struct mr_source source;
	size_t at;
	unsigned line;
	unsigned depth;
};

struct expansion {
	struct mr_policy_text *files;
	struct mr_faults *faults;
	struct mr_text *text;
	unsigned includes;
	int err;
};

static void expand(struct expansion *e, struct layer *layer);

static void put_byte(struct expansion *e, char c)
{
	struct mr_text *text = e->text;

	if (e->err)
		return;
	if (text->n + 1 >= text->room) {
		size_t room = text->room ? text->room * 2 : 4096;
		char *bytes = mr_realloc(text->bytes, room, 1);

		if (!bytes) {
			e->err = MR_ERR_NOMEM;
			return;
		}
		text->bytes = bytes;
		text->room = room;
	}
	text->bytes[text->n++] = c;
	text->bytes[text->n] = '\0';
	if (c == '\n')
		text->line++;
}

static struct mr_where here(const struct layer *layer)
{
	return (struct mr_where){ layer->source.path, layer->source.order, layer->line };
}

/* The current line of the text comes from the current line of layer. */
static void begin_span(struct expansion *e, const struct layer *layer)
{
	struct mr_text *text = e->text;
	struct mr_text_span *spans = mr_realloc(text->spans, text->span_count + 1, sizeof(*spans));

	if (!spans) {
		e->err = MR_ERR_NOMEM;
		return;
	}
	text->spans = spans;
	spans[text->span_count++] = (struct mr_text_span){ text->line, here(layer) };
}

static bool starts(const struct layer *layer, const char *word)
{
	size_t n = strlen(word);

	return layer->source.bytes.n - layer->at >= n && memcmp(layer->source.bytes.p + layer->at, word, n) == 0;
}

static bool at_end(const struct layer *layer)
{
	return layer->at >= layer->source.bytes.n;
}

static char next_byte(struct layer *layer)
{
	char c = layer->source.bytes.p[layer->at++];

	if (c == '\n')
		layer->line++;
	return c;
}

static void skip_line(struct layer *layer)
{
	while (!at_end(layer) && layer->source.bytes.p[layer->at] != '\n')
		layer->at++;
}

static void skip_comment(struct expansion *e, struct layer *layer)
{
	struct mr_where where = here(layer);

	layer->at += 2;
	put_byte(e, ' ');
	while (!at_end(layer)) {
		if (starts(layer, "*/")) {
			layer->at += 2;
			return;
		}
		if (next_byte(layer) == '\n')
			put_byte(e, '\n');
	}
	mr_faults_add(e->faults, MR_FAULT_ERROR, "syntax", &where,
		      "this comment is never closed, and all that follows is part of it\nend it with */");
}

/* Copies a string up to its closing quote or the end of the line. */
static void copy_string(struct expansion *e, struct layer *layer)
{
	put_byte(e, next_byte(layer));
	while (!at_end(layer) && layer->source.bytes.p[layer->at] != '\n') {
		char c = next_byte(layer);

		put_byte(e, c);
		if (c == '"')
			return;
		if (c == '\\' && !at_end(layer) && layer->source.bytes.p[layer->at] != '\n')
			put_byte(e, next_byte(layer));
	}
}

static void include_fault(struct expansion *e, const struct layer *layer, const char *what, const char *cure)
{
	struct mr_where where = here(layer);

	mr_faults_add(e->faults, MR_FAULT_ERROR, "include", &where, "%s\n%s", what, cure);
}

static bool is_open(const struct layer *layer, const char *path)
{
	for (; layer; layer = layer->parent) {
		if (strcmp(layer->source.path, path) == 0)
			return true;
	}
	return false;
}

static void include_file(struct expansion *e, struct layer *layer, struct mr_str name)
{
	char path[PATH_BYTES_MAX];
	struct layer inner = { .parent = layer, .line = 1, .depth = layer->depth + 1 };
	struct mr_source_fault fault;
	struct mr_where where = here(layer);
	int err = mr_source_resolve(layer->source.path, name, path, sizeof(path));

	if (err) {
		include_fault(e, layer,
			      err == MR_ERR_REFUSED ? "the included file's name holds \"..\""
						    : "the included file has no usable name",
			      "name it from this folder down, or from the root");
		return;
	}
	if (inner.depth > DEPTH_MAX || ++e->includes > INCLUDES_MAX || is_open(layer, path)) {
		include_fault(e, layer, is_open(layer, path) ? "this file includes itself" : "too many includes",
			      "at most 10 may lie in one another, and 1000 be there in all");
		return;
	}
	err = mr_source_get(e->files, mr_str_of(path), MR_SOURCE_TEXT, &inner.source, &fault);
	if (err == MR_ERR_REFUSED)
		mr_source_tell(e->faults, &where, mr_str_of(path), &fault);
	else if (err)
		e->err = err;
	if (err)
		return;
	put_byte(e, '\n');
	begin_span(e, &inner);
	expand(e, &inner);
	put_byte(e, '\n');
	begin_span(e, layer);
}

static void take_include(struct expansion *e, struct layer *layer)
{
	struct mr_str rest;
	size_t end;

	layer->at += strlen("@include");
	rest = mr_str_part(layer->source.bytes, layer->at, layer->source.bytes.n);
	end = mr_str_find(rest, '\n');
	rest = mr_str_trim(mr_str_part(rest, 0, end));
	end = rest.n > 1 && rest.p[0] == '"' ? mr_str_find(mr_str_part(rest, 1, rest.n), '"') + 1 : rest.n;
	if (end >= rest.n)
		include_fault(e, layer, "@include without a file name in quotes", "write @include \"file.conf\"");
	else
		include_file(e, layer, mr_str_part(rest, 1, end));
	if (end < rest.n)
		layer->at = (size_t)(rest.p + end + 1 - layer->source.bytes.p);
	else
		skip_line(layer);
}

static void expand(struct expansion *e, struct layer *layer)
{
	bool line_begins = true;

	while (!at_end(layer) && !e->err) {
		char c = layer->source.bytes.p[layer->at];

		if (e->text->n > MR_SOURCE_MAX) {
			include_fault(e, layer, "the policy is larger than 64 MiB",
				      "keep long lists in files of their own");
			layer->at = layer->source.bytes.n;
		} else if (c == '#' || starts(layer, "//")) {
			skip_line(layer);
		} else if (starts(layer, "/*")) {
			skip_comment(e, layer);
		} else if (c == '"') {
			copy_string(e, layer);
			line_begins = false;
		} else if (line_begins && starts(layer, "@include")) {
			take_include(e, layer);
			line_begins = false;
		} else {
			put_byte(e, next_byte(layer));
			line_begins = c == '\n' || (line_begins && (c == ' ' || c == '\t'));
		}
	}
}

/* Passes over the byte order mark that some editors write. */
static size_t mark_length(struct mr_str bytes)
{
	return bytes.n >= 3 && memcmp(bytes.p, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
}

int mr_text_expand(struct mr_policy_text *files, struct mr_faults *faults, struct mr_text *text_r)
{
	struct expansion e = { .files = files, .faults = faults, .text = text_r };
	struct layer layer = { .line = 1, .depth = 0 };
	struct mr_source_fault fault;
	struct mr_where where = { mr_source_main(files), 0, 0 };
	int err = mr_source_get(files, mr_str_of(mr_source_main(files)), MR_SOURCE_TEXT, &layer.source, &fault);

	*text_r = (struct mr_text){ .line = 1 };
	if (err == MR_ERR_REFUSED)
		mr_faults_add(faults, MR_FAULT_ERROR, fault.id, &where, "the policy file %s%s%s\n%s", fault.what,
			      *fault.detail ? ": " : "", fault.detail, fault.cure);
	if (err)
		return err;
	layer.at = mark_length(layer.source.bytes);
	begin_span(&e, &layer);
	expand(&e, &layer);
	put_byte(&e, '\n');
	return e.err;
}

void mr_text_free(struct mr_text *text)
{
	mr_free(text->bytes);
	mr_free(text->spans);
	*text = (struct mr_text){ 0 };
}

struct mr_where mr_text_where(const struct mr_text *text, unsigned line)
{
	struct mr_where where = { "", 0, 0 };
	size_t low = 0, high = text->span_count;

	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;

		if (text->spans[middle].first <= line)
			low = middle;
		else
			high = middle;
	}
	if (text->span_count > 0) {
		where = text->spans[low].where;
		where.line += line - text->spans[low].first;
	}
	return where;
}
