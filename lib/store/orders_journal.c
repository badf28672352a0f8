/*
 * The journal in memory: a ring of the latest orders, for whoever wants to look at them. The longer one is on disk
 * and is not read here. Filled by orders.c and by store.c at the start.
 */
#include "store/orders_parts.h"

#include "base/alloc.h"

enum { KEPT = 1024 }; /* orders in memory */

static bool grow_kept(struct mr_orders *orders)
{
	size_t room = orders->kept_room == 0 ? 16 : orders->kept_room * 2;
	struct mr_order *kept;

	if (orders->kept_count < orders->kept_room || orders->kept_room == KEPT)
		return true;
	kept = mr_realloc(orders->kept, room, sizeof(*kept));
	if (kept == NULL)
		return orders->kept_room > 0;
	/* It never went round before it is full, so the order of what is in it stays. */
	orders->kept = kept;
	orders->kept_room = room;
	orders->kept_next = orders->kept_count;
	return true;
}

void mr_orders_keep(struct mr_orders *orders, const struct mr_order *order)
{
	if (!grow_kept(orders))
		return;
	if (orders->kept_next == orders->kept_room)
		orders->kept_next = 0;
	orders->kept[orders->kept_next++] = *order;
	if (orders->kept_count < orders->kept_room)
		orders->kept_count++;
}

void mr_orders_restore(struct mr_orders *orders, const struct mr_order *order)
{
	pthread_mutex_lock(&orders->lock);
	mr_orders_keep(orders, order);
	if (order->number > orders->last_number)
		orders->last_number = order->number;
	pthread_mutex_unlock(&orders->lock);
}

void mr_store_orders(struct mr_store *store, mr_order_look *look, void *context)
{
	struct mr_orders *orders = store->orders;
	struct mr_order *copy;
	size_t count, next;

	pthread_mutex_lock(&orders->lock);
	count = orders->kept_count;
	next = orders->kept_next;
	copy = count == 0 ? NULL : mr_calloc(count, sizeof(*copy));
	for (size_t i = 0; copy != NULL && i < count; i++) {
		next = next == 0 ? orders->kept_count - 1 : next - 1;
		copy[i] = orders->kept[next];
	}
	pthread_mutex_unlock(&orders->lock);
	for (size_t i = 0; copy != NULL && i < count && look(context, &copy[i]); i++)
		;
	mr_free(copy);
}
