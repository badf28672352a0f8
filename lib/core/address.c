/*
 * The reader of SMTP paths. It takes the strict side wherever readers disagree: what two programs could read in two
 * ways is malformed here, and a malformed recipient gives no right to relay. It does not decide anything; the rules do.
 * Called by the core's rules and by the header reader.
 */
#include "core/address.h"

#include <string.h>

#include "base/error.h"
#include "base/unicode.h"

/* Where reading stands: the input, and the dequoted local part that grows from it. */
struct reading {
	struct mr_str in;
	size_t at;
	char *local;   /* in.n bytes */
	size_t local_n;
	size_t last_at; /* position in the input behind the last '@' outside quotes; 0: none */
	size_t local_end; /* length of local when that '@' came */
	unsigned at_signs;
};

static bool is_parameter_list(struct mr_str s)
{
	bool in_name = true, name_empty = true;

	if (s.n == 0 || s.p[0] != ' ')
		return s.n == 0;
	for (size_t i = 1; i < s.n; i++) {
		char c = s.p[i];
		bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';

		if (c == ' ') {
			in_name = name_empty = true;
		} else if (in_name && c == '=') {
			if (name_empty)
				return false;
			in_name = false;
		} else if (in_name && !letter) {
			return false;
		} else {
			name_empty = false;
		}
	}
	return true;
}

/* The position of the bracket that closes path, or path.n; quoted strings and escapes are stepped over. */
static size_t closing_bracket(struct mr_str path)
{
	bool quoted = false;

	for (size_t i = 1; i < path.n; i++) {
		char c = path.p[i];

		if (c == '\\')
			i++;
		else if (c == '"')
			quoted = !quoted;
		else if (!quoted && c == '>')
			return i;
	}
	return path.n;
}

/* Takes the angle brackets and the parameters behind them away. */
static bool strip_brackets(struct mr_str *path)
{
	size_t close;

	if (path->n == 0 || path->p[0] != '<')
		return true;
	close = closing_bracket(*path);
	if (close == path->n || !is_parameter_list(mr_str_part(*path, close + 1, path->n)))
		return false;
	*path = mr_str_part(*path, 1, close);
	return true;
}

/* Whether s is "@a,@b": domains only, each behind its '@' (RFC 5321 4.1.2, A-d-l). */
static bool is_route(struct mr_str s)
{
	char before = ',';

	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if ((before == ',') != (c == '@') || (before == '@' && c == ',') ||
		    memchr("\"\\<>()[]:; %!", c, 13) != NULL)
			return false;
		before = c;
	}
	return before != ',' && before != '@';
}

/* Takes one source route "@a,@b:" away: the final part decides where the mail goes. */
static bool strip_route(struct mr_str *path)
{
	size_t colon;

	if (path->n == 0 || path->p[0] != '@')
		return true;
	colon = mr_str_find(*path, ':');
	if (colon == path->n || !is_route(mr_str_part(*path, 0, colon)))
		return false;
	*path = mr_str_part(*path, colon + 1, path->n);
	return path->n > 0 && path->p[0] != '@';
}

static bool read_quoted(struct reading *r)
{
	for (r->at++; r->at < r->in.n; r->at++) {
		char c = r->in.p[r->at];

		if (c == '"') {
			r->at++;
			return true;
		}
		if (c == '\\' && ++r->at == r->in.n)
			return false;
		r->local[r->local_n++] = r->in.p[r->at];
	}
	return false;
}

/* Bytes that stand outside quotes only in something that we do not read as an address. */
static bool is_special(char c)
{
	return memchr("<>()[]:;, ", c, 10) != NULL;
}

/* Steps over the domain behind an '@' when it is a literal in brackets, whose bytes are special elsewhere. */
static bool step_over_literal(struct reading *r)
{
	size_t end;

	if (r->at == r->in.n || r->in.p[r->at] != '[')
		return true;
	end = r->at + mr_str_find(mr_str_part(r->in, r->at, r->in.n), ']');
	if (end + 1 != r->in.n)
		return false;
	r->at = r->in.n;
	return true;
}

/* Reads the whole of r->in: dequotes, and finds the '@' signs that are outside quotes. */
static bool read_parts(struct reading *r)
{
	while (r->at < r->in.n) {
		char c = r->in.p[r->at];

		if (c == '"') {
			if (!read_quoted(r))
				return false;
			continue;
		}
		if (is_special(c))
			return false;
		if (c == '\\' && ++r->at == r->in.n)
			return false;
		if (c == '@') {
			r->local_end = r->local_n;
			r->last_at = r->at + 1;
			r->at_signs++;
		}
		r->local[r->local_n++] = r->in.p[r->at++];
		if (c == '@' && !step_over_literal(r))
			return false;
	}
	return true;
}

static bool read_literal(struct mr_str text, struct mr_mailbox *m)
{
	struct mr_str inside = mr_str_part(text, 1, text.n - 1);
	bool tagged = inside.n > 5 && mr_str_equal_nocase(mr_str_part(inside, 0, 5), MR_STR("IPv6:"));

	if (mr_str_find(inside, ':') < inside.n && !tagged)
		return false;
	if (mr_ip_parse(inside, &m->literal) != MR_OK)
		return false;
	m->kind = MR_MAILBOX_LITERAL;
	return true;
}

static bool read_domain(struct mr_str text, struct mr_arena *arena, struct mr_mailbox *m)
{
	char name[MR_DOMAIN_MAX];
	size_t n;

	if (text.n >= 2 && text.p[0] == '[' && text.p[text.n - 1] == ']')
		return read_literal(text, m);
	if (mr_domain_canonical(text, name, &n) != MR_OK)
		return false;
	m->domain = mr_arena_copy(arena, (struct mr_str){ name, n });
	m->kind = MR_MAILBOX_DOMAIN;
	return m->domain.p != NULL;
}

/* The key: local part in lower case, '@', domain or literal. */
static bool make_key(struct mr_arena *arena, struct mr_mailbox *m)
{
	char literal[MR_IP_TEXT_MAX + 2];
	struct mr_str domain = m->domain;
	char *key;
	size_t n = m->local.n;

	if (m->kind == MR_MAILBOX_LITERAL) {
		size_t length = mr_ip_format(&m->literal, literal + 1);

		literal[0] = '[';
		literal[length + 1] = ']';
		domain = (struct mr_str){ literal, length + 2 };
	}
	key = mr_arena_alloc(arena, n + domain.n + 2);
	if (key == NULL)
		return false;
	for (size_t i = 0; i < n; i++)
		key[i] = mr_ascii_lower(m->local.p[i]);
	if (m->kind != MR_MAILBOX_LOCAL) {
		key[n++] = '@';
		memcpy(key + n, domain.p, domain.n);
		n += domain.n;
	}
	m->address = (struct mr_str){ key, n };
	return true;
}

static bool has_routing_character(struct mr_str local)
{
	for (size_t i = 0; i < local.n; i++)
		if (local.p[i] == '@' || local.p[i] == '%' || local.p[i] == '!')
			return true;
	return false;
}

static bool read_mailbox(struct mr_str text, struct mr_arena *arena, struct mr_mailbox *m)
{
	struct reading r = { .in = text, .local = mr_arena_alloc(arena, text.n + 1) };

	if (r.local == NULL || !read_parts(&r))
		return false;
	m->kind = MR_MAILBOX_LOCAL;
	m->local = (struct mr_str){ r.local, r.local_n };
	if (r.at_signs > 0) {
		m->local.n = r.local_end;
		if (!read_domain(mr_str_part(text, r.last_at, text.n), arena, m))
			return false;
	}
	if (m->local.n == 0)
		return false;
	m->routed = r.at_signs > 1 || has_routing_character(m->local);
	return make_key(arena, m);
}

/* Takes blanks and tabs from both ends. CR and LF stay, and make the address one with control bytes. */
static struct mr_str without_blanks(struct mr_str s)
{
	while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t'))
		s = mr_str_part(s, 1, s.n);
	while (s.n > 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
		s.n--;
	return s;
}

void mr_address_read(struct mr_str path, struct mr_arena *arena, struct mr_mailbox *mailbox_r)
{
	struct mr_str text = without_blanks(path);

	*mailbox_r = (struct mr_mailbox){ .kind = MR_MAILBOX_MALFORMED };
	if (path.p != NULL && path.n == 0) {
		mailbox_r->kind = MR_MAILBOX_NULL; /* so Postfix writes it for mail submitted on the host itself */
		return;
	}
	if (mr_str_has_control(text)) {
		mailbox_r->kind = MR_MAILBOX_CONTROL;
		return;
	}
	if (text.n > MR_PATH_MAX || text.n == 0 || !strip_brackets(&text))
		return;
	if (text.n == 0) {
		mailbox_r->kind = MR_MAILBOX_NULL;
		return;
	}
	if (!strip_route(&text) || !read_mailbox(text, arena, mailbox_r))
		*mailbox_r = (struct mr_mailbox){ .kind = MR_MAILBOX_MALFORMED };
}

struct mr_str mr_address_without_plus(const struct mr_mailbox *mailbox, struct mr_arena *arena)
{
	struct mr_str key = mailbox->address;
	size_t plus = mr_str_find(mr_str_part(key, 0, mailbox->local.n), '+');
	size_t tail = key.n - mailbox->local.n;
	char *copy;

	if (key.p == NULL || plus == 0 || plus >= mailbox->local.n)
		return key;
	copy = mr_arena_alloc(arena, plus + tail + 1);
	if (copy == NULL)
		return MR_STR_ABSENT;
	memcpy(copy, key.p, plus);
	memcpy(copy + plus, key.p + mailbox->local.n, tail);
	return (struct mr_str){ copy, plus + tail };
}
