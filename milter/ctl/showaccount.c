/*
 * mailreeve show account NAME: all that is remembered of one account.
 */
#include <stdio.h>
#include <string.h>

#include "print.h"
#include "show.h"
#include "words.h"

/* ---- The chart ---- */

/* A day as a block: the height is its share of the highest day. */
static const char *block_of(int64_t value, int64_t highest)
{
	static const char *const blocks[] = { "\u2581", "\u2582", "\u2583", "\u2584", "\u2585", "\u2586", "\u2587", "\u2588" };
	static const char *const letters[] = { "_", ".", "-", "=", "+", "*", "%", "#" };
	int64_t height = highest > 0 ? (value * 8 - 1) / highest : 0;

	if (value <= 0)
		return mr_print_is_utf8() ? "\u00b7" : " ";
	height = height < 0 ? 0 : height > 7 ? 7 : height;
	return mr_print_is_utf8() ? blocks[height] : letters[height];
}

static void print_chart(const json_t *days)
{
	int64_t highest = 0;
	char number[MR_WHEN_MAX];

	for (size_t i = 0; i < json_array_size(days); i++)
		if (json_integer_value(json_array_get(days, i)) > highest)
			highest = json_integer_value(json_array_get(days, i));
	printf("  ");
	for (size_t i = json_array_size(days); i > 0; i--)
		fputs(block_of(json_integer_value(json_array_get(days, i - 1)), highest), stdout);
	printf("  messages a day, today on the right; the highest is %s, today %lld\n", mr_number(highest, number),
	       (long long)json_integer_value(json_array_get(days, 0)));
}

/* ---- Habits ---- */

static double number_at(const json_t *object, const char *list, size_t i)
{
	return json_number_value(json_array_get(json_object_get(object, list), i));
}

static void print_sizes(const json_t *baseline)
{
	bool any = false;
	char bytes[MR_WHEN_MAX];

	for (size_t i = 0; i < json_array_size(json_object_get(baseline, "sizes")); i++) {
		double size = number_at(baseline, "sizes", i);

		if (size < 1)
			continue;
		printf("%s%s", any ? ", " : "  last sizes          ", mr_bytes(size, bytes));
		any = true;
	}
	if (any)
		putchar('\n');
}

static void print_habits(const json_t *baseline)
{
	static const char *const windows[] = { "10 minutes", "an hour", "a day" };
	char number[MR_WHEN_MAX], when[MR_WHEN_MAX];

	printf("\n%sHabits%s\n", mr_colour(MR_BOLD), mr_colour_end());
	print_chart(json_object_get(baseline, "days"));
	printf("  messages so far     %s\n", mr_number(mr_int_of(baseline, "messages"), number));
	if (!json_is_null(json_object_get(baseline, "strangers")))
		printf("  new recipients      usually %.0f %% of all\n", 100 * mr_real_of(baseline, "strangers"));
	for (size_t i = 0; i < 3; i++)
		printf("  in %-16s most so far %.0f messages, %.0f recipients; now %.0f, %.0f\n", windows[i],
		       number_at(baseline, "messages_peak", i), number_at(baseline, "recipients_peak", i),
		       number_at(baseline, "messages_now", i), number_at(baseline, "recipients_now", i));
	print_sizes(baseline);
	if (mr_text_of(baseline, "grace_until")[0] != '\0')
		printf("  all is taken as calm until %s, since it was thawed\n",
		       mr_when(mr_text_of(baseline, "grace_until"), when));
}

static void print_places(const json_t *places)
{
	static const char *const headings[] = { "  NETWORK", "FIRST SEEN", "LAST SEEN", "CALM MESSAGES", NULL };
	struct mr_columns *table = mr_columns_new(headings);
	char text[MR_WHEN_MAX + 32];
	const json_t *row;
	size_t i;

	printf("\n%sNetworks%s%s\n", mr_colour(MR_BOLD), mr_colour_end(),
	       json_array_size(places) == 0 ? "  none is known" : "");
	json_array_foreach(places, i, row) {
		const char *network = mr_text_of(row, "network");

		if (table == NULL)
			break;
		(void)snprintf(text, sizeof(text), "  %s%.50s", network[0] != '\0' ? "" : "no longer known, mark ",
			       network[0] != '\0' ? network : mr_text_of(row, "mark"));
		mr_columns_cell(table, text, MR_PLAIN);
		mr_columns_cell(table, mr_day(mr_text_of(row, "first"), text), MR_PLAIN);
		mr_columns_cell(table, mr_day(mr_text_of(row, "last"), text), MR_PLAIN);
		(void)snprintf(text, sizeof(text), "%s%lld", mr_int_of(row, "messages") >= 255 ? "over " : "",
			       (long long)mr_int_of(row, "messages"));
		mr_columns_cell(table, text, MR_PLAIN);
	}
	if (table != NULL && json_array_size(places) > 0)
		mr_columns_print(table);
	mr_columns_free(&table);
}

static void print_all(const json_t *answer)
{
	const json_t *row = json_object_get(answer, "account"), *now = json_object_get(answer, "now");
	char first[MR_WHEN_MAX], last[MR_WHEN_MAX];

	mr_words_standing(row, json_object_get(answer, "orders"));
	printf("A %s; first seen %s, last message %s; held or frozen so far: %lld%s.\n", mr_text_of(row, "kind"),
	       mr_when(mr_text_of(row, "first"), first),
	       mr_int_of(json_object_get(answer, "baseline"), "messages") > 0 ? mr_when(mr_text_of(row, "last"), last)
									      : "never",
	       (long long)mr_int_of(row, "incidents"),
	       json_is_true(json_object_get(row, "known")) ? "; known" : "; still new");
	if (json_object_get(row, "evidence") != NULL) {
		printf("\n%sThe evidence then%s (event %s)\n", mr_colour(MR_BOLD), mr_colour_end(),
		       mr_text_of(row, "event_id"));
		mr_words_evidence(json_object_get(row, "evidence"), mr_real_of(row, "threshold"));
	}
	printf("\n%sThe evidence that is left now%s\n", mr_colour(MR_BOLD), mr_colour_end());
	mr_words_evidence(json_object_get(now, "evidence"), mr_real_of(now, "freeze"));
	print_habits(json_object_get(answer, "baseline"));
	print_places(json_object_get(answer, "places"));
	mr_show_logins(json_object_get(answer, "logins"));
	mr_words_orders(json_object_get(answer, "orders"));
	if (strcmp(mr_text_of(row, "state"), "normal") != 0)
		putchar('\n');
	mr_words_next(row);
}

int mr_show_account(struct mr_ask *ask, const struct mr_show *show, const char *name)
{
	json_t *answer = mr_ask(ask, json_pack("{s:s, s:s}", "command", "account", "name", name));
	bool found = json_is_object(json_object_get(answer, "account"));
	char room[600];

	if (answer == NULL)
		return MR_EXIT_NO_STATE;
	if (show->common.json)
		(void)mr_print_json(answer);
	else if (found)
		print_all(answer);
	else
		printf("%s is not known: it has sent nothing and not logged in since it was last forgotten, or is written "
		       "otherwise.\n", mr_safe(name, room, sizeof(room)));
	if (!found && !show->common.json)
		mr_show_logins(json_object_get(answer, "logins"));
	json_decref(answer);
	return found ? MR_EXIT_DONE : MR_EXIT_PART;
}
