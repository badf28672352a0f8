/*
 * The words of the login feed. The table in mailreeved(8), LOGIN FEED, says the same to people.
 */
#include "loginfeed_words.h"

#include <string.h>

static const struct {
	const char *text;
	enum mr_feedword word;
} words[] = {
	{ "allow", MR_FEED_ALLOW },	 { "report", MR_FEED_REPORT }, { "ping", MR_FEED_PING },
	{ "getDBStats", MR_FEED_STATS }, { "reset", MR_FEED_RESET },
};

static enum mr_feedword word_of(const char *text, size_t n)
{
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strlen(words[i].text) == n && memcmp(words[i].text, text, n) == 0)
			return words[i].word;
	return MR_FEED_UNKNOWN;
}

enum mr_feedword mr_feedwords_read(const char *target)
{
	static const char name[] = "command=";
	enum mr_feedword word = MR_FEED_UNKNOWN;
	const char *part = strchr(target, '?');
	unsigned seen = 0;

	while (part != NULL) {
		size_t n = strcspn(++part, "&");

		if (n >= sizeof(name) - 1 && memcmp(part, name, sizeof(name) - 1) == 0) {
			word = word_of(part + sizeof(name) - 1, n - (sizeof(name) - 1));
			seen++;
		}
		part = part[n] == '&' ? part + n : NULL;
	}
	return seen == 1 ? word : MR_FEED_UNKNOWN;
}

bool mr_feedwords_are_printable(const char *target)
{
	for (const char *p = target; *p != '\0'; p++)
		if (*p <= ' ' || *p > '~')
			return false;
	return true;
}

bool mr_feedwords_go_with(enum mr_feedword word, const char *method)
{
	return strcmp(method, "POST") == 0 || (word == MR_FEED_PING && strcmp(method, "GET") == 0);
}
