/* See passwordreport.h. Called by passwordaudit.c. */
#include "passwordreport.h"

#include <stdio.h>
#include <string.h>

#include "print.h"

enum { SCHEMES_MOST = 64, NAME_ROOM = 1400 };

#define DAMAGED "the hash is damaged, or there was no memory for a try"

enum mr_password_result mr_password_result_of(const struct mr_password_account *account)
{
	if (account->hash.kind == MR_PASSWORD_LOCKED)
		return MR_PASSWORD_SHUT;
	if (account->hash.kind == MR_PASSWORD_UNTRIED || atomic_load(&account->damaged))
		return MR_PASSWORD_NO_TRIAL;
	return atomic_load(&account->found) > 0 ? MR_PASSWORD_GUESSED : MR_PASSWORD_NOT_GUESSED;
}

size_t mr_password_count(struct mr_password_work *work, enum mr_password_result result)
{
	size_t n = 0;

	for (size_t i = 0; i < mr_password_work_accounts(work); i++)
		n += mr_password_result_of(mr_password_work_account(work, i)) == result;
	return n;
}

static const char *fault_of(const struct mr_password_account *account)
{
	return account->hash.fault != NULL ? account->hash.fault : DAMAGED;
}

/* ---- Text ---- */

/* "the login with a capital letter, and a year behind it" */
static void print_how(const struct mr_password_how *how)
{
	if (how->list != NULL && how->form[0] == '\0') {
		printf("on the list ");
		mr_put(how->list);
		printf(" at rank %zu", how->rank);
		return;
	}
	if (how->list != NULL) {
		printf("rank %zu of the list ", how->rank);
		mr_put(how->list);
	} else {
		fputs(how->source, stdout);
	}
	if (how->form[0] != '\0')
		printf(" %s", how->form);
	if (how->ending[0] != '\0')
		printf(strstr(how->ending, "before") != NULL ? ", and %s" : ", and %s behind it", how->ending);
}

static void print_guessed(const struct mr_password_work *work, const struct mr_password_account *account,
			  const char *file)
{
	struct mr_password_how how;

	mr_password_work_how(work, account, atomic_load(&account->found) - 1, &how);
	printf("%s", mr_colour(MR_RED));
	mr_put(account->login);
	printf("%s (", mr_colour_end());
	mr_put(file);
	printf(":%zu): ", account->line);
	print_how(&how);
	putchar('\n');
}

static void print_untried(const struct mr_password_account *account, const char *file)
{
	mr_put(account->login);
	fputs(" (", stdout);
	mr_put(file);
	printf(":%zu): cannot be tried: %s%s%s\n", account->line, account->hash.scheme,
	       account->hash.scheme[0] != '\0' ? ": " : "", fault_of(account));
}

struct scheme {
	const char *name, *weak;
	size_t accounts, line;
};

/* Weak schemes, each with its accounts. Past SCHEMES_MOST kinds no more. */
static size_t gather(struct mr_password_work *work, struct scheme schemes[SCHEMES_MOST])
{
	size_t n = 0;

	for (size_t i = 0; i < mr_password_work_accounts(work); i++) {
		const struct mr_password_account *account = mr_password_work_account(work, i);
		size_t s = 0;

		if (account->hash.weak == NULL)
			continue;
		while (s < n && (schemes[s].weak != account->hash.weak ||
				 strcmp(schemes[s].name, account->hash.scheme) != 0))
			s++;
		if (s == SCHEMES_MOST)
			continue;
		if (s == n)
			schemes[n++] = (struct scheme){ account->hash.scheme, account->hash.weak, 0, account->line };
		schemes[s].accounts++;
	}
	return n;
}

static void print_schemes(struct mr_password_work *work, const char *file)
{
	struct scheme schemes[SCHEMES_MOST];
	size_t n = gather(work, schemes);

	for (size_t i = 0; i < n; i++) {
		printf("%swarning%s: %s: %zu account%s, first ", mr_colour(MR_YELLOW), mr_colour_end(), schemes[i].name,
		       schemes[i].accounts, schemes[i].accounts == 1 ? "" : "s");
		mr_put(file);
		printf(":%zu: %s\n", schemes[i].line, schemes[i].weak);
	}
	if (n > 0)
		puts("Use {ARGON2ID} or {BLF-CRYPT}. A stored password can be made anew when its owner logs in next.");
}

static const char *lasted(double seconds, char room[MR_WHEN_MAX])
{
	if (seconds >= 100)
		return mr_span((int64_t)(seconds + 0.5), room);
	(void)snprintf(room, MR_WHEN_MAX, "%.1f s", seconds);
	return room;
}

static void print_summary(struct mr_password_work *work, const struct mr_password_progress *progress)
{
	char accounts[MR_WHEN_MAX], tries[MR_WHEN_MAX], rate[MR_WHEN_MAX], span[MR_WHEN_MAX];
	size_t guessed = mr_password_count(work, MR_PASSWORD_GUESSED);

	printf("%s accounts: %zu guessed, %zu not guessed, %zu locked, %zu cannot be tried; %s tries in %s, %s a second\n",
	       mr_number((int64_t)mr_password_work_accounts(work), accounts), guessed,
	       mr_password_count(work, MR_PASSWORD_NOT_GUESSED), mr_password_count(work, MR_PASSWORD_SHUT),
	       mr_password_count(work, MR_PASSWORD_NO_TRIAL), mr_number((int64_t)progress->tries, tries),
	       lasted(progress->seconds, span),
	       mr_number((int64_t)(progress->seconds > 0 ? (double)progress->tries / progress->seconds : 0), rate));
	if (guessed > 0)
		puts("Who guessed these would guess them too. Have their owners choose new ones, and look at what they sent.");
	if (!progress->complete)
		puts("The audit was ended early: not all candidates were tried.");
}

void mr_password_report(struct mr_password_work *work, const char *file, const struct mr_password_progress *progress)
{
	for (size_t i = 0; i < mr_password_work_accounts(work); i++) {
		const struct mr_password_account *account = mr_password_work_account(work, i);

		switch (mr_password_result_of(account)) {
		case MR_PASSWORD_GUESSED:
			print_guessed(work, account, file);
			break;
		case MR_PASSWORD_NO_TRIAL:
			print_untried(account, file);
			break;
		case MR_PASSWORD_NOT_GUESSED:
		case MR_PASSWORD_SHUT:
			break;
		}
	}
	print_schemes(work, file);
	print_summary(work, progress);
}

/* ---- JSON ---- */

json_t *mr_password_login(const struct mr_password_account *account)
{
	json_t *text = json_string(account->login);
	char room[NAME_ROOM];

	return text != NULL ? text : json_string(mr_safe(account->login, room, sizeof(room)));
}

static void add_how(json_t *object, const struct mr_password_work *work, const struct mr_password_account *account)
{
	struct mr_password_how how;
	char room[NAME_ROOM];

	mr_password_work_how(work, account, atomic_load(&account->found) - 1, &how);
	if (how.list != NULL) {
		json_t *list = json_string(how.list);

		json_object_set_new(object, "list",
				    list != NULL ? list : json_string(mr_safe(how.list, room, sizeof(room))));
		json_object_set_new(object, "rank", json_integer((json_int_t)how.rank));
	} else {
		json_object_set_new(object, "source", json_string(how.source));
	}
	if (how.form[0] != '\0')
		json_object_set_new(object, "form", json_string(how.form));
	if (how.ending[0] != '\0')
		json_object_set_new(object, "ending", json_string(how.ending));
}

static void print_account(const struct mr_password_work *work, const struct mr_password_account *account)
{
	static const char *const results[] = { "guessed", "not-guessed", "locked", "not-tried" };
	enum mr_password_result result = mr_password_result_of(account);
	json_t *object = json_pack("{s:o, s:I, s:s, s:s}", "account", mr_password_login(account), "line",
				   (json_int_t)account->line, "scheme", account->hash.scheme, "result", results[result]);

	if (result == MR_PASSWORD_GUESSED)
		add_how(object, work, account);
	if (result == MR_PASSWORD_NO_TRIAL)
		json_object_set_new(object, "why", json_string(fault_of(account)));
	if (account->hash.weak != NULL)
		json_object_set_new(object, "weak_scheme", json_string(account->hash.weak));
	(void)mr_print_json(object);
	json_decref(object);
}

void mr_password_report_json(struct mr_password_work *work, const struct mr_password_progress *progress)
{
	json_t *summary;

	for (size_t i = 0; i < mr_password_work_accounts(work); i++)
		print_account(work, mr_password_work_account(work, i));
	summary = json_pack("{s:{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:f, s:b}}", "summary", "accounts",
			    (json_int_t)mr_password_work_accounts(work), "guessed",
			    (json_int_t)mr_password_count(work, MR_PASSWORD_GUESSED), "not_guessed",
			    (json_int_t)mr_password_count(work, MR_PASSWORD_NOT_GUESSED), "locked",
			    (json_int_t)mr_password_count(work, MR_PASSWORD_SHUT), "not_tried",
			    (json_int_t)mr_password_count(work, MR_PASSWORD_NO_TRIAL), "faulty_lines",
			    (json_int_t)mr_password_work_faults(work), "tries", (json_int_t)progress->tries, "seconds",
			    progress->seconds, "complete", (int)progress->complete);
	(void)mr_print_json(summary);
	json_decref(summary);
}
