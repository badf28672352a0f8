/*
 * The memory of a table's records: slabs that are mapped when they are needed, and the records that were given back.
 * What is in a record, and who holds it, is not known here. Called by the files table*.c; all see records through it.
 */
#include "store/table_parts.h"

#include <string.h>
#include <sys/mman.h>

enum {
	SLAB_BYTES = 32 << 20,
	SMALL_SLAB_BYTES = 1 << 20,
};

static size_t slab_bytes(const struct mr_table *table)
{
	const size_t page = 4096, bytes = table->size << table->slab_shift;

	return bytes + (page - bytes % page) % page;
}

void mr_slabs_choose(struct mr_table *table)
{
	uint64_t all = table->capacity * table->size;
	size_t wanted = all > 64u * SMALL_SLAB_BYTES ? SLAB_BYTES : SMALL_SLAB_BYTES;

	while ((table->size << (table->slab_shift + 1)) <= wanted)
		table->slab_shift++;
	table->slab_count = (size_t)((table->capacity >> table->slab_shift) + 1);
}

void *mr_record_payload(struct mr_record *record)
{
	return record + 1;
}

struct mr_record *mr_record_of(void *payload)
{
	return (struct mr_record *)payload - 1;
}

struct mr_record *mr_table_at(const struct mr_table *table, uint32_t number)
{
	uint32_t at = number - 1;
	size_t inside = at & ((UINT32_C(1) << table->slab_shift) - 1);

	return (struct mr_record *)(void *)(table->slabs[at >> table->slab_shift] + inside * table->size);
}

static bool map_slab(struct mr_table *table, size_t slab)
{
	void *memory = mmap(NULL, slab_bytes(table), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (memory == MAP_FAILED)
		return false;
	if (table->size << table->slab_shift > SMALL_SLAB_BYTES)
		madvise(memory, slab_bytes(table), MADV_HUGEPAGE);
	table->slabs[slab] = memory;
	return true;
}

uint32_t mr_slabs_take(struct mr_table *table)
{
	uint32_t number = 0;

	pthread_mutex_lock(&table->room);
	if (table->free_head != 0) {
		number = table->free_head;
		table->free_head = mr_table_at(table, number)->next;
		memset(mr_table_at(table, number), 0, table->size);
	} else if (table->handed_out < table->capacity) {
		size_t slab = (size_t)(table->handed_out >> table->slab_shift);

		if (table->slabs[slab] != NULL || map_slab(table, slab)) {
			number = (uint32_t)++table->handed_out;
			atomic_fetch_add_explicit(&table->bytes, table->size, memory_order_relaxed);
		}
	}
	pthread_mutex_unlock(&table->room);
	return number;
}

void mr_slabs_give_back(struct mr_table *table, uint32_t number)
{
	pthread_mutex_lock(&table->room);
	mr_table_at(table, number)->next = table->free_head;
	table->free_head = number;
	pthread_mutex_unlock(&table->room);
}

void mr_slabs_unmap(struct mr_table *table)
{
	for (size_t i = 0; table->slabs != NULL && i < table->slab_count; i++) {
		if (table->slabs[i] != NULL)
			munmap(table->slabs[i], slab_bytes(table));
	}
}
