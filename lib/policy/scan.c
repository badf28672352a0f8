/*
 * A reader of libconfig's syntax that goes on behind a fault. It makes no tree (libconfig does) and knows no setting.
 * Called by tree.c.
 */
#include "policy/scan.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "policy/token.h"

enum { DEPTH_MAX = 16, SYNTAX_FAULTS_MAX = 20 };

enum want { W_NAME, W_ASSIGN, W_VALUE, W_AFTER, W_ELEMENT, W_COMMA };

struct frame {
	char open; /* '{', '[', '(' or 0 for the whole text */
	unsigned line;
	unsigned group;
	enum want want;
	enum mr_token_kind kind; /* of the elements of an array; MR_TOKEN_END: none yet */
};

struct scanner {
	const struct mr_text *text;
	struct mr_faults *faults;
	struct mr_scan *out;
	struct mr_strmap *names; /* "group name" -> line */
	struct mr_token_reader reader;
	unsigned out_line;
	unsigned groups, again, fault_count;
	struct frame frames[DEPTH_MAX];
	size_t depth;
	struct mr_token name;    /* whose value is awaited */
	bool comma;              /* before the next element */
	unsigned skipped;        /* line of which the rest makes no sense; 0: none */
	enum mr_token_kind last; /* the value before */
	int err;
};

/* ---- What libconfig gets ---- */

static void put(struct scanner *s, const char *bytes, size_t n)
{
	struct mr_scan *out = s->out;

	if (s->err)
		return;
	if (out->room - out->n <= n) {
		size_t room = (out->room + n) * 2 + 4096;
		char *grown = mr_realloc(out->bytes, room, 1);

		if (!grown) {
			s->err = MR_ERR_NOMEM;
			return;
		}
		out->bytes = grown;
		out->room = room;
	}
	memcpy(out->bytes + out->n, bytes, n);
	out->n += n;
	out->bytes[out->n] = '\0';
}

/* Writes a token on the line where it stood. */
static void put_at(struct scanner *s, const char *bytes, size_t n, unsigned line)
{
	for (; s->out_line < line; s->out_line++)
		put(s, "\n", 1);
	put(s, bytes, n);
	put(s, " ", 1);
}

/* Notes the line of one setting or element. */
static void put_line(struct scanner *s, unsigned line)
{
	struct mr_scan *out = s->out;

	if (out->count == out->lines_room) {
		size_t room = out->lines_room ? out->lines_room * 2 : 256;
		unsigned *lines = mr_realloc(out->lines, room, sizeof(*lines));

		if (!lines) {
			s->err = MR_ERR_NOMEM;
			return;
		}
		out->lines = lines;
		out->lines_room = room;
	}
	out->lines[out->count++] = line;
}

/* ---- Faults ---- */

static void fault_as(struct scanner *s, const char *id, unsigned line, const char *what, struct mr_str shown,
		     const char *cure)
{
	struct mr_where where = mr_text_where(s->text, line);

	s->out->faulty = true;
	if (++s->fault_count > SYNTAX_FAULTS_MAX)
		s->out->stopped = true;
	mr_faults_add(s->faults, MR_FAULT_ERROR, id, &where, "%s%s%s%s\n%s%s", what, shown.p ? " '" : "",
		      shown.p ? mr_faults_show(s->faults, shown) : "", shown.p ? "'" : "", cure,
		      s->out->stopped ? "; what follows was not read" : "");
}

static void fault(struct scanner *s, unsigned line, const char *what, struct mr_str shown, const char *cure)
{
	fault_as(s, "syntax", line, what, shown, cure);
}

static void stop(struct scanner *s, unsigned line, const char *what, struct mr_str shown, const char *cure)
{
	s->out->stopped = true;
	fault(s, line, what, shown, cure);
}

static bool is_mark(const struct mr_token *token, char mark)
{
	return token->kind == MR_TOKEN_MARK && token->text.p[0] == mark;
}

/* ---- Syntax ---- */

static struct frame *top(struct scanner *s)
{
	return &s->frames[s->depth - 1];
}

static void push(struct scanner *s, char open, unsigned line)
{
	if (s->depth == DEPTH_MAX) {
		stop(s, line, "brackets lie in one another too deep", MR_STR_ABSENT,
		     "no setting needs more than a few");
		return;
	}
	s->frames[s->depth++] = (struct frame){ open, line, s->groups++,
						open == '{' || open == '\0' ? W_NAME : W_ELEMENT, MR_TOKEN_END };
}

/* The name under which the setting goes to libconfig: another one when it was set before. */
static void put_name(struct scanner *s)
{
	char key[MR_TOKEN_NAME_MAX + 32], again[32];
	int n = snprintf(key, sizeof(key), "%u %.*s", top(s)->group, (int)s->name.text.n, s->name.text.p);
	struct mr_str full = { key, (size_t)n };
	uintptr_t before = (uintptr_t)mr_strmap_get(s->names, full);
	char cure[64];

	if (before) {
		struct mr_where where = mr_text_where(s->text, (unsigned)before);

		snprintf(cure, sizeof(cure), "keep one; the first is in line %u", where.line);
		fault_as(s, "duplicate-setting", s->name.line, "this is set twice:", s->name.text, cure);
		n = snprintf(again, sizeof(again), MR_SCAN_AGAIN "%u", s->again++);
		put_at(s, again, (size_t)n, s->name.line);
	} else {
		if (mr_strmap_set(s->names, full, (void *)(uintptr_t)s->name.line, NULL))
			s->err = MR_ERR_NOMEM;
		put_at(s, s->name.text.p, s->name.text.n, s->name.line);
	}
	put(s, "= ", 2);
	put_line(s, s->name.line);
}

/* What comes before a value: the setting's name, or a comma. */
static void put_before_value(struct scanner *s, unsigned line)
{
	if (top(s)->open == '[' || top(s)->open == '(') {
		if (s->comma)
			put(s, ", ", 2);
		s->comma = false;
		put_line(s, line);
	} else {
		put_name(s);
	}
}

/* Writes a scalar as libconfig wants it. */
static void put_scalar(struct scanner *s, const struct mr_token *token)
{
	if (token->kind == MR_TOKEN_WORD || token->unclosed) {
		put_at(s, "\"", 1, token->line);
		s->out->n -= s->err ? 0 : 1; /* the blank would be part of the string */
		if (token->kind != MR_TOKEN_STRING)
			put(s, token->text.p, token->text.n);
		put(s, "\" ", 2);
	} else {
		put_at(s, token->text.p, token->text.n, token->line);
		if (token->kind == MR_TOKEN_INT && token->text.n > 9 && !s->err) {
			s->out->n--;
			put(s, "L ", 2);
		}
	}
}

static bool line_has_bracket(const struct mr_token *token)
{
	for (size_t i = 0; i < token->text.n; i++) {
		if (strchr("[](){}", token->text.p[i]))
			return true;
	}
	return false;
}

/* Whether a string can be kept; says what is wrong with it. */
static void check_string(struct scanner *s, const struct mr_token *token)
{
	for (size_t i = 0; i + 1 < token->text.n; i++) {
		if (token->text.p[i] != '\\')
			continue;
		i++;
		if (token->text.p[i] == 'x' && token->text.n - i > 2 && token->text.p[i + 1] == '0' &&
		    token->text.p[i + 2] == '0')
			stop(s, token->line, "this string holds a NUL byte", MR_STR_ABSENT, "take \\x00 out");
	}
	if (token->unclosed && line_has_bracket(token))
		stop(s, token->line, "this string is not closed on its line", MR_STR_ABSENT, "end it with a quote");
	else if (token->unclosed)
		fault(s, token->line, "this string is not closed on its line", MR_STR_ABSENT, "end it with a quote");
}

static void take_scalar(struct scanner *s, const struct mr_token *token)
{
	struct frame *frame = top(s);
	enum mr_token_kind kind = token->kind == MR_TOKEN_WORD ? MR_TOKEN_STRING : token->kind;

	if (token->kind == MR_TOKEN_WORD) {
		bool zero = mr_token_has_leading_zero(token->text);

		fault(s, token->line, zero ? "a number with a leading zero" : "a value without quotes:", token->text,
		      zero ? "write it without, or as text in quotes" : "put it in quotes");
	} else if (token->kind == MR_TOKEN_STRING) {
		check_string(s, token);
	}
	if (s->out->stopped)
		return;
	if (frame->open == '[' && frame->kind != MR_TOKEN_END && frame->kind != kind) {
		fault(s, token->line, "[ ] holds values of different types:", token->text,
		      "write them all in quotes, or all without");
		s->comma = false;
		frame->want = W_COMMA;
		return;
	}
	frame->kind = kind;
	s->last = kind;
	put_before_value(s, token->line);
	put_scalar(s, token);
	frame->want = frame->open == '[' || frame->open == '(' ? W_COMMA : W_AFTER;
}

static void take_open(struct scanner *s, const struct mr_token *token)
{
	struct frame *frame = top(s);

	if (frame->open == '[') {
		stop(s, token->line, "[ ] holds plain values only, this is", token->text,
		     "write ( ) around groups and lists");
		return;
	}
	put_before_value(s, token->line);
	put_at(s, token->text.p, 1, token->line);
	frame->want = frame->open == '(' ? W_COMMA : W_AFTER;
	s->last = MR_TOKEN_END;
	push(s, token->text.p[0], token->line);
}

static void take_close(struct scanner *s, const struct mr_token *token)
{
	static const char pairs[] = "{}[]()";
	struct frame *frame = top(s);
	char what[96];

	if (!frame->open) {
		stop(s, token->line, "nothing is open that this could close:", token->text,
		     "take it out, or look for what is missing above");
		return;
	}
	if (strchr(pairs, frame->open)[1] != token->text.p[0]) {
		snprintf(what, sizeof(what), "the %c of line %u is still open, and here comes", frame->open,
			 mr_text_where(s->text, frame->line).line);
		stop(s, token->line, what, token->text, "close brackets in the order in which they were opened");
		return;
	}
	s->comma = false;
	put_at(s, token->text.p, 1, token->line);
	s->depth--;
	s->last = MR_TOKEN_END;
}

/* The rest of the line, up to the next bracket, is passed over. */
static void unexpected(struct scanner *s, const struct mr_token *token, const char *wanted)
{
	char what[96];

	snprintf(what, sizeof(what), "%s is wanted here, not", wanted);
	fault(s, token->line, what, token->text,
	      mr_str_equal(token->text, MR_STR("@include")) ? "write @include \"file\" at the beginning of a line"
	      : mr_str_find(token->text, '.') < token->text.n && token->kind == MR_TOKEN_WORD
		      ? "write group: { name = value }"
		      : "see mailreeve.conf(5) for how a policy is written");
	s->skipped = token->line;
}

static bool is_open(const struct mr_token *token)
{
	return token->kind == MR_TOKEN_MARK && strchr("{[(", token->text.p[0]);
}

static bool is_close(const struct mr_token *token)
{
	return token->kind == MR_TOKEN_MARK && strchr("}])", token->text.p[0]);
}

static bool is_scalar(const struct mr_token *token)
{
	return token->kind == MR_TOKEN_STRING || token->kind == MR_TOKEN_INT || token->kind == MR_TOKEN_FLOAT ||
	       token->kind == MR_TOKEN_BOOL || token->kind == MR_TOKEN_WORD;
}

static void want_name(struct scanner *s, const struct mr_token *token)
{
	if (is_close(token)) {
		take_close(s, token);
	} else if (token->kind == MR_TOKEN_WORD && mr_token_is_name(token->text)) {
		s->name = *token;
		top(s)->want = W_ASSIGN;
	} else if (is_open(token)) {
		stop(s, token->line, "a bracket without the name of a setting:", token->text,
		     "write name = in front of it");
	} else {
		unexpected(s, token, "the name of a setting");
	}
}

static void want_value(struct scanner *s, const struct mr_token *token)
{
	struct frame *frame = top(s);

	if (is_open(token)) {
		take_open(s, token);
	} else if (is_scalar(token) && !(token->kind == MR_TOKEN_WORD && mr_token_assign_follows(&s->reader))) {
		take_scalar(s, token);
	} else if (token->kind == MR_TOKEN_STRAY) {
		frame->want = W_NAME;
		unexpected(s, token, "a value");
	} else {
		fault(s, s->name.line, "this setting has no value:", s->name.text, "write name = value");
		frame->want = W_NAME;
		if (is_close(token) || token->kind == MR_TOKEN_WORD)
			want_name(s, token);
	}
}

static void want_assign(struct scanner *s, const struct mr_token *token)
{
	top(s)->want = W_VALUE;
	if (is_mark(token, '=') || is_mark(token, ':'))
		return;
	if (is_scalar(token) || is_open(token))
		fault(s, s->name.line, "no '=' behind the name", s->name.text, "write name = value");
	want_value(s, token);
}

static void want_after(struct scanner *s, const struct mr_token *token)
{
	if (token->kind == MR_TOKEN_STRING && s->last == MR_TOKEN_STRING) {
		check_string(s, token);
		put_scalar(s, token);
		return;
	}
	top(s)->want = W_NAME;
	if (!is_mark(token, ';') && !is_mark(token, ','))
		want_name(s, token);
}

static void want_element(struct scanner *s, const struct mr_token *token)
{
	if (is_close(token))
		take_close(s, token);
	else if (is_open(token))
		take_open(s, token);
	else if (is_scalar(token))
		take_scalar(s, token);
	else
		unexpected(s, token, "a value");
}

static void want_comma(struct scanner *s, const struct mr_token *token)
{
	if (is_mark(token, ',')) {
		s->comma = true;
		top(s)->want = W_ELEMENT;
	} else if (is_close(token)) {
		take_close(s, token);
	} else if (is_scalar(token) || is_open(token)) {
		fault_as(s, "missing-comma", token->line, "no comma before", token->text,
			 "put a comma between the two values");
		s->comma = true;
		want_element(s, token);
	} else {
		unexpected(s, token, "a comma");
	}
}

static void take(struct scanner *s, const struct mr_token *token)
{
	if (s->skipped == token->line && !is_open(token) && !is_close(token))
		return;
	s->skipped = 0;
	switch (top(s)->want) {
	case W_NAME:
		want_name(s, token);
		break;
	case W_ASSIGN:
		want_assign(s, token);
		break;
	case W_VALUE:
		want_value(s, token);
		break;
	case W_AFTER:
		want_after(s, token);
		break;
	case W_ELEMENT:
		want_element(s, token);
		break;
	case W_COMMA:
		want_comma(s, token);
		break;
	}
}

static void finish(struct scanner *s)
{
	struct frame *frame = top(s);

	if (frame->want == W_ASSIGN || frame->want == W_VALUE)
		fault(s, s->name.line, "this setting has no value:", s->name.text, "write name = value");
	if (frame->open)
		stop(s, frame->line, "this bracket is never closed:", (struct mr_str){ &frame->open, 1 },
		     "close it, and look for the place where it should have been");
	put(s, "\n", 1);
}

int mr_scan_text(const struct mr_text *text, struct mr_faults *faults, const unsigned char key[MR_HASH_KEY_BYTES],
		 struct mr_scan *scan_r)
{
	struct scanner s = { .text = text, .faults = faults, .out = scan_r, .out_line = 1, .last = MR_TOKEN_END };

	*scan_r = (struct mr_scan){ 0 };
	s.names = mr_strmap_new(key);
	if (!s.names)
		return MR_ERR_NOMEM;
	s.reader = (struct mr_token_reader){ { text->bytes, text->n }, 0, 1 };
	push(&s, '\0', 1);
	while (!s.err && !scan_r->stopped) {
		struct mr_token token = mr_token_next(&s.reader);

		if (token.kind == MR_TOKEN_END) {
			finish(&s);
			break;
		}
		take(&s, &token);
	}
	mr_strmap_free(&s.names, NULL);
	return s.err;
}

void mr_scan_free(struct mr_scan *scan)
{
	mr_free(scan->bytes);
	mr_free(scan->lines);
	*scan = (struct mr_scan){ 0 };
}
