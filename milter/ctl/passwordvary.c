/*
 * See passwordvary.h. A position is a rule times the number of words plus a word; rules come in blocks.
 * Called by the audit, and by the check for its words.
 */
#include "passwordvary.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum form { AS_IS, CAPITAL, UPPER, REVERSED, DOUBLED, LEET, LEET_CAPITAL, FORMS };

static const char *const form_names[FORMS] = { "",	    "with a capital letter",  "in capitals",
					       "reversed",  "doubled",		      "with digits for letters",
					       "with a capital letter and digits for letters" };

/* ---- Rules ---- */

static const char *const endings[] = { "",     "1",    "123",  "!",   "1!",  "123!", "12",  "1234", "12345", "123456",
				       "01",   "2",    "@123", "3",   "#1",  "11",   "4",   "5",    "6",     "7",
				       "8",    "9",    "0",    "00",  "007", "69",   "99",  "22",   "77",    "88",
				       "10",   "13",   "21",   "23",  "111", "321",  "666", "!!",   "*",     ".",
				       "?",    "@1",   "_1",   "-1",  "!1",  "#123", "$",   "1234!", "12!",  "@" };
enum { ENDINGS = sizeof(endings) / sizeof(endings[0]) };

/* Years from the next one back; with a sign behind or between only the recent ones. */
enum { YEARS = 90, RECENT_YEARS = 12, SIGNED_YEARS = 7 };
static const char *const year_signs[] = { "@", "#", "_", ".", "-" };
enum { YEAR_SIGNS = sizeof(year_signs) / sizeof(year_signs[0]) };

static const struct {
	enum form form;
	const char *before, *behind;
} others[] = {
	{ REVERSED, "", "" },	  { UPPER, "", "" },	       { DOUBLED, "", "" },	 { LEET, "", "" },
	{ LEET_CAPITAL, "", "" }, { REVERSED, "", "1" },       { REVERSED, "", "123" },	 { UPPER, "", "1" },
	{ UPPER, "", "123" },	  { UPPER, "", "!" },	       { LEET, "", "1" },	 { LEET, "", "!" },
	{ LEET, "", "123" },	  { LEET_CAPITAL, "", "1" },   { LEET_CAPITAL, "", "!" }, { LEET_CAPITAL, "", "123" },
	{ AS_IS, "1", "" },	  { AS_IS, "123", "" },	       { CAPITAL, "1", "" },	 { CAPITAL, "123", "" },
	{ AS_IS, "!", "" },	  { CAPITAL, "!", "" },	       { AS_IS, "my", "" },	 { AS_IS, "the", "" },
	{ AS_IS, "123", "123" },  { AS_IS, "1", "1" },
};
enum { OTHERS = sizeof(others) / sizeof(others[0]) };

/* The blocks, in the order of their rules. Each plain rule has the form as it is and the one with a capital letter. */
enum block { PLAIN_ENDING, YEAR_BANG, YEAR_SIGN, YEAR, OTHER, SHORT_YEAR, BLOCKS };
static const unsigned block_rules[BLOCKS] = {
	2 * ENDINGS, 2 * RECENT_YEARS, 2 * SIGNED_YEARS * YEAR_SIGNS, 2 * YEARS, OTHERS, 2 * YEARS,
};
/* Nobody was born in "summer": words that many use get only recent years behind them. */
enum { STOCK_RULES = 2 * ENDINGS + 2 * RECENT_YEARS + 2 * SIGNED_YEARS * YEAR_SIGNS + 2 * RECENT_YEARS };

struct rule {
	enum block block;
	unsigned at; /* in the block */
};

static unsigned rules(void)
{
	unsigned n = 0;

	for (unsigned i = 0; i < BLOCKS; i++)
		n += block_rules[i];
	return n;
}

static struct rule rule_of(size_t position, size_t words)
{
	struct rule rule = { PLAIN_ENDING, (unsigned)(position / words) };

	while (rule.at >= block_rules[rule.block] && rule.block + 1 < BLOCKS) {
		rule.at -= block_rules[rule.block];
		rule.block = (enum block)(rule.block + 1);
	}
	return rule;
}

static enum form form_of(struct rule rule)
{
	if (rule.block == OTHER)
		return others[rule.at % OTHERS].form;
	return rule.at % 2 == 0 ? AS_IS : CAPITAL;
}

/* What stands before and behind the word; room of at least 16 bytes. */
static void around(struct rule rule, int year, char *before, char *behind)
{
	unsigned i = rule.at / 2;

	before[0] = behind[0] = '\0';
	switch (rule.block) {
	case PLAIN_ENDING:
		(void)snprintf(behind, 16, "%s", endings[i % ENDINGS]);
		return;
	case YEAR:
		(void)snprintf(behind, 16, "%d", year + 1 - (int)i);
		return;
	case YEAR_BANG:
		(void)snprintf(behind, 16, "%d!", year + 1 - (int)i);
		return;
	case YEAR_SIGN:
		(void)snprintf(behind, 16, "%s%d", year_signs[i % YEAR_SIGNS], year + 1 - (int)(i / YEAR_SIGNS));
		return;
	case OTHER:
		(void)snprintf(before, 16, "%s", others[rule.at % OTHERS].before);
		(void)snprintf(behind, 16, "%s", others[rule.at % OTHERS].behind);
		return;
	case SHORT_YEAR:
		(void)snprintf(behind, 16, "%02d", (year + 1 - (int)i) % 100);
		return;
	case BLOCKS:
		return;
	}
}

/* ---- Forms ---- */

static char leet(char c)
{
	static const char from[] = "aeiost", to[] = "@31057";
	const char *at = strchr(from, c);

	return c != '\0' && at != NULL ? to[at - from] : c;
}

/* Writes the form of a word, at most 2 * n bytes. false: it is no other than a simpler form. */
static bool write_form(enum form form, const char *word, size_t n, char *out, size_t *n_r)
{
	bool changed = false;

	*n_r = n;
	for (size_t i = 0; i < n; i++) {
		char c = word[form == REVERSED ? n - 1 - i : i];

		if (form == UPPER || (i == 0 && form == CAPITAL))
			c = (char)toupper((unsigned char)c);
		if (form == LEET || (form == LEET_CAPITAL && i > 0))
			c = leet(c);
		if (form == LEET_CAPITAL && i == 0)
			c = (char)toupper((unsigned char)c);
		out[i] = c;
		changed = changed || c != word[i];
	}
	if (form == DOUBLED) {
		memcpy(out + n, word, n);
		*n_r = 2 * n;
		return true;
	}
	return changed || form == AS_IS;
}

/* ---- Words ---- */

void mr_password_words_add(struct mr_password_words *words, enum mr_password_source source, const char *word, size_t n)
{
	char small[MR_PASSWORD_WORD_MAX];
	size_t used = words->begin[words->n];

	if (n < 3 || n > sizeof(small) || words->n == MR_PASSWORD_WORDS_MOST || used + n > MR_PASSWORD_WORDS_ROOM)
		return;
	for (size_t i = 0; i < n; i++)
		small[i] = (char)tolower((unsigned char)word[i]);
	for (unsigned i = 0; i < words->n; i++) {
		size_t length = (size_t)words->begin[i + 1] - words->begin[i];

		if (length == n && memcmp(words->text + words->begin[i], small, n) == 0)
			return;
	}
	memcpy(words->text + used, small, n);
	words->source[words->n++] = (unsigned char)source;
	words->begin[words->n] = (unsigned char)(used + n);
}

/* Runs of letters, and bytes that are not ASCII. */
static void add_letters(struct mr_password_words *words, enum mr_password_source source, const char *text, size_t n)
{
	size_t begin = 0;

	for (size_t i = 0; i <= n; i++) {
		if (i < n && (isalpha((unsigned char)text[i]) || (unsigned char)text[i] >= 0x80))
			continue;
		mr_password_words_add(words, source, text + begin, i - begin);
		begin = i + 1;
	}
}

/* Labels but the last, and not those that say nothing of a domain. */
static void add_domain(struct mr_password_words *words, const char *domain, size_t n)
{
	static const char *const dull[] = { "www", "mail", "smtp", "imap", "com", "net", "org", "gov", "edu", NULL };
	size_t begin = 0;

	for (size_t i = 0; i < n; i++) {
		bool plain = true;

		if (domain[i] != '.')
			continue;
		for (size_t d = 0; dull[d] != NULL; d++)
			if (strlen(dull[d]) == i - begin && strncmp(domain + begin, dull[d], i - begin) == 0)
				plain = false;
		if (plain) {
			mr_password_words_add(words, MR_PASSWORD_OF_DOMAIN, domain + begin, i - begin);
			add_letters(words, MR_PASSWORD_OF_DOMAIN, domain + begin, i - begin);
		}
		begin = i + 1;
	}
}

void mr_password_words_of(const char *login, size_t login_n, const char *name, size_t name_n, const char *domain,
			  struct mr_password_words *words_r)
{
	const char *at = login_n > 0 ? memchr(login, '@', login_n) : NULL;
	size_t local_n = at != NULL ? (size_t)(at - login) : login_n, joined_n = 0;
	char joined[MR_PASSWORD_WORD_MAX] = { 0 };

	memset(words_r, 0, sizeof(*words_r));
	mr_password_words_add(words_r, MR_PASSWORD_OF_LOGIN, login, local_n);
	for (size_t i = 0; i < local_n && joined_n < sizeof(joined); i++)
		if (isalnum((unsigned char)login[i]) || (unsigned char)login[i] >= 0x80)
			joined[joined_n++] = login[i];
	mr_password_words_add(words_r, MR_PASSWORD_OF_LOGIN, joined, joined_n);
	add_letters(words_r, MR_PASSWORD_OF_PART, login, local_n);
	if (at != NULL)
		add_domain(words_r, at + 1, login_n - local_n - 1);
	else if (domain != NULL)
		add_domain(words_r, domain, strlen(domain));
	add_letters(words_r, MR_PASSWORD_OF_NAME, name, name_n);
	if (at != NULL)
		mr_password_words_add(words_r, MR_PASSWORD_OF_LOGIN, login, login_n);
}

static const char *const stock[] = { "password", "passwort", "welcome", "willkommen", "summer", "winter", "spring",
				     "autumn",	 "sommer",   "herbst",	"changeme",   "hello",	"admin",  "test" };
enum { STOCK = sizeof(stock) / sizeof(stock[0]), STOCK_SET = 7 };

size_t mr_password_stock_sets(void)
{
	return (STOCK + STOCK_SET - 1) / STOCK_SET;
}

void mr_password_stock(size_t set, struct mr_password_words *words_r)
{
	memset(words_r, 0, sizeof(*words_r));
	for (size_t i = set * STOCK_SET; i < (set + 1) * STOCK_SET && i < STOCK; i++)
		mr_password_words_add(words_r, MR_PASSWORD_OF_STOCK, stock[i], strlen(stock[i]));
}

/* ---- Candidates ---- */

static bool is_ending(const char *text)
{
	for (size_t i = 0; i < ENDINGS; i++)
		if (strcmp(endings[i], text) == 0)
			return true;
	return false;
}

size_t mr_password_vary_count(const struct mr_password_words *words)
{
	return (size_t)words->n * (words->source[0] == MR_PASSWORD_OF_STOCK ? STOCK_RULES : rules());
}

bool mr_password_vary(const struct mr_password_words *words, size_t position, int year, char *room, size_t size,
		      size_t *n_r)
{
	size_t word = words->n > 0 ? position % words->n : 0, n, before_n, behind_n;
	char form[2 * MR_PASSWORD_WORD_MAX], before[16], behind[16];
	struct rule rule;

	*n_r = 0;
	if (words->n == 0)
		return false;
	rule = rule_of(position, words->n);
	if (rule.at >= block_rules[rule.block])
		return false;
	if (!write_form(form_of(rule), words->text + words->begin[word],
			(size_t)words->begin[word + 1] - words->begin[word], form, &n))
		return false;
	around(rule, year, before, behind);
	if (rule.block == SHORT_YEAR && is_ending(behind))
		return false;
	before_n = strlen(before);
	behind_n = strlen(behind);
	if (before_n + n + behind_n > size)
		return false;
	memcpy(room, before, before_n);
	memcpy(room + before_n, form, n);
	memcpy(room + before_n + n, behind, behind_n);
	*n_r = before_n + n + behind_n;
	return true;
}

static const char *ending_name(struct rule rule)
{
	const char *ending = "";

	switch (rule.block) {
	case YEAR:
	case SHORT_YEAR:
		return "a year";
	case YEAR_BANG:
	case YEAR_SIGN:
		return "a year and a sign";
	case OTHER:
		if (others[rule.at % OTHERS].before[0] != '\0')
			return "something before it";
		ending = others[rule.at % OTHERS].behind;
		break;
	case PLAIN_ENDING:
		ending = endings[(rule.at / 2) % ENDINGS];
		break;
	case BLOCKS:
		return "";
	}
	if (ending[0] == '\0')
		return "";
	if (ending[strspn(ending, "0123456789")] == '\0')
		return "digits";
	return strpbrk(ending, "0123456789") != NULL ? "digits and a sign" : "a sign";
}

void mr_password_vary_how(const struct mr_password_words *words, size_t position, const char **source_r,
			  const char **form_r, const char **ending_r)
{
	static const char *const sources[] = { "the login", "a part of the login", "a name of the person",
					       "a word of the domain", "a word that many use" };
	struct rule rule = rule_of(position, words->n > 0 ? words->n : 1);

	*source_r = sources[words->n > 0 ? words->source[position % words->n] % 5 : 0];
	*form_r = form_names[form_of(rule)];
	*ending_r = ending_name(rule);
}
