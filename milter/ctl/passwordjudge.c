/* See passwordjudge.h. Called by passwordcheck.c. Copies of the password are wiped; zxcvbn's own by the allocator. */
#include "passwordjudge.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <sodium.h>

#include "config.h"
#ifdef HAVE_ZXCVBN_H
#include <zxcvbn.h>
#else
#include <zxcvbn/zxcvbn.h>
#endif

#include "passwordhash.h"

enum { PLAIN_MOST = 1024, AROUND_MOST = 6, CONTAINED_LEAST = 4, NEAR_LEAST = 4, SITE_MOST = 100000 };

/* ---- Ways to read a password ---- */

enum reading { SMALL, LETTERS_I, LETTERS_L, READINGS };

/* Small letters, and letters for the digits and signs that stand for them. 1 is an i or an l. */
static char read_as(char c, enum reading reading)
{
	static const char from[] = "@43805$7", to[] = "aaebosst";
	const char *at;

	c = (char)tolower((unsigned char)c);
	if (reading == SMALL || c == '\0')
		return c;
	if (c == '1' || c == '!')
		return reading == LETTERS_I ? 'i' : 'l';
	at = strchr(from, c);
	return at != NULL ? to[at - from] : c;
}

static void write_reading(const char *text, size_t n, enum reading reading, bool backwards, char *out)
{
	for (size_t i = 0; i < n; i++)
		out[i] = read_as(text[backwards ? n - 1 - i : i], reading);
}

/* ---- Lists ---- */

static bool is_listed(const struct mr_password_list *bad, const char *text, size_t n, struct mr_password_verdict *verdict)
{
	size_t i;

	if (n == 0 || n > MR_PASSWORD_TRY_MAX || !mr_password_list_find(bad, text, n, &i))
		return false;
	verdict->list = mr_password_list_where(bad, i, &verdict->rank);
	return true;
}

/* The letters inside, when little is around them. */
static bool core_of(const char *text, size_t n, size_t *begin_r, size_t *n_r)
{
	size_t begin = 0, end = n;

	while (begin < end && !isalpha((unsigned char)text[begin]) && (unsigned char)text[begin] < 0x80)
		begin++;
	while (end > begin && !isalpha((unsigned char)text[end - 1]) && (unsigned char)text[end - 1] < 0x80)
		end--;
	*begin_r = begin;
	*n_r = end - begin;
	return end - begin >= NEAR_LEAST && n - (end - begin) <= AROUND_MOST;
}

static void judge_lists(const char *text, size_t n, const struct mr_password_rules *rules,
			struct mr_password_verdict *verdict)
{
	char room[MR_PASSWORD_TRY_MAX];
	size_t begin, core_n;

	verdict->reason[MR_PASSWORD_LISTED] = is_listed(rules->bad, text, n, verdict);
	for (int form = 0; form < 2 * READINGS && n <= sizeof(room) && !verdict->reason[MR_PASSWORD_LISTED] &&
			   !verdict->reason[MR_PASSWORD_NEAR_LISTED];
	     form++) {
		write_reading(text, n, (enum reading)(form / 2), form % 2 == 1, room);
		verdict->reason[MR_PASSWORD_NEAR_LISTED] =
			is_listed(rules->bad, room, n, verdict) ||
			(core_of(room, n, &begin, &core_n) && is_listed(rules->bad, room + begin, core_n, verdict));
		/* "p4ssw0rd99": the letters of the ends are read after the digits were taken off. */
		if (!verdict->reason[MR_PASSWORD_NEAR_LISTED] && form % 2 == 0 && core_of(text, n, &begin, &core_n)) {
			write_reading(text + begin, core_n, (enum reading)(form / 2), false, room);
			verdict->reason[MR_PASSWORD_NEAR_LISTED] = is_listed(rules->bad, room, core_n, verdict);
		}
	}
	sodium_memzero(room, sizeof(room));
}

/* ---- Words of the site and of the login ---- */

struct readings {
	char text[2 * READINGS][PLAIN_MOST];
	size_t n;
};

static bool contains(const struct readings *readings, const char *word, size_t n)
{
	if (n < CONTAINED_LEAST || n > readings->n)
		return n >= 3 && n == readings->n && memcmp(readings->text[0], word, n) == 0;
	for (int i = 0; i < 2 * READINGS; i++)
		if (memmem(readings->text[i], readings->n, word, n) != NULL)
			return true;
	return false;
}

static bool contains_site_word(const struct readings *readings, const struct mr_password_list *site)
{
	size_t words = mr_password_list_count(site);

	for (size_t i = 0; i < words && i < SITE_MOST; i++) {
		char small[MR_PASSWORD_TRY_MAX];
		size_t n;
		const char *word = mr_password_list_at(site, i, &n);

		for (size_t j = 0; j < n; j++)
			small[j] = (char)tolower((unsigned char)word[j]);
		if (contains(readings, small, n))
			return true;
	}
	return false;
}

static void judge_words(const char *text, size_t n, const struct mr_password_rules *rules,
			struct mr_password_verdict *verdict)
{
	struct readings readings = { .n = n < PLAIN_MOST ? n : PLAIN_MOST };

	for (int i = 0; i < 2 * READINGS; i++)
		write_reading(text, readings.n, (enum reading)(i / 2), i % 2 == 1, readings.text[i]);
	for (unsigned i = 0; i < rules->own.n; i++) {
		size_t length = (size_t)rules->own.begin[i + 1] - rules->own.begin[i];

		if (contains(&readings, rules->own.text + rules->own.begin[i], length))
			verdict->reason[rules->own.source[i] == MR_PASSWORD_OF_DOMAIN ? MR_PASSWORD_HAS_DOMAIN
										      : MR_PASSWORD_HAS_LOGIN] = true;
	}
	if (rules->site != NULL)
		verdict->reason[MR_PASSWORD_HAS_WORD] = contains_site_word(&readings, rules->site);
	sodium_memzero(&readings, sizeof(readings));
}

/* ---- zxcvbn ---- */

static void explain(const ZxcMatch_t *match, struct mr_password_verdict *verdict)
{
	enum mr_password_reason reason = MR_PASSWORD_REASONS;

	switch ((int)match->Type & ~MULTIPLE_MATCH) {
	case DICTIONARY_MATCH:
	case DICT_LEET_MATCH:
		reason = MR_PASSWORD_DICTIONARY;
		break;
	case REPEATS_MATCH:
		reason = MR_PASSWORD_REPEATS;
		break;
	case SEQUENCE_MATCH:
		reason = MR_PASSWORD_SEQUENCE;
		break;
	case SPATIAL_MATCH:
		reason = MR_PASSWORD_WALK;
		break;
	case DATE_MATCH:
	case YEAR_MATCH:
		reason = MR_PASSWORD_DATE;
		break;
	default:
		break;
	}
	if (((int)match->Type & MULTIPLE_MATCH) != 0)
		verdict->reason[MR_PASSWORD_REPEATS] = true;
	if (reason != MR_PASSWORD_REASONS && match->Length >= 3)
		verdict->reason[reason] = true;
}

static void judge_guesses(const char *text, size_t n, const struct mr_password_rules *rules,
			  struct mr_password_verdict *verdict)
{
	static const double scores[] = { 3, 6, 8, 10 };
	char cut[MR_PASSWORD_JUDGED_MAX + 1], words[MR_PASSWORD_WORDS_MOST][MR_PASSWORD_WORD_MAX + 1];
	const char *own[MR_PASSWORD_WORDS_MOST + 1] = { NULL };
	ZxcMatch_t *matches = NULL;

	n = n < MR_PASSWORD_JUDGED_MAX ? n : MR_PASSWORD_JUDGED_MAX;
	memcpy(cut, text, n);
	cut[n] = '\0';
	for (unsigned i = 0; i < rules->own.n; i++) {
		size_t length = (size_t)rules->own.begin[i + 1] - rules->own.begin[i];

		memcpy(words[i], rules->own.text + rules->own.begin[i], length);
		words[i][length] = '\0';
		own[i] = words[i];
	}
	verdict->log_guesses = ZxcvbnMatch(cut, own, &matches) * log10(2);
	for (const ZxcMatch_t *match = matches; match != NULL; match = match->Next)
		explain(match, verdict);
	ZxcvbnFreeInfo(matches);
	sodium_memzero(cut, sizeof(cut));
	for (size_t i = 0; i < sizeof(scores) / sizeof(scores[0]); i++)
		verdict->score += verdict->log_guesses >= scores[i];
}

/* ---- The whole ---- */

static size_t characters(const char *text, size_t n)
{
	size_t count = 0;

	for (size_t i = 0; i < n; i++)
		count += ((unsigned char)text[i] & 0xc0) != 0x80;
	return count;
}

void mr_password_judge(const char *text, size_t n, const struct mr_password_rules *rules,
		       struct mr_password_verdict *verdict_r)
{
	*verdict_r = (struct mr_password_verdict){ 0 };
	judge_guesses(text, n, rules, verdict_r);
	judge_lists(text, n, rules, verdict_r);
	judge_words(text, n, rules, verdict_r);
	if (verdict_r->reason[MR_PASSWORD_LISTED] || verdict_r->reason[MR_PASSWORD_NEAR_LISTED])
		verdict_r->reason[MR_PASSWORD_DICTIONARY] = false;
	verdict_r->reason[MR_PASSWORD_SHORT] = characters(text, n) < rules->length;
	verdict_r->reason[MR_PASSWORD_GUESSABLE] = verdict_r->score < rules->score;
	for (int i = 0; i <= MR_PASSWORD_GUESSABLE; i++)
		verdict_r->weak = verdict_r->weak || verdict_r->reason[i];
	if (!verdict_r->reason[MR_PASSWORD_GUESSABLE])
		for (int i = MR_PASSWORD_GUESSABLE; i < MR_PASSWORD_REASONS; i++)
			verdict_r->reason[i] = false;
}

const char *mr_password_reason_id(enum mr_password_reason reason)
{
	static const char *const ids[MR_PASSWORD_REASONS] = { "short",	   "listed",  "near-listed", "login",
							      "domain",	   "word",    "guessable",   "keyboard-walk",
							      "repeats",   "sequence", "date",	     "dictionary" };

	return ids[reason];
}

static size_t add(char *room, size_t at, const char *text)
{
	int n = snprintf(room + at, MR_PASSWORD_WHY_MAX - at, "%s%s", at > 0 ? "; " : "", text);

	return n > 0 && at + (size_t)n < MR_PASSWORD_WHY_MAX ? at + (size_t)n : at;
}

static size_t add_guesses(char *room, size_t at, const struct mr_password_verdict *verdict)
{
	char text[160];

	if (verdict->log_guesses < 6)
		(void)snprintf(text, sizeof(text), "about %.0f tries find it (score %d of 4)",
			       1 + ceil(pow(10, verdict->log_guesses)), verdict->score);
	else
		(void)snprintf(text, sizeof(text), "about 10^%.0f tries find it (score %d of 4)", verdict->log_guesses,
			       verdict->score);
	return add(room, at, text);
}

const char *mr_password_why(const struct mr_password_verdict *verdict, const struct mr_password_rules *rules,
			    char room[MR_PASSWORD_WHY_MAX])
{
	static const char *const sentences[MR_PASSWORD_REASONS] = {
		[MR_PASSWORD_HAS_LOGIN] = "it holds the login or a part of it",
		[MR_PASSWORD_HAS_DOMAIN] = "it holds a word of the domain",
		[MR_PASSWORD_HAS_WORD] = "it holds a word that everybody here knows",
		[MR_PASSWORD_WALK] = "it walks over neighbouring keys",
		[MR_PASSWORD_REPEATS] = "it repeats itself",
		[MR_PASSWORD_SEQUENCE] = "it is a sequence such as abcd or 4321",
		[MR_PASSWORD_DATE] = "it holds a date or a year",
		[MR_PASSWORD_DICTIONARY] = "it is made of common words or names",
	};
	char text[320];
	size_t at = 0;

	room[0] = '\0';
	if (verdict->reason[MR_PASSWORD_SHORT]) {
		(void)snprintf(text, sizeof(text), "it has fewer than %zu characters", rules->length);
		at = add(room, at, text);
	}
	if (verdict->reason[MR_PASSWORD_LISTED] || verdict->reason[MR_PASSWORD_NEAR_LISTED]) {
		(void)snprintf(text, sizeof(text), "%s the list of bad passwords %.200s, at rank %zu",
			       verdict->reason[MR_PASSWORD_LISTED] ? "it is on" : "without its ornaments it is on",
			       verdict->list, verdict->rank);
		at = add(room, at, text);
	}
	for (int i = 0; i < MR_PASSWORD_REASONS; i++)
		if (verdict->reason[i] && sentences[i] != NULL)
			at = add(room, at, sentences[i]);
	(void)add_guesses(room, at, verdict);
	return room;
}
