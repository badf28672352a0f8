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
	char *text;      /* words outside comments, quotes as they are, no white space around '@' and '.' */
	size_t n;
	bool split;      /* white space or a comment stood between two words: a name, not an address */
	bool in_angle;   /* behind '<': text is the address in brackets */
	bool has_angle;  /* behind '>' */
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

static void take(struct list *l)
{
	l->element.text[l->element.n++] = l->in.p[l->at++];
}

/* Steps over a comment, which may hold comments. */
static void skip_comment(struct list *l)
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
			return;
		}
	}
	l->broken = true;
}

/* Copies a quoted string with its quotes; folded white space becomes blanks. */
static void take_quoted(struct list *l)
{
	struct element *e = &l->element;

	take(l);
	while (l->at < l->in.n) {
		char c = l->in.p[l->at];

		take(l);
		if (is_blank(c))
			e->text[e->n - 1] = ' ';
		if (c == '"')
			return;
		if (c == '\\' && l->at < l->in.n)
			take(l);
	}
	l->broken = true;
}

/* Copies an address literal with its brackets: ':' means nothing special in it. */
static void take_literal(struct list *l)
{
	while (l->at < l->in.n && l->in.p[l->at] != ']')
		take(l);
	if (l->at < l->in.n)
		take(l);
	else
		l->broken = true;
}

/* The text so far is an address, when it can be read as one. */
static void add_address(struct list *l)
{
	struct element *e = &l->element;
	struct mr_mailbox box;

	mr_address_read((struct mr_str){ e->text, e->n }, l->arena, &box);
	if (e->split || l->n == MR_HEADER_ADDRESSES_MAX ||
	    (box.kind != MR_MAILBOX_DOMAIN && box.kind != MR_MAILBOX_LITERAL && box.kind != MR_MAILBOX_LOCAL))
		l->broken = true;
	else
		l->boxes[l->n++] = box;
}

static void forget_text(struct element *e)
{
	e->n = 0;
	e->split = false;
}

/* '<': what came before was a name. A second pair of brackets makes the field unreadable, but its address counts. */
static void open_angle(struct list *l)
{
	struct element *e = &l->element;

	if (e->in_angle || e->has_angle)
		l->broken = true;
	forget_text(e);
	e->in_angle = true;
}

static void close_angle(struct list *l)
{
	struct element *e = &l->element;

	if (!e->in_angle)
		l->broken = true;
	if (e->in_angle || e->n > 0)
		add_address(l);
	forget_text(e);
	e->in_angle = false;
	e->has_angle = true;
}

/* A list element ends here. Text behind the brackets, or brackets left open, make it unreadable. */
static void end_element(struct list *l)
{
	struct element *e = &l->element;

	if (e->in_angle || (e->has_angle && e->n > 0))
		l->broken = true;
	if (e->in_angle || e->n > 0)
		add_address(l);
	forget_text(e);
	e->in_angle = e->has_angle = false;
}

/* ':' ends the name of a group, or stands in a source route in brackets. */
static void take_colon(struct list *l)
{
	struct element *e = &l->element;

	if (e->in_angle) {
		take(l);
		return;
	}
	if (l->in_group || e->has_angle || mr_str_find((struct mr_str){ e->text, e->n }, '@') < e->n)
		l->broken = true;
	l->in_group = true;
	l->at++;
	forget_text(e);
}

/* White space and comments join "a @ b" and split "a b". */
static void take_gap(struct list *l)
{
	struct element *e = &l->element;
	char before = e->n > 0 ? e->text[e->n - 1] : '@';
	char after;

	while (l->at < l->in.n && (is_blank(l->in.p[l->at]) || l->in.p[l->at] == '(')) {
		if (l->in.p[l->at] == '(')
			skip_comment(l);
		else
			l->at++;
	}
	after = l->at < l->in.n ? l->in.p[l->at] : ',';
	if (memchr("@.,:", before, 4) == NULL && memchr("@.,;:<>", after, 7) == NULL)
		e->split = true;
}

static void step(struct list *l)
{
	struct element *e = &l->element;
	char c = l->in.p[l->at];

	if (is_blank(c) || c == '(') {
		take_gap(l);
	} else if (c == '"') {
		take_quoted(l);
	} else if (c == '[') {
		take_literal(l);
	} else if (c == ':') {
		take_colon(l);
	} else if (c == '<') {
		open_angle(l);
		l->at++;
	} else if (c == '>') {
		close_angle(l);
		l->at++;
	} else if (c == ',' && e->in_angle && e->n > 0 && e->text[0] == '@') {
		take(l); /* in a source route */
	} else if (c == ',' || c == ';') {
		end_element(l);
		if (c == ';' && !l->in_group)
			l->broken = true;
		if (c == ';')
			l->in_group = false;
		l->at++;
	} else {
		if (c == ')')
			l->broken = true;
		take(l);
	}
}

int mr_header_addresses(struct mr_str value, struct mr_arena *arena, struct mr_mailbox *boxes_r, size_t *n_r)
{
	struct list l = { .in = value, .arena = arena, .boxes = boxes_r };

	*n_r = 0;
	l.element.text = mr_arena_alloc(arena, value.n + 1);
	if (value.p == NULL || l.element.text == NULL)
		return MR_ERR_SYNTAX;
	l.broken = mr_str_find(value, '\0') < value.n;
	while (l.at < l.in.n)
		step(&l);
	end_element(&l);
	*n_r = l.n;
	return l.broken ? MR_ERR_SYNTAX : MR_OK;
}
