/*
 * See passwordwork.h. Positions are candidates, in stages: the head of the list, what is made of login, name and domain,
 * what is made of words that many use, the list's head with a capital letter, the rest of the list.
 * Reading is in passwordaccounts.c. Called by passwordaudit.c and passwordcrew.c.
 */
#include "passwordwork.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "passwordparts.h"

enum { HEAD = 200, CAPITAL_WORDS = 1000 };

static const char *const capital_endings[] = { "", "1", "!" };
enum { CAPITAL_ENDINGS = sizeof(capital_endings) / sizeof(capital_endings[0]) };

/* ---- Planning ---- */

static int by_salt(const void *a, const void *b)
{
	const struct mr_password_account *x = *(struct mr_password_account *const *)a;
	const struct mr_password_account *y = *(struct mr_password_account *const *)b;
	int order = mr_password_hash_order(&x->hash, &y->hash);
	size_t least = x->hash.digest_n < y->hash.digest_n ? x->hash.digest_n : y->hash.digest_n;

	if (order == 0 && least > 0)
		order = memcmp(x->hash.digest, y->hash.digest, least);
	if (order == 0 && x->hash.digest_n != y->hash.digest_n)
		order = x->hash.digest_n < y->hash.digest_n ? -1 : 1;
	return order != 0 ? order : x->line < y->line ? -1 : x->line > y->line;
}

static bool can_be_tried(const struct mr_password_account *account)
{
	return account->hash.kind != MR_PASSWORD_UNTRIED && account->hash.kind != MR_PASSWORD_LOCKED;
}

static int group(struct mr_password_work *work)
{
	size_t n = 0;

	work->order = calloc(work->n + 1, sizeof(struct mr_password_account *));
	work->groups = calloc(work->n + 1, sizeof(struct mr_password_group));
	if (work->order == NULL || work->groups == NULL)
		return -1;
	for (size_t i = 0; i < work->n; i++)
		if (can_be_tried(work->accounts[i]))
			work->order[n++] = work->accounts[i];
	qsort(work->order, n, sizeof(work->order[0]), by_salt);
	for (size_t i = 0; i < n; i++) {
		struct mr_password_group *last = work->groups_n > 0 ? &work->groups[work->groups_n - 1] : NULL;

		if (last == NULL || mr_password_hash_order(&work->order[last->begin]->hash, &work->order[i]->hash) != 0) {
			last = &work->groups[work->groups_n++];
			last->begin = i;
		}
		last->end = i + 1;
		atomic_fetch_add(&last->live, 1);
	}
	return 0;
}

int mr_password_work_plan(struct mr_password_work *work, const struct mr_password_list *list, int year,
			  bool only_lists)
{
	size_t words = mr_password_list_count(list), at = 0, sets = mr_password_stock_sets(), own = 0;
	size_t capitals = only_lists ? 0 : words < CAPITAL_WORDS ? words : CAPITAL_WORDS;

	work->list = list;
	work->year = year;
	if (group(work) != 0)
		return -1;
	for (size_t g = 0; g < work->groups_n && !only_lists; g++)
		for (size_t i = work->groups[g].begin; i < work->groups[g].end; i++) {
			size_t count = mr_password_vary_count(&work->order[i]->words);

			work->weight += (double)count;
			own = count > own ? count : own;
		}
	work->stage[MR_PASSWORD_HEAD] = at;
	at += words < HEAD ? words : HEAD;
	work->stage[MR_PASSWORD_OWN] = at;
	at += own;
	work->stage[MR_PASSWORD_STOCK] = at;
	work->stock = calloc(sets, sizeof(struct mr_password_words));
	if (work->stock == NULL)
		return -1;
	for (size_t s = 0; s < sets && !only_lists; s++) {
		mr_password_stock(s, &work->stock[s]);
		at += mr_password_vary_count(&work->stock[s]);
	}
	work->stage[MR_PASSWORD_CAPITAL] = at;
	at += capitals * CAPITAL_ENDINGS;
	work->stage[MR_PASSWORD_REST] = at;
	at += words > HEAD ? words - HEAD : 0;
	work->stage[MR_PASSWORD_STAGES] = at;
	work->weight += (double)(at - own) * (double)work->groups_n;
	return 0;
}

void mr_password_work_mark(const struct mr_password_work *work, unsigned char mark_r[32])
{
	unsigned char parts[64 + 4 * (MR_PASSWORD_STAGES + 2)] = { 0 };

	memcpy(parts, work->file_mark, 32);
	mr_password_list_mark(work->list, parts + 32);
	for (unsigned s = 0; s <= MR_PASSWORD_STAGES; s++)
		for (unsigned b = 0; b < 4; b++)
			parts[64 + 4 * s + b] = (unsigned char)(work->stage[s] >> (8 * b));
	for (unsigned b = 0; b < 4; b++)
		parts[sizeof(parts) - 4 + b] = (unsigned char)((unsigned)work->year >> (8 * b));
	(void)crypto_generichash(mark_r, 32, parts, sizeof(parts), NULL, 0);
}

int mr_password_work_year(const struct mr_password_work *work)
{
	return work->year;
}

size_t mr_password_work_units(const struct mr_password_work *work)
{
	return work->stage[MR_PASSWORD_STAGES] * work->groups_n;
}

double mr_password_work_weight(const struct mr_password_work *work)
{
	return work->weight;
}

/* ---- Candidates that belong to no account ---- */

static enum mr_password_stage stage_of(const struct mr_password_work *work, size_t position)
{
	enum mr_password_stage stage = MR_PASSWORD_HEAD;

	while (stage + 1 < MR_PASSWORD_STAGES && position >= work->stage[stage + 1])
		stage = (enum mr_password_stage)(stage + 1);
	return stage;
}

/* The set of a position among the stock, which moves to the position in it. */
static const struct mr_password_words *stock_at(const struct mr_password_work *work, size_t *position)
{
	size_t set = 0;

	while (*position >= mr_password_vary_count(&work->stock[set])) {
		*position -= mr_password_vary_count(&work->stock[set]);
		set++;
	}
	return &work->stock[set];
}

static bool capital_word(const struct mr_password_work *work, size_t at, char *room, size_t *n_r)
{
	const char *ending = capital_endings[at % CAPITAL_ENDINGS];
	size_t n, ending_n = strlen(ending);
	const char *word = mr_password_list_at(work->list, at / CAPITAL_ENDINGS, &n);

	if (!islower((unsigned char)word[0]) || n + ending_n > MR_PASSWORD_TRY_MAX)
		return false;
	memcpy(room, word, n);
	room[0] = (char)toupper((unsigned char)room[0]);
	memcpy(room + n, ending, ending_n);
	*n_r = n + ending_n;
	return true;
}

/* false: there is none, or it is the list's matter. */
static bool shared_candidate(const struct mr_password_work *work, size_t position, char *room, size_t *n_r)
{
	enum mr_password_stage stage = stage_of(work, position);
	size_t at = position - work->stage[stage], found;
	const struct mr_password_words *words;
	const char *word;

	switch (stage) {
	case MR_PASSWORD_HEAD:
	case MR_PASSWORD_REST:
		word = mr_password_list_at(work->list, stage == MR_PASSWORD_REST ? at + HEAD : at, n_r);
		memcpy(room, word, *n_r);
		return true;
	case MR_PASSWORD_STOCK:
		words = stock_at(work, &at);
		return mr_password_vary(words, at, work->year, room, MR_PASSWORD_TRY_MAX, n_r) &&
		       !mr_password_list_find(work->list, room, *n_r, &found);
	case MR_PASSWORD_CAPITAL:
		return capital_word(work, at, room, n_r) && !mr_password_list_find(work->list, room, *n_r, &found);
	case MR_PASSWORD_OWN:
	case MR_PASSWORD_STAGES:
		return false;
	}
	return false;
}

/* ---- Trying ---- */

static int compare(const struct mr_password_account *account, const unsigned char *digest, size_t n)
{
	size_t least = account->hash.digest_n < n ? account->hash.digest_n : n;
	int order = least > 0 ? memcmp(account->hash.digest, digest, least) : 0;

	return order != 0 ? order : account->hash.digest_n < n ? -1 : account->hash.digest_n > n;
}

static void find(struct mr_password_group *group, struct mr_password_account *account, size_t position)
{
	size_t none = 0;

	if (atomic_compare_exchange_strong(&account->found, &none, position + 1))
		atomic_fetch_sub(&group->live, 1);
}

static void damage(struct mr_password_work *work, struct mr_password_group *group)
{
	for (size_t i = group->begin; i < group->end; i++)
		atomic_store(&work->order[i]->damaged, true);
	atomic_store(&group->live, 0);
}

/* All of a group whose digest this is: they lie side by side. */
static void find_all(struct mr_password_work *work, struct mr_password_group *group, size_t position,
		     const unsigned char *digest, size_t n)
{
	size_t low = group->begin, high = group->end;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare(work->order[middle], digest, n) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < group->end && compare(work->order[low], digest, n) == 0; low++)
		find(group, work->order[low], position);
}

static uint64_t try_shared(struct mr_password_work *work, struct mr_password_group *group, size_t position,
			   struct mr_password_room *room)
{
	char candidate[MR_PASSWORD_TRY_MAX];
	const unsigned char *digest;
	size_t n, digest_n;

	if (!shared_candidate(work, position, candidate, &n))
		return 0;
	switch (mr_password_try(&work->order[group->begin]->hash, candidate, n, room, &digest, &digest_n)) {
	case MR_PASSWORD_MADE:
		find_all(work, group, position, digest, digest_n);
		return 1;
	case MR_PASSWORD_NOT_IT:
		return 1;
	case MR_PASSWORD_DAMAGED:
		damage(work, group);
		return 0;
	}
	return 0;
}

static uint64_t try_own(struct mr_password_work *work, struct mr_password_group *group, size_t position,
			struct mr_password_account *account, struct mr_password_room *room)
{
	char candidate[MR_PASSWORD_TRY_MAX];
	size_t n, digest_n, on_list;
	const unsigned char *digest;
	enum mr_password_outcome outcome;

	if (atomic_load_explicit(&account->found, memory_order_relaxed) != 0 ||
	    !mr_password_vary(&account->words, position - work->stage[MR_PASSWORD_OWN], work->year, candidate,
			      sizeof(candidate), &n))
		return 0;
	if (mr_password_list_find(work->list, candidate, n, &on_list) && on_list < HEAD)
		return 0;
	outcome = mr_password_try(&account->hash, candidate, n, room, &digest, &digest_n);
	if (outcome == MR_PASSWORD_MADE && compare(account, digest, digest_n) == 0)
		find(group, account, position);
	if (outcome == MR_PASSWORD_DAMAGED)
		damage(work, group);
	return 1;
}

uint64_t mr_password_work_do(struct mr_password_work *work, size_t unit, struct mr_password_room *room,
			     const _Atomic bool *stop, double *weight_r)
{
	size_t position = unit / work->groups_n;
	struct mr_password_group *group = &work->groups[unit % work->groups_n];
	bool own = position >= work->stage[MR_PASSWORD_OWN] && position < work->stage[MR_PASSWORD_STOCK];
	uint64_t tries = 0;

	*weight_r = own ? 0 : 1;
	if (!own)
		return atomic_load(&group->live) > 0 ? try_shared(work, group, position, room) : 0;
	for (size_t i = group->begin; i < group->end; i++) {
		struct mr_password_account *account = work->order[i];

		if (position - work->stage[MR_PASSWORD_OWN] >= mr_password_vary_count(&account->words))
			continue;
		*weight_r += 1;
		if (atomic_load_explicit(&group->live, memory_order_relaxed) > 0 &&
		    !atomic_load_explicit(stop, memory_order_relaxed))
			tries += try_own(work, group, position, account, room);
	}
	return tries;
}

bool mr_password_work_found(struct mr_password_work *work, size_t line, size_t position)
{
	if (position >= work->stage[MR_PASSWORD_STAGES])
		return false;
	for (size_t g = 0; g < work->groups_n; g++)
		for (size_t i = work->groups[g].begin; i < work->groups[g].end; i++)
			if (work->order[i]->line == line) {
				find(&work->groups[g], work->order[i], position);
				return true;
			}
	return false;
}

/* ---- Explaining ---- */

void mr_password_work_how(const struct mr_password_work *work, const struct mr_password_account *account,
			  size_t position, struct mr_password_how *how_r)
{
	enum mr_password_stage stage = stage_of(work, position);
	size_t at = position - work->stage[stage];
	const struct mr_password_words *words;

	*how_r = (struct mr_password_how){ .source = "", .form = "", .ending = "" };
	switch (stage) {
	case MR_PASSWORD_HEAD:
	case MR_PASSWORD_REST:
		how_r->list = mr_password_list_where(work->list, stage == MR_PASSWORD_REST ? at + HEAD : at, &how_r->rank);
		return;
	case MR_PASSWORD_OWN:
		mr_password_vary_how(&account->words, at, &how_r->source, &how_r->form, &how_r->ending);
		return;
	case MR_PASSWORD_STOCK:
		words = stock_at(work, &at);
		mr_password_vary_how(words, at, &how_r->source, &how_r->form, &how_r->ending);
		return;
	case MR_PASSWORD_CAPITAL:
		how_r->list = mr_password_list_where(work->list, at / CAPITAL_ENDINGS, &how_r->rank);
		how_r->form = "with a capital letter";
		how_r->ending = at % CAPITAL_ENDINGS == 0 ? "" : at % CAPITAL_ENDINGS == 1 ? "digits" : "a sign";
		return;
	case MR_PASSWORD_STAGES:
		return;
	}
}
