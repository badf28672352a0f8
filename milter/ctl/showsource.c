/*
 * mailreeve show source ADDRESS: how one address or network stands, and what is counted against it now.
 */
#include <stdio.h>
#include <string.h>

#include "print.h"
#include "show.h"
#include "words.h"

static void print_records(const json_t *records)
{
	static const char *const headings[] = { "  SOURCE", "FIRST SEEN", "LAST SEEN", "OFFENCES", "NEXT BLOCK", "GOOD LOGINS",
						NULL };
	struct mr_columns *table;
	char text[MR_WHEN_MAX + 32], room[MR_WHEN_MAX];
	const json_t *row;
	size_t i;

	if (json_array_size(records) == 0)
		return;
	table = mr_columns_new(headings);
	printf("\n%sWhat is remembered%s\n", mr_colour(MR_BOLD), mr_colour_end());
	json_array_foreach(records, i, row) {
		if (table == NULL)
			break;
		(void)snprintf(text, sizeof(text), "  %.60s", mr_text_of(row, "source"));
		mr_columns_cell(table, text, MR_PLAIN);
		mr_columns_cell(table, mr_when(mr_text_of(row, "first"), room), MR_PLAIN);
		mr_columns_cell(table, mr_when(mr_text_of(row, "last"), room), MR_PLAIN);
		mr_columns_cell(table, mr_number(mr_int_of(row, "offences_now"), room), MR_PLAIN);
		mr_columns_cell(table, mr_span(mr_int_of(row, "next_block_seconds"), room), MR_PLAIN);
		(void)snprintf(text, sizeof(text), "about %s%s", mr_number(mr_int_of(row, "good_logins"), room),
			       json_is_true(json_object_get(row, "spared")) ? ", spared" : "");
		mr_columns_cell(table, text, MR_PLAIN);
	}
	if (table != NULL)
		mr_columns_print(table);
	mr_columns_free(&table);
}

/* "Offence 2; the next block would last 1 d." of the record that is blocked. */
static void print_offence(const json_t *block)
{
	char span[MR_WHEN_MAX];

	printf("Offence %lld; the next block would last %s.\n", (long long)mr_int_of(block, "offences"),
	       mr_span(mr_int_of(block, "next_block_seconds"), span));
}

static void print_all(const json_t *answer)
{
	const json_t *block = json_object_get(answer, "block");
	bool screened = strcmp(mr_text_of(block, "rule"), "screen") == 0;

	mr_words_source(answer);
	if (screened && json_object_get(block, "next_block_seconds") != NULL)
		print_offence(block);
	mr_words_counters(json_object_get(answer, "counters"), "Counted now");
	print_records(json_object_get(answer, "records"));
	mr_words_orders(json_object_get(answer, "orders"));
	if (block != NULL) {
		putchar('\n');
		mr_words_source_next(answer);
	}
}

int mr_show_source(struct mr_ask *ask, const struct mr_show *show, const char *address)
{
	json_t *answer = mr_ask(ask, json_pack("{s:s, s:s}", "command", "source", "address", address));

	if (answer == NULL)
		return MR_EXIT_NO_STATE;
	if (show->common.json)
		(void)mr_print_json(answer);
	else
		print_all(answer);
	json_decref(answer);
	return MR_EXIT_DONE;
}
