/*
 * A small table of what was told, searched from end to end: it holds a few hundred, and is asked a few times a second.
 */
#include "repeats.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEY_MAX = 200 };

struct told {
	char key[KEY_MAX];       /* "" for a free place */
	uint64_t hash;           /* of the whole key, which may have been longer */
	int64_t until_ms;
	uint64_t more;           /* counted since */
	struct mr_notice *last;  /* of those */
};

struct mr_repeats {
	struct told *told;
	size_t room;
};

int mr_repeats_new(size_t room, struct mr_repeats **repeats_r)
{
	struct mr_repeats *repeats = calloc(1, sizeof(*repeats));

	*repeats_r = NULL;
	if (repeats != NULL)
		repeats->told = calloc(room, sizeof(*repeats->told));
	if (repeats == NULL || repeats->told == NULL) {
		free(repeats);
		return -1;
	}
	repeats->room = room;
	*repeats_r = repeats;
	return 0;
}

void mr_repeats_free(struct mr_repeats **repeats)
{
	for (size_t i = 0; *repeats != NULL && i < (*repeats)->room; i++)
		mr_notice_free(&(*repeats)->told[i].last);
	if (*repeats != NULL)
		free((*repeats)->told);
	free(*repeats);
	*repeats = NULL;
}

/* FNV-1a: only tells long names apart, and whoever made two alike would hide his own alert behind his own. */
static uint64_t hash_of(uint64_t hash, const char *text)
{
	for (; *text != '\0'; text++)
		hash = (hash ^ (unsigned char)*text) * 1099511628211u;
	return (hash ^ '\n') * 1099511628211u;
}

/* The same kind: the same action for the same reason about the same account or client. */
static uint64_t key_of(const struct mr_notice *notice, const char *action, char key_r[KEY_MAX])
{
	const char *reason = mr_notice_is_step(notice) ? "" : mr_notice_text(notice, MR_NOTICE_REASON);
	const char *whom = mr_notice_whom(notice);
	uint64_t hash = hash_of(hash_of(hash_of(14695981039346656037u, action), reason), whom);

	(void)snprintf(key_r, KEY_MAX, "%s %s %s", action, reason, whom);
	return hash;
}

static struct told *find(const struct mr_repeats *repeats, const char *key, uint64_t hash)
{
	for (size_t i = 0; i < repeats->room; i++)
		if (repeats->told[i].hash == hash && strcmp(repeats->told[i].key, key) == 0)
			return &repeats->told[i];
	return NULL;
}

static void forget(struct told *told)
{
	mr_notice_free(&told->last);
	*told = (struct told){ 0 };
}

static void forget_kind(struct mr_repeats *repeats, const struct mr_notice *notice, const char *action)
{
	char key[KEY_MAX];
	uint64_t hash = key_of(notice, action, key);
	struct told *told = find(repeats, key, hash);

	if (told != NULL)
		forget(told);
}

/* The end of an incident makes its steps news again, and a step its end. */
static void turn(struct mr_repeats *repeats, const struct mr_notice *notice)
{
	static const char *const steps[] = { "account-watched", "account-held", "account-frozen", "source-blocked" };
	static const char *const ends[] = { "account-thawed", "source-unblocked" };
	const char *action = mr_notice_text(notice, MR_NOTICE_ACTION);
	bool ends_it = strcmp(action, ends[0]) == 0 || strcmp(action, ends[1]) == 0;

	if (!mr_notice_is_step(notice))
		return;
	for (size_t i = 0; ends_it && i < sizeof(steps) / sizeof(steps[0]); i++)
		forget_kind(repeats, notice, steps[i]);
	for (size_t i = 0; !ends_it && i < sizeof(ends) / sizeof(ends[0]); i++)
		forget_kind(repeats, notice, ends[i]);
}

/* A free place, or that of the oldest. */
static struct told *make_place(struct mr_repeats *repeats)
{
	struct told *oldest = &repeats->told[0];

	for (size_t i = 0; i < repeats->room; i++) {
		if (repeats->told[i].key[0] == '\0')
			return &repeats->told[i];
		if (repeats->told[i].until_ms < oldest->until_ms)
			oldest = &repeats->told[i];
	}
	return oldest;
}

/* The last one that was counted, with the number of the others; the caller's. */
static struct mr_notice *take_last(struct told *told)
{
	struct mr_notice *last = told->last;

	if (last != NULL)
		mr_notice_repeat(last, told->more - 1);
	told->last = NULL;
	told->more = 0;
	return last;
}

struct mr_notice *mr_repeats_take(struct mr_repeats *repeats, struct mr_notice *notice, int64_t now_ms,
				  int64_t interval_ms)
{
	char key[KEY_MAX];
	uint64_t hash = key_of(notice, mr_notice_text(notice, MR_NOTICE_ACTION), key);
	struct told *told = find(repeats, key, hash);

	turn(repeats, notice);
	if (told != NULL && now_ms < told->until_ms) {
		if (mr_notice_is_step(notice)) {
			mr_notice_free(&notice);
			return NULL;
		}
		mr_notice_free(&told->last);
		told->last = notice;
		told->more++;
		return NULL;
	}
	if (told == NULL)
		told = make_place(repeats);
	mr_notice_repeat(notice, told->hash == hash ? told->more : 0);
	forget(told);
	memcpy(told->key, key, sizeof(key));
	told->hash = hash;
	told->until_ms = now_ms + interval_ms;
	return notice;
}

struct mr_notice *mr_repeats_due(struct mr_repeats *repeats, int64_t now_ms, int64_t interval_ms)
{
	for (size_t i = 0; i < repeats->room; i++) {
		struct told *told = &repeats->told[i];

		if (told->key[0] == '\0' || now_ms < told->until_ms)
			continue;
		if (told->last == NULL) {
			forget(told);
			continue;
		}
		told->until_ms = now_ms + interval_ms;
		return take_last(told);
	}
	return NULL;
}

int64_t mr_repeats_next(const struct mr_repeats *repeats)
{
	int64_t next = INT64_MAX;

	for (size_t i = 0; i < repeats->room; i++)
		if (repeats->told[i].last != NULL && repeats->told[i].until_ms < next)
			next = repeats->told[i].until_ms;
	return next;
}
