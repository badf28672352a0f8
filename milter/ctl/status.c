/*
 * mailreeve status: how mailreeved, its state and its detector stand.
 */
#include <stdio.h>
#include <string.h>

#include "ask.h"
#include "ctl.h"
#include "print.h"

static const char help[] =
	"usage: mailreeve status [OPTION...]\n"
	"\n"
	"Shows whether mailreeved runs, what it remembers, who is frozen, held and blocked, how the detector is set and\n"
	"calibrated, and what the last 24 hours brought.\n"
	"\n" MR_COMMON_HELP "\n"
	"Exit status: 0 all is well, 1 mailreeved is not running or its state is degraded, 2 wrong usage, 3 there is no\n"
	"state.\n";

static void say_daemon(const json_t *answer, bool offline)
{
	char when[MR_WHEN_MAX];

	printf("%sDaemon%s    ", mr_colour(MR_BOLD), mr_colour_end());
	if (offline)
		printf("%snot running%s, ", mr_colour(MR_RED), mr_colour_end());
	else
		printf("mailreeved %s, running since %s\n          ", mr_text_of(answer, "version"),
		       mr_when(mr_text_of(answer, "started"), when));
	printf("policy ");
	mr_put(mr_text_of(answer, "policy"));
	if (!offline)
		printf(", generation %lld", (long long)mr_int_of(answer, "generation"));
	printf(", mode %s\n", mr_text_of(answer, "mode"));
}

static void say_state(const json_t *state)
{
	char n[8][MR_WHEN_MAX];
	int64_t unwritten = mr_int_of(state, "unwritten_ms");

	printf("%sState%s     ", mr_colour(MR_BOLD), mr_colour_end());
	mr_put(json_is_null(json_object_get(state, "directory")) ? "in memory" : mr_text_of(state, "directory"));
	printf(", %s in memory; ", mr_bytes((double)mr_int_of(state, "memory_bytes"), n[0]));
	if (unwritten > 0)
		printf("the oldest change that is not on disk is %lld ms old\n", (long long)unwritten);
	else
		printf("all of it on disk\n");
	printf("          %s of %s accounts (%s known), %s of %s sources\n", mr_number(mr_int_of(state, "accounts"), n[0]),
	       mr_number(mr_int_of(state, "accounts_most"), n[1]), mr_number(mr_int_of(state, "known"), n[2]),
	       mr_number(mr_int_of(state, "sources"), n[3]), mr_number(mr_int_of(state, "sources_most"), n[4]));
	if (mr_int_of(state, "refused_accounts") + mr_int_of(state, "evicted_accounts") > 0)
		printf("          %s accounts were forgotten for others, %s found no room; state.accounts may be too low\n",
		       mr_number(mr_int_of(state, "evicted_accounts"), n[0]),
		       mr_number(mr_int_of(state, "refused_accounts"), n[1]));
	if (json_is_true(json_object_get(state, "degraded"))) {
		printf("          %sDEGRADED%s: ", mr_colour(MR_RED), mr_colour_end());
		mr_put(mr_text_of(state, "trouble"));
		printf("\n          Mail goes on and freezes stay in force; what is learned now would be lost at a restart.\n");
	}
}

static void say_count(const char *what, int64_t count, enum mr_colour colour, const char *behind)
{
	char number[MR_WHEN_MAX];

	printf("%s%s %s%s%s", count > 0 ? mr_colour(colour) : "", mr_number(count, number), what,
	       count > 0 ? mr_colour_end() : "", behind);
}

static void say_accounts(const json_t *state)
{
	printf("%sAccounts%s  ", mr_colour(MR_BOLD), mr_colour_end());
	say_count("frozen", mr_int_of(state, "frozen"), MR_RED, ", ");
	say_count("held", mr_int_of(state, "held"), MR_YELLOW, ", ");
	say_count("watched", mr_int_of(state, "watched"), MR_YELLOW, "; ");
	say_count("sources blocked", mr_int_of(state, "blocked"), MR_RED, mr_int_of(state, "would_block") > 0 ? ", " : "\n");
	if (mr_int_of(state, "would_block") > 0)
		say_count("would be", mr_int_of(state, "would_block"), MR_YELLOW, " by screening, which only observes\n");
}

static void say_budget(const json_t *budget)
{
	char span[MR_WHEN_MAX];

	if (json_is_null(json_object_get(budget, "most")))
		printf("          no budget: any number of accounts may be frozen automatically\n");
	else
		printf("          %lld of at most %lld automatic freezes in %s used\n", (long long)mr_int_of(budget, "used"),
		       (long long)mr_int_of(budget, "most"), mr_span(mr_int_of(budget, "window_seconds"), span));
}

static void say_detector(const json_t *hijack, const json_t *budget)
{
	char days[MR_WHEN_MAX], wanted[MR_WHEN_MAX];
	const char *mode = mr_text_of(hijack, "mode");

	printf("%sDetector%s  %s", mr_colour(MR_BOLD), mr_colour_end(), mode);
	if (strcmp(mode, "off") == 0) {
		putchar('\n');
		return;
	}
	printf(", action %s: accounts from %+.1f nats", mr_text_of(hijack, "action"), mr_real_of(hijack, "freeze"));
	if (json_is_true(json_object_get(hijack, "holds")))
		printf(", single messages are held from %+.1f", mr_real_of(hijack, "hold"));
	printf("\n          wrong freezes per 1000 accounts and year: wanted at most %.3g, expected %.3g (%.3g to %.3g)\n",
	       mr_real_of(hijack, "wanted"), mr_real_of(hijack, "expected"), mr_real_of(hijack, "low"),
	       mr_real_of(hijack, "high"));
	mr_number((int64_t)mr_real_of(hijack, "account_days"), days);
	if (json_is_true(json_object_get(hijack, "fixed")))
		printf("          the threshold is set in the policy; %s account-days of traffic were seen\n", days);
	else if (json_is_true(json_object_get(hijack, "calibrated")))
		printf("          calibrated on %s account-days of this site\n", days);
	else
		printf("          from other sites' traffic: this site has shown %s account-days, %s are wanted\n", days,
		       mr_number((int64_t)mr_real_of(hijack, "account_days_wanted"), wanted));
	say_budget(budget);
}

static void say_screen(const json_t *screen, bool offline)
{
	const json_t *logins = json_object_get(screen, "logins"), *budget = json_object_get(screen, "budget");
	char n[5][MR_WHEN_MAX];
	const char *mode = mr_text_of(screen, "mode");

	printf("%sScreening%s %s", mr_colour(MR_BOLD), mr_colour_end(), mode);
	if (strcmp(mode, "off") != 0)
		printf(", blocked sources are refused at %s",
		       strcmp(mr_text_of(screen, "at"), "connect") == 0 ? "CONNECT" : "MAIL");
	if (strcmp(mode, "off") != 0 && json_is_integer(json_object_get(budget, "most")))
		printf("; %lld of at most %lld automatic blocks in %s used", (long long)mr_int_of(budget, "used"),
		       (long long)mr_int_of(budget, "most"), mr_span(mr_int_of(budget, "window_seconds"), n[4]));
	putchar('\n');
	if (offline)
		return;
	printf("          logins in 24 h: %s failed, %s succeeded; of those that Dovecot asked for %s let in, %s refused\n",
	       mr_number(mr_int_of(logins, "failed"), n[0]), mr_number(mr_int_of(logins, "succeeded"), n[1]),
	       mr_number(mr_int_of(logins, "asked"), n[2]), mr_number(mr_int_of(logins, "refused"), n[3]));
	if (mr_int_of(logins, "guarded") > 0)
		printf("          logins that came under attack in 24 h: %s\n", mr_number(mr_int_of(logins, "guarded"), n[0]));
}

static void say_day(const json_t *day, bool offline)
{
	const json_t *messages = json_object_get(day, "messages");
	char n[4][MR_WHEN_MAX];

	printf("%sLast 24 h%s ", mr_colour(MR_BOLD), mr_colour_end());
	if (!offline)
		printf("messages: %s accepted, %s held, %s deferred, %s refused\n          ",
		       mr_number(mr_int_of(messages, "accept"), n[0]), mr_number(mr_int_of(messages, "hold"), n[1]),
		       mr_number(mr_int_of(messages, "tempfail"), n[2]), mr_number(mr_int_of(messages, "reject"), n[3]));
	printf("frozen: %lld (%lld by hand), thawed: %lld (%lld by time), blocked: %lld, unblocked: %lld\n",
	       (long long)mr_int_of(day, "frozen"), (long long)mr_int_of(day, "frozen_by_hand"),
	       (long long)mr_int_of(day, "thawed"), (long long)mr_int_of(day, "expired"),
	       (long long)mr_int_of(day, "blocked"), (long long)mr_int_of(day, "unblocked"));
}

static void say_clock(const json_t *answer)
{
	int64_t behind = mr_int_of(answer, "clock_behind_ms") / 1000;
	char span[MR_WHEN_MAX];

	if (behind >= -2 && behind <= 2)
		return;
	printf("%sClock%s     the clock was set: windows and freezes go by a time that is %s %s it, and follows slowly\n",
	       mr_colour(MR_BOLD), mr_colour_end(), mr_span(behind < 0 ? -behind : behind, span),
	       behind < 0 ? "before" : "behind");
}

static void say_all(const json_t *answer, bool offline)
{
	const json_t *state = json_object_get(answer, "state");

	say_daemon(answer, offline);
	say_state(state);
	say_accounts(state);
	say_detector(json_object_get(answer, "hijack"), json_object_get(answer, "budget"));
	say_screen(json_object_get(answer, "screen"), offline);
	if (!offline)
		say_clock(answer);
	say_day(json_object_get(answer, "day"), offline);
}

int mr_ctl_status(int argc, char **argv)
{
	static const struct option longer[] = { MR_COMMON_LONG };
	struct mr_common common = { .policy = MR_CTL_POLICY };
	struct mr_ask *ask;
	json_t *answer;
	int c, status;
	bool well;

	while ((c = getopt_long(argc, argv, MR_COMMON_SHORT, longer, NULL)) != -1)
		if ((status = mr_common_take(&common, c, optarg, help)) >= 0)
			return status;
	if (optind < argc) {
		fprintf(stderr, "mailreeve: status takes no arguments; see mailreeve status --help\n");
		return MR_EXIT_USAGE;
	}
	status = mr_ask_open(&common, false, &ask);
	if (status != MR_EXIT_DONE)
		return status;
	answer = mr_ask(ask, json_pack("{s:s}", "command", "status"));
	if (answer == NULL) {
		mr_ask_close(&ask);
		return MR_EXIT_NO_STATE;
	}
	json_object_set_new(answer, "running", json_boolean(!mr_ask_is_offline(ask)));
	if (common.json)
		(void)mr_print_json(answer);
	else
		say_all(answer, mr_ask_is_offline(ask));
	well = !mr_ask_is_offline(ask) &&
	       !json_is_true(json_object_get(json_object_get(answer, "state"), "degraded"));
	json_decref(answer);
	mr_ask_close(&ask);
	return well ? MR_EXIT_DONE : MR_EXIT_PART;
}
