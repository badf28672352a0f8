/*
 * The reader of address lists in header fields. It finds the addresses, never the names, and says so when a part
 * cannot be read instead of guessing. Called by the rules that judge From and Sender.
 */
#include "core/header.h"

#include <string.h>

#include "base/error.h"
#include "core/address.h"

/* What has been seen of the present list element. */
struct element {
	char *bare;      /* the text outside brackets, comments and (as kept) quotes, without white space around '@' and '.' */
	size_t bare_n;
	bool bare_split; /* white space stood between two words: a name, not an address */
	struct mr_str angle; /* inside the angle brackets */
	bool has_angle, broken;
};

struct list {
	struct mr_str in;
	size_t at;
	struct mr_arena *arena;
	struct mr_mailbox *boxes;
	size_t n;
	bool broken, in_group;
	struct element element;
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Steps over a comment, which may hold comments. */
static bool skip_comment(struct list *l)
{
	unsigned depth = 0;

	for (; l->at < l->in.n; l->at++) {
		char c = l->in.p[l->at];

		if (c == '\\') {
			l->at++;
		} else if (c == '(') {
			depth++;
		} else if (c == ')' && --depth == 0) {
			l->at++;
			return true;
		}
	}
	return false;
}

/* Copies a quoted string with its quotes. */
static bool take_quoted(struct list *l)
{
	struct element *e = &l->element;

	e->bare[e->bare_n++] = l->in.p[l->at++];
	while (l->at < l->in.n) {
		char c = l->in.p[l->at++];

		if (is_blank(c))
			c = ' ';
		e->bare[e->bare_n++] = c;
		if (c == '"')
			return true;
		if (c == '\\' && l->at < l->in.n)
			e->bare[e->bare_n++] = l->in.p[l->at++];
	}
	return false;
}

/* Takes what stands between '<' and '>'. */
static bool take_angle(struct list *l)
{
	struct element *e = &l->element;
	size_t start = ++l->at;
	bool quoted = false;

	for (; l->at < l->in.n; l->at++) {
		char c = l->in.p[l->at];

		if (c == '\\') {
			l->at++;
		} else if (c == '"') {
			quoted = !quoted;
		} else if (!quoted && c == '<') {
			return false;
		} else if (!quoted && c == '>') {
			if (e->has_angle)
				return false;
			e->angle = mr_str_part(l->in, start, l->at++);
			e->has_angle = true;
			return true;
		}
	}
	return false;
}

static void add_address(struct list *l, struct mr_str text)
{
	struct mr_mailbox box;

	mr_address_read(mr_str_trim(text), l->arena, &box);
	if (box.kind != MR_MAILBOX_DOMAIN && box.kind != MR_MAILBOX_LITERAL && box.kind != MR_MAILBOX_LOCAL) {
		l->broken = true;
		return;
	}
	if (l->n == MR_HEADER_ADDRESSES_MAX)
		l->broken = true;
	else
		l->boxes[l->n++] = box;
}

/* A list element ends here: its address is what is in brackets, else the bare text. */
static void end_element(struct list *l)
{
	struct element *e = &l->element;

	if (e->has_angle)
		add_address(l, e->angle);
	else if (e->bare_n > 0 && e->bare_split)
		l->broken = true;
	else if (e->bare_n > 0)
		add_address(l, (struct mr_str){ e->bare, e->bare_n });
	e->bare_n = 0;
	e->bare_split = e->has_angle = false;
}

/* White space joins "a @ b" and splits "a b". */
static void take_blank(struct list *l)
{
	struct element *e = &l->element;
	char before = e->bare_n > 0 ? e->bare[e->bare_n - 1] : '@';
	char after;

	while (l->at < l->in.n && is_blank(l->in.p[l->at]))
		l->at++;
	after = l->at < l->in.n ? l->in.p[l->at] : ',';
	if (memchr("@.", before, 2) == NULL && memchr("@.,;:<(", after, 7) == NULL)
		e->bare_split = true;
}

/* One step; false when the rest cannot be read. */
static bool step(struct list *l)
{
	struct element *e = &l->element;
	char c = l->in.p[l->at];

	if (c == '(')
		return skip_comment(l);
	if (c == '"')
		return take_quoted(l);
	if (c == '<')
		return take_angle(l);
	if (is_blank(c)) {
		take_blank(l);
		return true;
	}
	l->at++;
	if (c == ',') {
		end_element(l);
	} else if (c == ';' && l->in_group) {
		end_element(l);
		l->in_group = false;
	} else if (c == ':' && !l->in_group && !e->has_angle) {
		l->in_group = true; /* what came before was the group's name */
		e->bare_n = 0;
		e->bare_split = false;
	} else if (c == '>' || c == ')' || c == ';' || c == ':') {
		return false;
	} else {
		if (e->has_angle)
			l->broken = true; /* text behind the brackets */
		e->bare[e->bare_n++] = c;
	}
	return true;
}

int mr_header_addresses(struct mr_str value, struct mr_arena *arena, struct mr_mailbox *boxes_r, size_t *n_r)
{
	struct list l = { .in = value, .arena = arena, .boxes = boxes_r };
	size_t nul;

	*n_r = 0;
	l.element.bare = mr_arena_alloc(arena, value.n + 1);
	if (l.element.bare == NULL)
		return MR_ERR_SYNTAX;
	nul = mr_str_find(value, '\0');
	if (nul < value.n)
		l.broken = true;
	while (l.at < l.in.n) {
		if (!step(&l)) {
			l.broken = true;
			break;
		}
	}
	end_element(&l);
	*n_r = l.n;
	return l.broken ? MR_ERR_SYNTAX : MR_OK;
}
