/*
 * Sliding windows over memory that the caller keeps. What the numbers mean is in rates.c. PURE.
 * Called by rates.c.
 */
#include "core/window.h"

#include <string.h>

/* One more than the pieces of a window: the oldest, partly expired one is counted whole. */
enum { RING = MR_WINDOW_PIECES + 1 };

/* At the start of the memory. */
struct head {
	int64_t piece;         /* number of the latest piece */
	int64_t refused_piece; /* of the last refusal */
	uint32_t refused;
	uint32_t used;         /* entries of a set */
};

/* A set: keys in ascending order, and for each the low bits of the number of the piece in which it was seen last. */
struct set {
	struct head *head;
	uint32_t *keys;
	uint8_t *stamps;
	size_t room;
};

enum { ENTRY_BYTES = sizeof(uint32_t) + sizeof(uint8_t), ROOM_LEAST = 16, ROOM_MOST = 65536 };

static bool is_set(enum mr_metric_form form)
{
	switch (form) {
	case MR_FORM_COUNT:
	case MR_FORM_BYTES:
		break;
	case MR_FORM_DISTINCT:
	case MR_FORM_ALIKE:
		return true;
	}
	return false;
}

size_t mr_window_size(enum mr_metric_form form, uint64_t most)
{
	uint64_t wanted = form == MR_FORM_ALIKE && most < ROOM_MOST ? most * 2 : most;
	size_t room = ROOM_LEAST;

	if (!is_set(form)) {
		size_t size = sizeof(struct head) +
			      RING * (form == MR_FORM_BYTES ? sizeof(uint64_t) : sizeof(uint32_t));

		return (size + 7) / 8 * 8;
	}
	while (room <= wanted && room < ROOM_MOST)
		room *= 4;
	return sizeof(struct head) + room * ENTRY_BYTES;
}

static int64_t piece_length(int64_t length_ms)
{
	int64_t length = length_ms / MR_WINDOW_PIECES + (length_ms % MR_WINDOW_PIECES > 0);

	return length > 0 ? length : 1;
}

int64_t mr_window_reach(int64_t length_ms)
{
	return piece_length(length_ms) * RING;
}

static struct set set_of(const struct mr_window *window)
{
	struct set set = { .head = window->memory, .room = (window->size - sizeof(struct head)) / ENTRY_BYTES };

	set.keys = (uint32_t *)(set.head + 1);
	set.stamps = (uint8_t *)(set.keys + set.room);
	return set;
}

/* ---- Time ---- */

static void empty(const struct mr_window *window, int64_t piece)
{
	struct head *head = window->memory;

	memset(window->memory, 0, window->size);
	head->piece = piece;
}

static unsigned age_of(const struct set *set, size_t i)
{
	return (uint8_t)((uint64_t)set->head->piece - set->stamps[i]);
}

/* Takes out the entries that are older than keep pieces, and the first extra of those that are just so old. */
static void purge(struct set *set, unsigned keep, size_t extra)
{
	size_t out = 0;

	for (size_t i = 0; i < set->head->used; i++) {
		unsigned age = age_of(set, i);

		if (age > keep || (age == keep && extra > 0)) {
			extra -= age == keep;
			continue;
		}
		set->keys[out] = set->keys[i];
		set->stamps[out++] = set->stamps[i];
	}
	set->head->used = (uint32_t)out;
}

static void forget(const struct mr_window *window, int64_t from, int64_t to)
{
	struct head *head = window->memory;

	head->piece = to;
	if (is_set(window->form)) {
		struct set set = set_of(window);

		purge(&set, MR_WINDOW_PIECES, 0);
		return;
	}
	for (int64_t piece = from + 1; piece <= to; piece++) {
		if (window->form == MR_FORM_BYTES)
			((uint64_t *)(head + 1))[piece % RING] = 0;
		else
			((uint32_t *)(head + 1))[piece % RING] = 0;
	}
}

/* Brings the window to now; its latest piece is head->piece then. */
static struct head *advance(const struct mr_window *window, int64_t now_ms)
{
	struct head *head = window->memory;
	int64_t piece = now_ms > 0 ? now_ms / piece_length(window->length_ms) : 0;
	bool sane = head->piece >= 0 && head->piece - MR_WINDOW_PIECES <= piece;

	if (is_set(window->form) && head->used > set_of(window).room)
		sane = false;
	if (!sane) {
		empty(window, piece);
	} else if (piece - head->piece >= RING) {
		empty(window, piece);
	} else if (piece > head->piece) {
		forget(window, head->piece, piece);
	}
	if (head->refused_piece < 0 || head->refused_piece > head->piece) {
		head->refused_piece = 0; /* no refusal of ours */
		head->refused = 0;
	}
	return head;
}

/* ---- Numbers ---- */

static uint64_t add_up(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static uint64_t sum(const struct mr_window *window)
{
	const struct head *head = window->memory;
	uint64_t total = 0;

	if (window->form == MR_FORM_BYTES) {
		for (size_t i = 0; i < RING; i++)
			total = add_up(total, ((const uint64_t *)(head + 1))[i]);
		return total;
	}
	for (size_t i = 0; i < RING; i++)
		total += ((const uint32_t *)(head + 1))[i];
	return total;
}

static void add_number(const struct mr_window *window, const struct head *head, uint64_t number)
{
	size_t at = (size_t)(head->piece % RING);

	if (window->form == MR_FORM_BYTES) {
		uint64_t *cell = (uint64_t *)((char *)window->memory + sizeof(*head)) + at;

		*cell = add_up(*cell, number);
	} else {
		uint32_t *cell = (uint32_t *)((char *)window->memory + sizeof(*head)) + at;

		*cell = number > UINT32_MAX - *cell ? UINT32_MAX : *cell + (uint32_t)number;
	}
}

/* ---- Sets ---- */

/* The first of the keys from begin to end that is not less than key, or end. Ends for keys in any order. Without
 * branches that depend on keys: nobody can foretell them. */
static size_t find(const struct set *set, size_t begin, size_t end, uint32_t key)
{
	size_t left = end - begin;

	while (left > 0) {
		size_t half = left / 2;
		size_t less = set->keys[begin + half] < key;

		begin += less * (half + 1);
		left = half - less * (1 - left % 2);
	}
	return begin;
}

static bool holds(const struct set *set, size_t at, uint32_t key)
{
	return at < set->head->used && set->keys[at] == key;
}

static size_t count_new(const struct set *set, const struct mr_amount *amount)
{
	size_t at = 0, fresh = 0;

	for (size_t i = 0; i < amount->item_count; i++) {
		at = find(set, at, set->head->used, amount->items[i]);
		fresh += !holds(set, at, amount->items[i]);
	}
	return fresh;
}

/* Takes out the count entries that were seen longest ago. */
static void drop_oldest(struct set *set, size_t count)
{
	size_t by_age[UINT8_MAX + 1] = { 0 };
	unsigned age = UINT8_MAX;

	for (size_t i = 0; i < set->head->used; i++)
		by_age[age_of(set, i)]++;
	while (age > 0 && by_age[age] <= count)
		count -= by_age[age--];
	purge(set, age, count);
}

static void move(struct set *set, size_t from, size_t to, size_t count)
{
	memmove(set->keys + to, set->keys + from, count * sizeof(*set->keys));
	memmove(set->stamps + to, set->stamps + from, count);
}

/* Puts the items in, from the last to the first, so that each entry moves once. */
static void add_items(struct set *set, const uint32_t *items, size_t count, size_t fresh)
{
	size_t end = set->head->used;
	uint8_t stamp = (uint8_t)set->head->piece;

	set->head->used = (uint32_t)(end + fresh);
	for (size_t i = count; i > 0; i--) {
		size_t at = find(set, 0, end, items[i - 1]);
		bool there = at < end && set->keys[at] == items[i - 1];

		move(set, at, at + fresh, end - at);
		if (there) {
			set->stamps[at + fresh] = stamp;
		} else if (fresh > 0) {
			fresh--;
			set->keys[at + fresh] = items[i - 1];
			set->stamps[at + fresh] = stamp;
		}
		end = at;
	}
}

/* Marks the items that are there as seen now. How many are not there. */
static size_t touch(struct set *set, const uint32_t *items, size_t count)
{
	size_t at = 0, fresh = 0;

	for (size_t i = 0; i < count; i++) {
		at = find(set, at, set->head->used, items[i]);
		if (holds(set, at, items[i]))
			set->stamps[at] = (uint8_t)set->head->piece;
		else
			fresh++;
	}
	return fresh;
}

static void add_distinct(struct set *set, const struct mr_amount *amount)
{
	size_t count = amount->item_count < set->room ? amount->item_count : set->room;
	size_t fresh = touch(set, amount->items, count);

	if (set->head->used + fresh > set->room) {
		drop_oldest(set, set->head->used + fresh - set->room);
		fresh = touch(set, amount->items, count);
	}
	if (set->head->used + fresh > set->room) {
		/* Nothing older was left to drop, so that items went too. */
		set->head->used = 0;
		fresh = count;
	}
	add_items(set, amount->items, count, fresh);
}

/* Sizes as keys: the bits of a positive float are in the order of its value (IEEE 754). */
static uint32_t key_of_size(double size)
{
	float value = (float)size;
	uint32_t key;

	memcpy(&key, &value, sizeof(key));
	return key;
}

static uint64_t count_alike(const struct set *set, uint64_t size)
{
	const double tolerance = 1.012;
	size_t first = find(set, 0, set->head->used, key_of_size((double)size / tolerance));
	uint32_t last = key_of_size((double)size * tolerance);

	return find(set, first, set->head->used, last + 1) - first;
}

static void add_size(struct set *set, uint64_t size)
{
	uint32_t key = key_of_size((double)size);
	size_t at;

	if (set->head->used == set->room)
		drop_oldest(set, 1);
	at = find(set, 0, set->head->used, key);
	move(set, at, at + 1, set->head->used - at);
	set->keys[at] = key;
	set->stamps[at] = (uint8_t)set->head->piece;
	set->head->used++;
}

/* ---- All forms ---- */

uint64_t mr_window_would(const struct mr_window *window, int64_t now_ms, const struct mr_amount *amount,
			 uint64_t *new_r)
{
	struct set set;

	advance(window, now_ms);
	*new_r = amount->number;
	switch (window->form) {
	case MR_FORM_COUNT:
	case MR_FORM_BYTES:
		break;
	case MR_FORM_DISTINCT:
		set = set_of(window);
		*new_r = count_new(&set, amount);
		return set.head->used + *new_r;
	case MR_FORM_ALIKE:
		set = set_of(window);
		*new_r = 1;
		return count_alike(&set, amount->number) + 1;
	}
	return add_up(sum(window), amount->number);
}

void mr_window_add(const struct mr_window *window, int64_t now_ms, const struct mr_amount *amount)
{
	struct head *head = advance(window, now_ms);
	struct set set;

	switch (window->form) {
	case MR_FORM_COUNT:
	case MR_FORM_BYTES:
		add_number(window, head, amount->number);
		break;
	case MR_FORM_DISTINCT:
		set = set_of(window);
		add_distinct(&set, amount);
		break;
	case MR_FORM_ALIKE:
		set = set_of(window);
		add_size(&set, amount->number);
		break;
	}
}

void mr_window_give_back(const struct mr_window *window, int64_t now_ms, const struct mr_amount *amount)
{
	const struct head *head = advance(window, now_ms);
	size_t at = (size_t)(head->piece % RING);
	uint64_t *big = (uint64_t *)((char *)window->memory + sizeof(*head)) + at;
	uint32_t *small = (uint32_t *)((char *)window->memory + sizeof(*head)) + at;

	if (window->form == MR_FORM_BYTES)
		*big -= amount->number < *big ? amount->number : *big;
	else if (window->form == MR_FORM_COUNT)
		*small -= amount->number < *small ? (uint32_t)amount->number : *small;
}

uint32_t mr_window_refused(const struct mr_window *window, int64_t now_ms)
{
	const struct head *head = advance(window, now_ms);

	return head->piece - head->refused_piece <= MR_WINDOW_PIECES ? head->refused : 0;
}

uint32_t mr_window_refuse(const struct mr_window *window, int64_t now_ms)
{
	uint32_t before = mr_window_refused(window, now_ms);
	struct head *head = window->memory;

	head->refused = before < UINT32_MAX ? before + 1 : before;
	head->refused_piece = head->piece;
	return head->refused;
}
