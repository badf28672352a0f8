/* See words.h: sources and screening in words. Called by showsource.c, showlogins.c, showblocks.c and explain.c. */
#include <stdio.h>
#include <string.h>

#include "print.h"
#include "words.h"

const char *mr_words_too_many(const char *reason)
{
	const char *sentence = mr_words_reason(reason), *thing;

	if (sentence == NULL)
		return "";
	thing = strncmp(reason, "screen-", 7) == 0 ? strstr(sentence, "too many of one thing: ") : NULL;
	return thing != NULL ? strchr(thing, ':') + 2 : sentence;
}

void mr_words_orders(const json_t *orders)
{
	char when[MR_WHEN_MAX];
	const json_t *row;
	size_t i;

	if (json_array_size(orders) == 0)
		return;
	printf("\n%sOrders%s\n", mr_colour(MR_BOLD), mr_colour_end());
	json_array_foreach(orders, i, row) {
		const char *person = mr_text_of(row, "operator");

		printf("  %s  %-7s by ", mr_when(mr_text_of(row, "time"), when), mr_text_of(row, "order"));
		mr_put(person[0] != '\0' ? person : mr_text_of(row, "rule"));
		printf("%s", mr_text_of(row, "reason")[0] != '\0' ? ": " : "");
		mr_put(mr_text_of(row, "reason"));
		putchar('\n');
	}
}

/* ---- Counters ---- */

static bool is_passed(const json_t *row)
{
	return mr_int_of(row, "value") > mr_int_of(row, "most");
}

static void print_counters(const json_t *counters, bool passed)
{
	const json_t *row;
	size_t i;

	json_array_foreach(counters, i, row) {
		if (mr_int_of(row, "value") == 0 || is_passed(row) != passed)
			continue;
		printf("  %s%lld of at most %lld%s  ", mr_colour(passed ? MR_RED : MR_PLAIN),
		       (long long)mr_int_of(row, "value"), (long long)mr_int_of(row, "most"), mr_colour_end());
		mr_put(mr_text_of(row, "what"));
		printf(" (");
		mr_put(mr_text_of(row, "limit"));
		if (mr_text_of(row, "of")[0] != '\0') {
			printf(", ");
			mr_put(mr_text_of(row, "of"));
		}
		printf(")\n");
	}
}

void mr_words_counters(const json_t *counters, const char *heading)
{
	const json_t *row;
	bool any = false;
	size_t i;

	json_array_foreach(counters, i, row)
		any = any || mr_int_of(row, "value") > 0;
	if (heading != NULL)
		printf("\n%s%s%s%s\n", mr_colour(MR_BOLD), heading, mr_colour_end(), any ? "" : "  nothing");
	print_counters(counters, true);
	print_counters(counters, false);
}

/* ---- Standing ---- */

static void print_why(const json_t *block)
{
	if (strcmp(mr_text_of(block, "rule"), "screen") == 0) {
		printf(", by screening: too many %s", mr_words_too_many(mr_text_of(block, "reason")));
		return;
	}
	printf(", ordered by ");
	mr_put(mr_text_of(block, "operator")[0] != '\0' ? mr_text_of(block, "operator") : "an operator");
	if (mr_text_of(block, "note")[0] != '\0') {
		printf(": ");
		mr_put(mr_text_of(block, "note"));
	}
}

static void print_mode(const json_t *answer)
{
	const char *mode = mr_text_of(answer, "mode");

	if (strcmp(mode, "enforce") != 0)
		printf("The rule screen is in mode %s: it blocks nobody.\n", mode);
	if (json_is_true(json_object_get(answer, "excepted")))
		printf("The policy excepts it from screening (screen.except).\n");
	if (json_is_true(json_object_get(answer, "private")))
		printf("It is an address of private use.\n");
}

static void print_effect(const json_t *answer, const json_t *block)
{
	if (strcmp(mr_text_of(answer, "state"), "blocked") != 0)
		return;
	if (strcmp(mr_text_of(block, "rule"), "screen") != 0)
		printf("Nobody may send or log in from there.\n");
	else if (strcmp(mr_text_of(answer, "at"), "connect") == 0)
		printf("It is refused at CONNECT, and logins from there are refused, but for logins that know the place well.\n");
	else
		printf("Its mail is refused at MAIL unless it has logged in, and logins from there are refused, but for logins "
		       "that know the place well.\n");
}

void mr_words_source(const json_t *answer)
{
	const json_t *block = json_object_get(answer, "block");
	const char *state = mr_text_of(answer, "state"), *until = mr_text_of(block, "until");
	bool blocked = strcmp(state, "blocked") == 0;
	char when[MR_WHEN_MAX];

	mr_put(mr_text_of(answer, "source"));
	if (block == NULL) {
		printf(" is %snot blocked%s.\n", mr_colour(MR_GREEN), mr_colour_end());
		print_mode(answer);
		return;
	}
	printf(" %s%s%s since %s", mr_colour(blocked ? MR_RED : MR_YELLOW), blocked ? "is blocked" : "would be blocked",
	       mr_colour_end(), mr_when(mr_text_of(block, "since"), when));
	if (strcmp(mr_text_of(block, "source"), mr_text_of(answer, "source")) != 0) {
		printf(", as part of ");
		mr_put(mr_text_of(block, "source"));
	}
	print_why(block);
	printf(".\n");
	if (until[0] != '\0')
		printf("It ends by itself: %s.\n", mr_when(until, when));
	else
		printf("It does not end by itself.\n");
	print_effect(answer, block);
	print_mode(answer);
}

/* ---- What to do ---- */

void mr_words_source_next(const json_t *answer)
{
	const json_t *block = json_object_get(answer, "block");
	const char *source = mr_text_of(block, "source");
	bool screened = strcmp(mr_text_of(block, "rule"), "screen") == 0;

	if (block == NULL)
		return;
	printf("What to do: nothing, if it is an attacker.\n");
	if (strcmp(mr_text_of(answer, "state"), "blocked") == 0)
		printf("  Lift it now:                 mailreeve unblock %s\n", source);
	if (screened)
		printf("  Never screen it again:       name it in screen.except, or in an exemption of the rule screen\n"
		       "  Keep it out for longer:      mailreeve block --time 30d %s\n", source);
}

static void print_steps(const json_t *line, const char *reason)
{
	const char *login = mr_text_of(json_object_get(line, "user"), "name");
	const char *address = mr_text_of(json_object_get(line, "source"), "ip");
	char name[600], ip[128];

	(void)mr_safe(login[0] != '\0' ? login : "LOGIN", name, sizeof(name));
	(void)mr_safe(address[0] != '\0' ? address : "ADDRESS", ip, sizeof(ip));
	if (strcmp(reason, "screen-guessed") == 0)
		printf("  Ask the owner whether it was him or her. If not, change the password, and until then\n"
		       "                               mailreeve freeze %s\n"
		       "  What was sent since:         mailreeve explain %s\n", name, name);
	else if (strcmp(reason, "screen-shared") == 0)
		printf("  Find the fool or the infected machine behind %s: user.name of login-refused lines with this\n"
		       "  source.ip. Pairs of a login and this address are refused meanwhile.\n", ip);
	else if (strcmp(reason, "screen-budget") == 0)
		printf("  Look whether the policy is too strict, or the attack that big: mailreeve show blocks. screen.budget\n"
		       "  is how many may be blocked automatically.\n");
	else if (strncmp(reason, "screen-inside-", 14) == 0)
		printf("  See what %s is. When strangers' mail comes through it, it must not be trusted: take it out of the\n"
		       "  policy's networks.\n", ip);
	else if (strncmp(reason, "screen-guard-", 13) == 0)
		printf("  Nothing: the owner logs in from where he or she always does, and the guard ends when the attack ends.\n"
		       "  How it stands:               mailreeve show account %s\n"
		       "  The owner is at a new place: an exemption of the rule screen for the login and that network\n", name);
	else if (strcmp(reason, "screen-pair-failures") == 0)
		printf("  It ends when the wrong passwords are older than the limit's time. If it is the owner, some device has\n"
		       "  an old password.\n"
		       "  How it stands:               mailreeve show account %s\n", name);
	else if (strncmp(reason, "location-", 9) == 0)
		printf("  The owner is travelling:     name the country or network in the policy's location, or an exemption\n"
		       "                               of the rule location for %s, with an expiry\n", name);
	else if (strcmp(reason, "account-frozen") == 0)
		printf("  Why it is frozen:            mailreeve explain %s\n", name);
	else
		printf("  How the source stands:       mailreeve show source %s\n"
		       "  It is one of ours:           mailreeve unblock, and screen.except or an exemption of the rule screen\n",
		       ip);
}

void mr_words_screening_next(const json_t *line)
{
	const json_t *own = json_object_get(line, "mailreeve");
	const char *reason = mr_text_of(own, "reason"), *action = mr_text_of(json_object_get(line, "event"), "action");

	if (reason[0] == '\0')
		reason = mr_text_of(own, "would_reason");
	if (strncmp(reason, "screen-", 7) != 0 && strncmp(reason, "location-", 9) != 0 &&
	    strncmp(action, "login-", 6) != 0)
		return;
	printf("What to do:\n");
	print_steps(line, reason);
}
