/*
 * Cuts the text of a policy into tokens. Not the order in which they may come (scan.c), which calls it.
 */
#include "policy/token.h"

#include <string.h>

static bool is_word_byte(char c)
{
	char l = mr_ascii_lower(c);

	return (l >= 'a' && l <= 'z') || (c >= '0' && c <= '9') || (c != '\0' && strchr("_-*+./@%", c) != NULL);
}

bool mr_token_is_name(struct mr_str word)
{
	char first = word.n ? mr_ascii_lower(word.p[0]) : '\0';

	if (first < 'a' || first > 'z' || word.n > MR_TOKEN_NAME_MAX)
		return false;
	for (size_t i = 1; i < word.n; i++) {
		if (!is_word_byte(word.p[i]) || strchr("*+./@%", word.p[i]))
			return false;
	}
	return true;
}

static size_t digits(struct mr_str s, size_t at)
{
	size_t from = at;

	while (at < s.n && s.p[at] >= '0' && s.p[at] <= '9')
		at++;
	return at - from;
}

static enum mr_token_kind kind_of_word(struct mr_str word)
{
	size_t sign = word.n > 0 && (word.p[0] == '+' || word.p[0] == '-');
	size_t whole = digits(word, sign);
	size_t at = sign + whole;

	if (mr_str_equal_nocase(word, MR_STR("true")) || mr_str_equal_nocase(word, MR_STR("false")))
		return MR_TOKEN_BOOL;
	if (whole == 0 || whole > 18 || (whole > 1 && word.p[sign] == '0'))
		return MR_TOKEN_WORD;
	if (at == word.n)
		return MR_TOKEN_INT;
	if (word.p[at] == '.' && digits(word, at + 1) > 0 && at + 1 + digits(word, at + 1) == word.n)
		return MR_TOKEN_FLOAT;
	return MR_TOKEN_WORD;
}

static void read_string(struct mr_token_reader *reader, struct mr_token *token)
{
	const char *p = reader->text.p;
	size_t from = reader->at++;

	while (reader->at < reader->text.n && p[reader->at] != '"' && p[reader->at] != '\n')
		reader->at +=
			p[reader->at] == '\\' && p[reader->at + 1] != '\n' && reader->at + 1 < reader->text.n ? 2 : 1;
	token->kind = MR_TOKEN_STRING;
	token->unclosed = reader->at >= reader->text.n || p[reader->at] != '"';
	if (!token->unclosed)
		reader->at++;
	token->text = (struct mr_str){ p + from, reader->at - from };
}

struct mr_token mr_token_next(struct mr_token_reader *reader)
{
	const char *p = reader->text.p;
	struct mr_token token = { .kind = MR_TOKEN_END };
	size_t from;

	for (; reader->at < reader->text.n && strchr(" \t\r\n\f", p[reader->at]); reader->at++)
		reader->line += p[reader->at] == '\n';
	token.line = reader->line;
	if (reader->at >= reader->text.n)
		return token;
	if (p[reader->at] == '"') {
		read_string(reader, &token);
		return token;
	}
	from = reader->at;
	while (reader->at < reader->text.n && is_word_byte(p[reader->at]))
		reader->at++;
	if (reader->at > from) {
		token.text = (struct mr_str){ p + from, reader->at - from };
		token.kind = kind_of_word(token.text);
		return token;
	}
	token.kind = strchr("{}[]()=:,;", p[reader->at]) ? MR_TOKEN_MARK : MR_TOKEN_STRAY;
	reader->at++;
	/* A run of other bytes is one fault, not one for each. */
	while (token.kind == MR_TOKEN_STRAY && reader->at < reader->text.n && !is_word_byte(p[reader->at]) &&
	       !strchr(" \t\r\n\f\"{}[]()=:,;", p[reader->at]))
		reader->at++;
	token.text = (struct mr_str){ p + from, reader->at - from };
	return token;
}

bool mr_token_assign_follows(const struct mr_token_reader *reader)
{
	size_t at = reader->at;

	while (at < reader->text.n && (reader->text.p[at] == ' ' || reader->text.p[at] == '\t'))
		at++;
	return at < reader->text.n && (reader->text.p[at] == '=' || reader->text.p[at] == ':');
}

bool mr_token_has_leading_zero(struct mr_str word)
{
	size_t sign = word.n > 0 && (word.p[0] == '+' || word.p[0] == '-');
	size_t whole = digits(word, sign);

	return whole > 1 && sign + whole == word.n && word.p[sign] == '0';
}
