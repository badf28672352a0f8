/*
 * Small named values: few, read and written seldom, so they are a list under one lock. Called by the engine through
 * store.h, and by behind_collect.c, which writes them.
 */
#include "store/internal.h"

#include <string.h>

#include "base/alloc.h"
#include "base/error.h"

enum { NAME_MOST = 64, VALUE_MOST = 256, NOTES_MOST = 4096 };

struct note {
	uint16_t n;
	uint8_t name_n;
	bool changed;
	char name[NAME_MOST];
	unsigned char value[VALUE_MOST];
};

struct mr_notes {
	pthread_mutex_t lock;
	struct note *notes; /* a removed one has n 0 and stays until its name is used again */
	size_t count, room;
};

struct mr_notes *mr_notes_new(void)
{
	struct mr_notes *notes = mr_calloc(1, sizeof(*notes));

	if (notes != NULL)
		pthread_mutex_init(&notes->lock, NULL);
	return notes;
}

void mr_notes_free(struct mr_notes **notes)
{
	if (*notes == NULL)
		return;
	pthread_mutex_destroy(&(*notes)->lock);
	mr_free((*notes)->notes);
	mr_free(*notes);
	*notes = NULL;
}

static struct note *find(struct mr_notes *notes, struct mr_str name)
{
	for (size_t i = 0; i < notes->count; i++) {
		if (notes->notes[i].name_n == name.n && memcmp(notes->notes[i].name, name.p, name.n) == 0)
			return &notes->notes[i];
	}
	return NULL;
}

/* Room for a new note: that of a removed one whose removal was written, or more. */
static int find_room(struct mr_notes *notes, struct note **note_r)
{
	for (size_t i = 0; i < notes->count; i++) {
		if (notes->notes[i].n == 0 && !notes->notes[i].changed) {
			*note_r = &notes->notes[i];
			return 0;
		}
	}
	if (notes->count == NOTES_MOST)
		return MR_ERR_FULL;
	if (notes->count == notes->room) {
		size_t room = notes->room == 0 ? 16 : notes->room * 2;
		struct note *more = mr_realloc(notes->notes, room, sizeof(*more));

		if (more == NULL)
			return MR_ERR_NOMEM;
		notes->notes = more;
		notes->room = room;
	}
	*note_r = &notes->notes[notes->count++];
	return 0;
}

static int put_locked(struct mr_notes *notes, struct mr_str name, const void *value, size_t n, bool changed)
{
	struct note *note = find(notes, name);
	int err;

	if (note == NULL) {
		if (n == 0)
			return 0;
		err = find_room(notes, &note);
		if (err != 0)
			return err;
		memset(note, 0, sizeof(*note));
		memcpy(note->name, name.p, name.n);
		note->name_n = (uint8_t)name.n;
	}
	if (n > 0)
		memcpy(note->value, value, n);
	note->n = (uint16_t)n;
	note->changed = changed;
	return 0;
}

int mr_notes_put(struct mr_notes *notes, struct mr_str name, const void *value, size_t n, bool changed)
{
	int err;

	if (name.n < 1 || name.n > NAME_MOST || n > VALUE_MOST)
		return MR_ERR_RANGE;
	pthread_mutex_lock(&notes->lock);
	err = put_locked(notes, name, value, n, changed);
	pthread_mutex_unlock(&notes->lock);
	return err;
}

bool mr_notes_collect(struct mr_notes *notes, mr_note_take *take, void *context)
{
	bool all = true;

	pthread_mutex_lock(&notes->lock);
	for (size_t i = 0; i < notes->count; i++) {
		struct note *note = &notes->notes[i];

		if (note->changed)
			note->changed = !take(context, note->name, note->name_n, note->value, note->n);
		all = all && !note->changed;
	}
	pthread_mutex_unlock(&notes->lock);
	return all;
}

void mr_notes_change_all(struct mr_notes *notes)
{
	pthread_mutex_lock(&notes->lock);
	for (size_t i = 0; i < notes->count; i++)
		notes->notes[i].changed = true;
	pthread_mutex_unlock(&notes->lock);
}

int mr_store_note_get(struct mr_store *store, struct mr_str name, void *value_r, size_t size, size_t *n_r)
{
	const struct note *note;
	int err = MR_ERR_NOTFOUND;

	pthread_mutex_lock(&store->notes->lock);
	note = name.n < 1 ? NULL : find(store->notes, name);
	if (note != NULL && note->n > size) {
		err = MR_ERR_RANGE;
	} else if (note != NULL && note->n > 0) {
		memcpy(value_r, note->value, note->n);
		*n_r = note->n;
		err = 0;
	}
	pthread_mutex_unlock(&store->notes->lock);
	return err;
}

int mr_store_note_set(struct mr_store *store, struct mr_str name, const void *value, size_t n)
{
	int err = mr_notes_put(store->notes, name, value, n, mr_store_writes(store));

	if (err == 0 && mr_store_writes(store))
		mr_behind_note(store->behind);
	return err;
}
