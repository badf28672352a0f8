/*
 * Which records of a shard were changed since they were written last. It writes nothing: behind_collect.c takes them
 * from here. Marked by records.c.
 */
#include "store/table_parts.h"

void mr_table_unchange(struct mr_table *table, struct mr_shard *shard, struct mr_record *record)
{
	if (record->changed_prev != 0)
		mr_table_at(table, record->changed_prev)->changed_next = record->changed_next;
	else
		shard->changed = record->changed_next;
	if (record->changed_next != 0)
		mr_table_at(table, record->changed_next)->changed_prev = record->changed_prev;
	record->flags &= (uint8_t)~MR_RECORD_CHANGED;
}

void mr_table_changed(struct mr_table *table, struct mr_shard *shard, struct mr_record *record)
{
	uint32_t number;

	if ((record->flags & MR_RECORD_CHANGED) != 0)
		return;
	number = mr_index_number(table, shard, record);
	record->flags |= MR_RECORD_CHANGED;
	record->changed_prev = 0;
	record->changed_next = shard->changed;
	if (shard->changed != 0)
		mr_table_at(table, shard->changed)->changed_prev = number;
	shard->changed = number;
}

void mr_table_change_all(struct mr_table *table)
{
	for (unsigned i = 0; i < table->shard_count; i++) {
		struct mr_shard *shard = &table->shards[i];

		pthread_mutex_lock(&shard->lock);
		for (uint32_t at = 0; shard->slots != NULL && at <= shard->mask; at++) {
			if (shard->slots[at].number != 0)
				mr_table_changed(table, shard, mr_table_at(table, shard->slots[at].number));
		}
		pthread_mutex_unlock(&shard->lock);
	}
}

struct mr_record *mr_table_next_changed(struct mr_table *table, struct mr_shard *shard)
{
	struct mr_record *record;

	if (shard->changed == 0)
		return NULL;
	record = mr_table_at(table, shard->changed);
	mr_table_unchange(table, shard, record);
	return record;
}
