/*
 * The work of the notices' thread. Not its queue (notices.c), nor how a program runs (hook.c) or a mail is sent
 * (mailout.c).
 */
#include "telling.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hook.h"
#include "letter.h"
#include "mailout.h"
#include "repeats.h"

enum { REPEATS_ROOM = 512, REPORT_MS = 60000, ADDRESS_MAX = 320, SENTENCE_MAX = 2000, WAIT_MAX_MS = 3600000 };

/* A line that waits for its program. */
struct call {
	struct call *next;
	char *line;
	size_t n;
};

/* What is to be said of what could not be told. */
struct report {
	uint64_t lost, hook_failed, hook_lost, mail_failed, mail_lost, mail_later;
	char hook_why[MR_HOOK_WHY_MAX];
	char failed_why[MR_MAILOUT_WHY_MAX + ADDRESS_MAX], later_why[MR_MAILOUT_WHY_MAX + ADDRESS_MAX];
	int64_t next_ms; /* not before */
};

struct mr_telling {
	struct mr_telling_calls calls;
	struct mr_noticeset *set; /* NULL until the first mr_telling_follow() */
	struct mr_hooks *hooks;
	struct mr_mailout *mail;
	struct mr_repeats *repeats;
	struct call *first, *last;
	size_t waiting;
	struct report report;
};

/* ---- What could not be told ---- */

static void hook_failed(void *context, const char *why)
{
	struct mr_telling *t = context;

	t->report.hook_failed++;
	(void)snprintf(t->report.hook_why, sizeof(t->report.hook_why), "%s", why);
}

static void mail_failed(void *context, const char *to, const char *why)
{
	struct mr_telling *t = context;

	t->report.mail_failed++;
	(void)snprintf(t->report.failed_why, sizeof(t->report.failed_why), "to %s: %s", to, why);
}

static void mail_later(void *context, const char *to, const char *why)
{
	struct mr_telling *t = context;

	t->report.mail_later++;
	(void)snprintf(t->report.later_why, sizeof(t->report.later_why), "to %s: %s", to, why);
}

static bool has_report(const struct report *r)
{
	return r->lost + r->hook_failed + r->hook_lost + r->mail_failed + r->mail_lost + r->mail_later > 0;
}

struct sentence {
	char text[SENTENCE_MAX];
	size_t n;
};

__attribute__((format(printf, 2, 3))) static void add(struct sentence *s, const char *format, ...)
{
	va_list arguments;
	int n;

	va_start(arguments, format);
	n = vsnprintf(s->text + s->n, sizeof(s->text) - s->n, format, arguments);
	va_end(arguments);
	if (n > 0)
		s->n = s->n + (size_t)n < sizeof(s->text) ? s->n + (size_t)n : sizeof(s->text) - 1;
}

static void put_report(const struct mr_telling *t, struct sentence *s)
{
	const struct report *r = &t->report;

	add(s, "notices that could not be told:");
	if (r->lost > 0)
		add(s, " %" PRIu64 " events, since the queue was full (notices.queue);", r->lost);
	if (r->hook_lost > 0)
		add(s, " %" PRIu64 " calls of notices.hook, since too many waited for it;", r->hook_lost);
	if (r->mail_lost > 0)
		add(s, " %" PRIu64 " mails, since too many waited for notices.mail;", r->mail_lost);
	if (r->hook_failed > 0)
		add(s, " notices.hook failed %" PRIu64 " times, the last time %s;", r->hook_failed, r->hook_why);
	if (r->mail_failed > 0)
		add(s, " %" PRIu64 " mails were given up, the last %s;", r->mail_failed, r->failed_why);
	if (r->mail_later > 0)
		add(s, " %zu mails wait and are tried again, the last %s;", mr_mailout_waiting(t->mail), r->later_why);
	add(s, " the events themselves are in the event log");
}

static void say_report(struct mr_telling *t, int64_t now_ms)
{
	struct sentence sentence = { .n = 0 };

	if (!has_report(&t->report) || now_ms < t->report.next_ms)
		return;
	put_report(t, &sentence);
	t->report = (struct report){ .next_ms = now_ms + REPORT_MS };
	t->calls.say(t->calls.context, sentence.text);
}

/* ---- Telling ---- */

static void call_hook(struct mr_telling *t, const struct mr_notice *notice)
{
	struct call *call = NULL;

	if (t->set->hook == NULL)
		return;
	if (t->waiting < t->set->queue)
		call = calloc(1, sizeof(*call));
	if (call != NULL)
		call->line = mr_notice_line(notice, &call->n);
	if (call == NULL || call->line == NULL) {
		free(call);
		t->report.hook_lost++;
		return;
	}
	if (t->last != NULL)
		t->last->next = call;
	else
		t->first = call;
	t->last = call;
	t->waiting++;
}

static void write_to(struct mr_telling *t, const struct mr_notice *notice, enum mr_letter_kind kind, const char *to,
		     int64_t now_ms)
{
	struct mr_letter letter = { .kind = kind, .from = t->set->from, .to = to, .contact = t->set->contact,
				    .now_ms = t->calls.wall_ms(), .unique = t->calls.unique() };
	size_t n;
	char *mail = mr_letter_write(&letter, notice, &n);

	if (mail == NULL || mr_mailout_put(t->mail, to, mail, n, now_ms) != 0)
		t->report.mail_lost++;
}

static bool sends_mail(const struct mr_telling *t)
{
	return t->set->mail != NULL && t->set->from != NULL;
}

static void tell_operators(struct mr_telling *t, const struct mr_notice *notice, int64_t now_ms)
{
	call_hook(t, notice);
	for (size_t i = 0; sends_mail(t) && i < t->set->to_count; i++)
		write_to(t, notice, MR_LETTER_OPERATOR, t->set->to[i], now_ms);
}

static bool is_for_operators(const struct mr_telling *t, const struct mr_notice *notice)
{
	return mr_noticeset_has(t->set, mr_notice_text(notice, MR_NOTICE_ACTION));
}

/* Owners hear that they were stopped or that their mail waits; that it is over, where operators hear it, too. */
static bool is_for_owner(const struct mr_telling *t, const struct mr_notice *notice)
{
	const char *action = mr_notice_text(notice, MR_NOTICE_ACTION);

	if (!t->set->owner || !sends_mail(t) || mr_notice_text(notice, MR_NOTICE_LOGIN)[0] == '\0')
		return false;
	return strcmp(action, "account-frozen") == 0 || strcmp(action, "account-held") == 0 ||
	       (strcmp(action, "account-thawed") == 0 && is_for_operators(t, notice));
}

static void tell(struct mr_telling *t, const struct mr_notice *notice, int64_t now_ms)
{
	char address[ADDRESS_MAX];

	if (is_for_operators(t, notice))
		tell_operators(t, notice, now_ms);
	if (is_for_owner(t, notice) &&
	    t->calls.mailbox(t->calls.context, mr_notice_text(notice, MR_NOTICE_LOGIN), address) == 0)
		write_to(t, notice, MR_LETTER_OWNER, address, now_ms);
}

void mr_telling_take(struct mr_telling *t, const char *line, size_t n, int64_t now_ms)
{
	struct mr_notice *notice;

	if (t->set == NULL || (t->set->hook == NULL && t->set->mail == NULL))
		return;
	if (mr_notice_read(line, n, &notice) != 0) {
		t->report.lost++;
		return;
	}
	/* Also a step that nobody wants to hear of: it may end an incident. */
	if (mr_notice_is_step(notice) || is_for_operators(t, notice))
		notice = mr_repeats_take(t->repeats, notice, now_ms, t->set->interval_ms);
	else
		mr_notice_free(&notice);
	if (notice != NULL)
		tell(t, notice, now_ms);
	mr_notice_free(&notice);
}

void mr_telling_lost(struct mr_telling *t, uint64_t count)
{
	t->report.lost += count;
}

static void tell_repeated(struct mr_telling *t, int64_t now_ms)
{
	struct mr_notice *notice;

	while (t->set != NULL && (notice = mr_repeats_due(t->repeats, now_ms, t->set->interval_ms)) != NULL) {
		tell(t, notice, now_ms);
		mr_notice_free(&notice);
	}
}

static void drop_call(struct mr_telling *t)
{
	struct call *call = t->first;

	t->first = call->next;
	if (t->first == NULL)
		t->last = NULL;
	t->waiting--;
	free(call);
}

static void start_hooks(struct mr_telling *t, int64_t now_ms)
{
	char why[MR_HOOK_WHY_MAX];

	while (t->first != NULL && t->set->hook != NULL && mr_hooks_running(t->hooks) < MR_HOOKS_AT_ONCE) {
		if (mr_hooks_start(t->hooks, t->set->hook, t->first->line, t->first->n, now_ms, t->set->hook_ms, why) != 0)
			hook_failed(t, why);
		drop_call(t);
	}
}

/* ---- The loop's parts ---- */

static int64_t sooner(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

void mr_telling_wait(struct mr_telling *t, int wake_fd, int64_t now_ms, int64_t until_ms)
{
	struct pollfd polls[1 + MR_HOOK_POLLS] = { { .fd = wake_fd, .events = POLLIN } };
	size_t n = 1 + mr_hooks_polls(t->hooks, polls + 1);
	int64_t next = sooner(until_ms, now_ms + WAIT_MAX_MS);

	next = sooner(next, mr_hooks_next(t->hooks, now_ms));
	next = sooner(next, mr_mailout_next(t->mail));
	next = sooner(next, mr_repeats_next(t->repeats));
	if (has_report(&t->report))
		next = sooner(next, t->report.next_ms);
	mr_mailout_wait(t->mail, polls, n, next > now_ms ? (int)(next - now_ms) : 0);
}

void mr_telling_serve(struct mr_telling *t, int64_t now_ms)
{
	tell_repeated(t, now_ms);
	if (t->set != NULL)
		start_hooks(t, now_ms);
	mr_hooks_serve(t->hooks, now_ms, hook_failed, t);
	if (t->set != NULL)
		start_hooks(t, now_ms);
	mr_mailout_serve(t->mail, now_ms);
	say_report(t, now_ms);
}

bool mr_telling_busy(const struct mr_telling *t, int64_t now_ms)
{
	return t->first != NULL || mr_hooks_running(t->hooks) > 0 || mr_mailout_busy(t->mail, now_ms);
}

void mr_telling_follow(struct mr_telling *t, struct mr_noticeset *set, int64_t now_ms)
{
	struct mr_noticeset *old = t->set;
	char why[MR_HOOK_WHY_MAX];

	/* Better now than at the first incident. */
	if (set->hook != NULL && mr_hook_check(set->hook, why) != 0)
		t->calls.say(t->calls.context, why);
	t->set = set;
	t->report.mail_lost += mr_mailout_follow(t->mail, set, now_ms);
	mr_noticeset_free(&old);
	while (t->first != NULL && set->hook == NULL) {
		free(t->first->line);
		drop_call(t);
		t->report.hook_lost++;
	}
}

struct mr_telling *mr_telling_new(const struct mr_telling_calls *calls)
{
	struct mr_telling *t = calloc(1, sizeof(*t));
	struct mr_mailout_calls mail = { .later = mail_later, .failed = mail_failed, .context = t };

	if (t == NULL)
		return NULL;
	t->calls = *calls;
	t->report.next_ms = INT64_MIN;
	t->hooks = mr_hooks_new();
	t->mail = mr_mailout_new(&mail);
	if (t->hooks == NULL || t->mail == NULL || mr_repeats_new(REPEATS_ROOM, &t->repeats) != 0) {
		free(t->hooks);
		free(t); /* the process does not start without it */
		return NULL;
	}
	return t;
}

void mr_telling_end(struct mr_telling *t, uint64_t lines_left)
{
	uint64_t left = lines_left + t->waiting + mr_hooks_running(t->hooks) + mr_mailout_waiting(t->mail);
	struct sentence sentence = { .n = 0 };

	mr_hooks_kill(t->hooks);
	t->report.next_ms = INT64_MIN;
	if (left > 0) {
		add(&sentence, "%" PRIu64 " notices were not told since the daemon stops; the events themselves are in the "
		    "event log", left);
		t->calls.say(t->calls.context, sentence.text);
	}
	say_report(t, 0);
}
