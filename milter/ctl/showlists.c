/*
 * mailreeve show accounts, orders, exemptions, calibration.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "print.h"
#include "show.h"

/* Shows list as JSON or by print; the exit status. Takes list over. */
static int finish(json_t *list, const struct mr_show *show, const char *nothing, void (*print)(const json_t *list))
{
	if (list == NULL)
		return MR_EXIT_NO_STATE;
	if (show->common.json)
		(void)mr_print_json(list);
	else if (json_array_size(list) == 0)
		printf("%s\n", nothing);
	else
		print(list);
	if (!show->common.json && (int64_t)json_array_size(list) == show->limit)
		printf("There may be more; see --limit.\n");
	json_decref(list);
	return MR_EXIT_DONE;
}

/* ---- Accounts ---- */

static int rank_of(const char *state)
{
	static const char *const states[] = { "frozen", "held", "watched", "normal" };

	for (int i = 0; i < 4; i++)
		if (strcmp(states[i], state) == 0)
			return i;
	return 4;
}

/* The worst first, then the newest. */
static int compare_accounts(const void *a, const void *b)
{
	const json_t *one = *(const json_t *const *)a, *other = *(const json_t *const *)b;
	int order = rank_of(mr_text_of(one, "state")) - rank_of(mr_text_of(other, "state"));

	if (order == 0)
		order = strcmp(mr_text_of(other, "since"), mr_text_of(one, "since"));
	return order != 0 ? order : strcmp(mr_text_of(one, "name"), mr_text_of(other, "name"));
}

static void print_account(struct mr_columns *table, const json_t *row)
{
	const char *state = mr_text_of(row, "state");
	char text[600], when[MR_WHEN_MAX];

	(void)snprintf(text, sizeof(text), "%s%s", mr_text_of(row, "name"),
		       json_object_get(row, "name_cut") != NULL ? "..." : "");
	mr_columns_cell(table, text, MR_PLAIN);
	mr_columns_cell(table, mr_text_of(row, "kind"), MR_DIM);
	mr_columns_cell(table, state, mr_colour_of_state(state));
	mr_columns_cell(table, mr_when(mr_text_of(row, "since"), when), MR_PLAIN);
	mr_columns_cell(table, mr_text_of(row, "rule"), MR_PLAIN);
	mr_columns_cell(table, mr_when(mr_text_of(row, "last"), when), MR_PLAIN);
	mr_columns_cell(table, mr_text_of(row, "event_id"), MR_DIM);
}

static void print_accounts(const json_t *list)
{
	static const char *const headings[] = { "ACCOUNT", "KIND", "STATE", "SINCE", "RULE", "LAST MESSAGE", "EVENT",
						NULL };
	struct mr_columns *table = mr_columns_new(headings);
	size_t count = json_array_size(list);
	const json_t **rows = calloc(count, sizeof(*rows));

	for (size_t i = 0; rows != NULL && i < count; i++)
		rows[i] = json_array_get(list, i);
	if (rows != NULL && table != NULL) {
		qsort(rows, count, sizeof(*rows), compare_accounts);
		for (size_t i = 0; i < count; i++)
			print_account(table, rows[i]);
		mr_columns_print(table);
	}
	mr_columns_free(&table);
	free(rows);
}

/* One a line; a name that a shell could misread is left out. */
static int print_names(struct mr_ask *ask, const struct mr_show *show)
{
	json_t *request = json_pack("{s:s, s:s}", "command", "names", "prefix", show->names), *answer, *name;
	char room[1024];
	size_t i;

	if (show->state != NULL)
		json_object_set_new(request, "at_least", json_string(show->state));
	answer = mr_ask(ask, request);
	if (answer == NULL)
		return MR_EXIT_NO_STATE;
	json_array_foreach(json_object_get(answer, "names"), i, name) {
		const char *text = json_string_value(name);

		if (text != NULL && strpbrk(text, " \t\n\\'\"`$;&|<>(){}*?!") == NULL &&
		    strcmp(mr_safe(text, room, sizeof(room)), text) == 0)
			printf("%s\n", text);
	}
	json_decref(answer);
	return MR_EXIT_DONE;
}

int mr_show_accounts(struct mr_ask *ask, const struct mr_show *show)
{
	json_t *request;

	if (show->names != NULL)
		return print_names(ask, show);
	request = json_pack("{s:s}", "command", "accounts");
	if (show->state != NULL)
		json_object_set_new(request, "state", json_string(show->state));
	if (show->since > 0)
		json_object_set_new(request, "since_seconds", json_integer(show->since));
	return finish(mr_ask_list(ask, request, "accounts", (size_t)show->limit), show, "There is no such account.",
		      print_accounts);
}

/* ---- Orders ---- */

static void print_orders(const json_t *list)
{
	static const char *const headings[] = { "TIME", "ORDER", "WHOM", "BY", "WHY", "EVENT", NULL };
	struct mr_columns *table = mr_columns_new(headings);
	char when[MR_WHEN_MAX];
	const json_t *row;
	size_t i;

	if (table == NULL)
		return;
	json_array_foreach(list, i, row) {
		const char *person = mr_text_of(row, "operator");

		mr_columns_cell(table, mr_when(mr_text_of(row, "time"), when), MR_PLAIN);
		mr_columns_cell(table, mr_text_of(row, "order"), MR_BOLD);
		mr_columns_cell(table, mr_text_of(row, "subject"), MR_PLAIN);
		mr_columns_cell(table, person[0] != '\0' ? person : mr_text_of(row, "rule"), MR_PLAIN);
		mr_columns_cell(table, mr_text_of(row, "reason"), MR_PLAIN);
		mr_columns_cell(table, mr_text_of(row, "event_id"), MR_DIM);
	}
	mr_columns_print(table);
	mr_columns_free(&table);
}

int mr_show_orders(struct mr_ask *ask, const struct mr_show *show)
{
	json_t *request = json_pack("{s:s}", "command", "orders");

	if (show->since > 0)
		json_object_set_new(request, "since_seconds", json_integer(show->since));
	return finish(mr_ask_list(ask, request, "orders", (size_t)show->limit), show, "There is no order.", print_orders);
}

/* ---- Exemptions ---- */

static void print_exemptions(const json_t *list)
{
	static const char *const headings[] = { "EXEMPTION", "RULES", "OWNER", "EXPIRES", "LAST USED", "REASON", NULL };
	struct mr_columns *table = mr_columns_new(headings);
	char when[MR_WHEN_MAX], rules[256];
	const json_t *row, *rule;
	size_t i, k;

	if (table == NULL)
		return;
	json_array_foreach(list, i, row) {
		int n = 0;

		rules[0] = '\0';
		json_array_foreach(json_object_get(row, "rules"), k, rule)
			if (n >= 0 && (size_t)n < sizeof(rules))
				n += snprintf(rules + n, sizeof(rules) - (size_t)n, "%s%s", k > 0 ? " " : "",
					      json_string_value(rule));
		mr_columns_cell(table, mr_text_of(row, "name"), MR_BOLD);
		mr_columns_cell(table, rules, MR_PLAIN);
		mr_columns_cell(table, mr_text_of(row, "owner"), MR_PLAIN);
		mr_columns_cell(table, mr_when(mr_text_of(row, "expires"), when),
			      json_is_true(json_object_get(row, "expired")) ? MR_RED : MR_PLAIN);
		mr_columns_cell(table, mr_when(mr_text_of(row, "last_used"), when), MR_PLAIN);
		mr_columns_cell(table, mr_text_of(row, "reason"), MR_PLAIN);
	}
	mr_columns_print(table);
	mr_columns_free(&table);
}

int mr_show_exemptions(struct mr_ask *ask, const struct mr_show *show)
{
	return finish(mr_ask_list(ask, json_pack("{s:s}", "command", "exemptions"), "exemptions", (size_t)show->limit),
		      show, "The policy has no exemption.", print_exemptions);
}

/* ---- Calibration ---- */

static void print_calibration(const json_t *answer)
{
	static const char *const headings[] = { "false_freezes", "FREEZES AT", "HOLDS AT", "EXPECTED", "95 % INTERVAL",
						NULL };
	const json_t *hijack = json_object_get(answer, "hijack"), *row;
	struct mr_columns *table = mr_columns_new(headings);
	char text[MR_WHEN_MAX];
	size_t i;

	if (table == NULL)
		return;
	printf("hijack.false_freezes is %.3g: at most so many wrong freezes are wanted per 1000 accounts and year.\n",
	       mr_real_of(hijack, "wanted"));
	printf("An account is frozen from %+.1f nats; expected are %.3g wrong freezes (%.3g to %.3g).\n",
	       mr_real_of(hijack, "freeze"), mr_real_of(hijack, "expected"), mr_real_of(hijack, "low"),
	       mr_real_of(hijack, "high"));
	printf("%s account-days were seen here; %lld of them came near the threshold.\n",
	       mr_number((int64_t)mr_real_of(hijack, "account_days"), text),
	       (long long)mr_int_of(hijack, "exceedances"));
	if (json_is_true(json_object_get(hijack, "fixed")))
		printf("The threshold is set in the policy, so the knob does nothing.\n");
	else if (!json_is_true(json_object_get(hijack, "calibrated")))
		printf("That is too little, or hijack.calibrate is off: the threshold is that of other sites, and right "
		       "within a factor of three.\n");
	printf("\nOther positions of the knob:\n");
	json_array_foreach(json_object_get(answer, "positions"), i, row) {
		(void)snprintf(text, sizeof(text), "%.3g", mr_real_of(row, "wanted"));
		mr_columns_cell(table, text, MR_BOLD);
		(void)snprintf(text, sizeof(text), "%+.1f", mr_real_of(row, "freeze"));
		mr_columns_cell(table, text, MR_PLAIN);
		(void)snprintf(text, sizeof(text), "%+.1f", mr_real_of(row, "hold"));
		mr_columns_cell(table, text, MR_PLAIN);
		(void)snprintf(text, sizeof(text), "%.3g", mr_real_of(row, "expected"));
		mr_columns_cell(table, text, MR_PLAIN);
		(void)snprintf(text, sizeof(text), "%.3g to %.3g", mr_real_of(row, "low"), mr_real_of(row, "high"));
		mr_columns_cell(table, text, MR_PLAIN);
	}
	mr_columns_print(table);
	mr_columns_free(&table);
}

int mr_show_calibration(struct mr_ask *ask, const struct mr_show *show)
{
	json_t *answer = mr_ask(ask, json_pack("{s:s}", "command", "calibration"));

	if (answer == NULL)
		return MR_EXIT_NO_STATE;
	if (show->common.json)
		(void)mr_print_json(answer);
	else
		print_calibration(answer);
	json_decref(answer);
	return MR_EXIT_DONE;
}
