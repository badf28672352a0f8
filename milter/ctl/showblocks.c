/*
 * mailreeve show blocks: who is kept out, since when, until when, why and by whom; for people, and for packet filters.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "blocklist.h"
#include "print.h"
#include "show.h"
#include "words.h"

/* The newest first. */
static int compare(const void *a, const void *b)
{
	const json_t *one = *(const json_t *const *)a, *other = *(const json_t *const *)b;
	int order = strcmp(mr_text_of(other, "since"), mr_text_of(one, "since"));

	return order != 0 ? order : strcmp(mr_text_of(one, "source"), mr_text_of(other, "source"));
}

static const char *person_of(const json_t *row)
{
	const char *person = mr_text_of(row, "operator");

	if (person[0] != '\0')
		return person;
	return strcmp(mr_text_of(row, "cause"), "operator") == 0 ? "operator" : mr_text_of(row, "rule");
}

static void add_row(struct mr_columns *table, const json_t *row, bool would)
{
	const char *until = mr_text_of(row, "until"), *note = mr_text_of(row, "note");
	bool only_would = strcmp(mr_text_of(row, "state"), "would-block") == 0;
	char when[MR_WHEN_MAX], times[MR_WHEN_MAX];

	mr_columns_cell(table, mr_text_of(row, "source"), only_would ? MR_YELLOW : MR_RED);
	if (would)
		mr_columns_cell(table, only_would ? "would be blocked" : "blocked", MR_PLAIN);
	mr_columns_cell(table, mr_when(mr_text_of(row, "since"), when), MR_PLAIN);
	mr_columns_cell(table, until[0] != '\0' ? mr_when(until, when) : "no end", MR_PLAIN);
	mr_columns_cell(table, mr_number(mr_int_of(row, "offences"), times), MR_PLAIN);
	mr_columns_cell(table, person_of(row), MR_PLAIN);
	mr_columns_cell(table, note[0] != '\0' ? note : mr_words_too_many(mr_text_of(row, "reason")), MR_PLAIN);
	mr_columns_cell(table, mr_text_of(row, "event_id"), MR_DIM);
}

static void print_blocks(const json_t *list, bool would)
{
	static const char *const headings[] = { "SOURCE", "SINCE", "UNTIL", "TIMES", "BY", "WHY", "EVENT", NULL };
	static const char *const with_state[] = { "SOURCE", "STATE", "SINCE", "UNTIL", "TIMES", "BY", "WHY", "EVENT", NULL };
	struct mr_columns *table = mr_columns_new(would ? with_state : headings);
	size_t count = json_array_size(list);
	const json_t **rows = calloc(count + 1, sizeof(*rows));

	for (size_t i = 0; rows != NULL && i < count; i++)
		rows[i] = json_array_get(list, i);
	if (rows != NULL && table != NULL) {
		qsort(rows, count, sizeof(*rows), compare);
		for (size_t i = 0; i < count; i++)
			add_row(table, rows[i], would);
		mr_columns_print(table);
	}
	mr_columns_free(&table);
	free(rows);
}

static int show_list(const json_t *list, const struct mr_show *show)
{
	if (show->format != NULL) {
		if (mr_blocklist_print(stdout, show->format, list, (int64_t)time(NULL)) == 0 && fflush(stdout) == 0)
			return MR_EXIT_DONE;
		fprintf(stderr, "mailreeve show: the list could not be written\n");
		return MR_EXIT_NO_STATE;
	}
	if (show->common.json)
		return mr_print_json(list) == 0 ? MR_EXIT_DONE : MR_EXIT_NO_STATE;
	if (json_array_size(list) == 0)
		printf("No source %s.\n", show->would ? "is blocked or would be" : "is blocked");
	else
		print_blocks(list, show->would);
	if ((int64_t)json_array_size(list) == show->limit)
		printf("There may be more; see --limit.\n");
	return MR_EXIT_DONE;
}

int mr_show_blocks(struct mr_ask *ask, const struct mr_show *show)
{
	json_t *request = json_pack("{s:s, s:b, s:b}", "command", "blocks", "would", (int)show->would, "brief",
				    (int)(show->format != NULL));
	json_t *list = mr_ask_list(ask, request, "blocks", (size_t)show->limit);
	int status;

	if (list == NULL)
		return MR_EXIT_NO_STATE;
	status = show_list(list, show);
	json_decref(list);
	return status;
}
