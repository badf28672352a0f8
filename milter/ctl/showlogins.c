/*
 * The part of mailreeve show account that is about logins: where the account is used well, whether it is under attack, and
 * what is suspected of its password. Called by showaccount.c.
 */
#include <stdio.h>
#include <string.h>

#include "print.h"
#include "show.h"
#include "words.h"

static void print_places(const json_t *places)
{
	static const char *const headings[] = { "  NETWORK", "FIRST LOGIN", "LAST LOGIN", "DAYS", "STANDING", NULL };
	struct mr_columns *table = mr_columns_new(headings);
	char text[MR_WHEN_MAX + 32];
	const json_t *row;
	size_t i;

	json_array_foreach(places, i, row) {
		const char *network = mr_text_of(row, "network");
		bool well = json_is_true(json_object_get(row, "well")), guessed = json_is_true(json_object_get(row, "guessed"));

		if (table == NULL)
			break;
		(void)snprintf(text, sizeof(text), "  %s%.50s", network[0] != '\0' ? "" : "no longer known, mark ",
			       network[0] != '\0' ? network : mr_text_of(row, "mark"));
		mr_columns_cell(table, text, MR_PLAIN);
		mr_columns_cell(table, mr_day(mr_text_of(row, "first"), text), MR_PLAIN);
		mr_columns_cell(table, mr_day(mr_text_of(row, "last"), text), MR_PLAIN);
		(void)snprintf(text, sizeof(text), "%s%lld", mr_int_of(row, "days") >= 255 ? "over " : "",
			       (long long)mr_int_of(row, "days"));
		mr_columns_cell(table, text, MR_PLAIN);
		mr_columns_cell(table, well ? "used well" : guessed ? "after guessing, not trusted" : "new, or long ago",
				well ? MR_GREEN : guessed ? MR_RED : MR_PLAIN);
	}
	if (table != NULL && json_array_size(places) > 0)
		mr_columns_print(table);
	mr_columns_free(&table);
}

static size_t used_well(const json_t *places)
{
	const json_t *row;
	size_t i, count = 0;

	json_array_foreach(places, i, row)
		count += json_is_true(json_object_get(row, "well"));
	return count;
}

static void print_guard(const json_t *logins)
{
	const json_t *counters = json_object_get(logins, "counters"), *row;
	bool guarded = json_is_true(json_object_get(logins, "guarded")), any = guarded;
	size_t i;

	json_array_foreach(counters, i, row)
		any = any || mr_int_of(row, "value") > 0;
	if (guarded)
		printf("  %sunder attack%s: %s\n", mr_colour(MR_RED), mr_colour_end(),
		       strcmp(mr_text_of(logins, "mode"), "enforce") == 0
			       ? "only networks that it has used well may log in to it; it ends by itself"
			       : "only networks that it has used well could log in to it, were screening enforced");
	if (any)
		mr_words_counters(counters, NULL);
}

static void print_suspicion(const json_t *logins)
{
	const json_t *guess = json_object_get(logins, "guess"), *travel = json_object_get(logins, "travel");
	char when[MR_WHEN_MAX];

	if (guess != NULL)
		printf("  %sguessed?%s %lld different wrong passwords came before a login of %s\n", mr_colour(MR_RED),
		       mr_colour_end(), (long long)mr_int_of(guess, "failures"),
		       mr_when(mr_text_of(guess, "time"), when));
	if (travel != NULL)
		printf("  a journey that nobody can make, %s: %+.1f nats\n", mr_when(mr_text_of(travel, "time"), when),
		       mr_real_of(travel, "nats"));
	if (json_is_true(json_object_get(logins, "weak_password")))
		printf("  %sweak password%s: an audit found it (mailreeve passwords audit)\n", mr_colour(MR_YELLOW),
		       mr_colour_end());
	if (mr_text_of(logins, "country")[0] != '\0') {
		printf("  last login from ");
		mr_put(mr_text_of(logins, "country"));
		putchar('\n');
	}
}

void mr_show_logins(const json_t *logins)
{
	const json_t *places = json_object_get(logins, "places");

	if (logins == NULL)
		return;
	printf("\n%sLogins%s", mr_colour(MR_BOLD), mr_colour_end());
	if (json_array_size(places) == 0)
		printf("  none was seen\n");
	else
		printf("  %zu of %zu networks used well\n", used_well(places), json_array_size(places));
	print_places(places);
	print_guard(logins);
	print_suspicion(logins);
}
