/*
 * The channel client: the name that the mail program gives in HELO, with the listener that it came to. Called by
 * hijack.c.
 *
 * Model: the owner uses a client that this account used before, or a new one with her own learned share (prior 5 %).
 * A thief takes a client at random from what the whole site sees, or one of his own that nobody uses, half and half.
 * So a name that everybody has says nothing, the owner's own laptop speaks for her, and a name that nobody ever used
 * speaks against. Without a name: nothing.
 * Source: Clayton (2004), variety of HELO; access patterns of mail clients in Schäfer (2015).
 */
#include "core/hijack_parts.h"
#include "core/nats.h"

#define OWNER_NEW 0.05
#define THIEF_OWN 0.5
#define CLIENT_DOUBT 5e-2
#define CLIENT_LEAST (-2.0)

static struct mr_habit_client *find_client(struct mr_habit *habit, uint16_t mark)
{
	for (int i = 0; i < MR_HABIT_CLIENTS; i++)
		if (habit->client[i].client == mark)
			return &habit->client[i];
	return NULL;
}

/* Share of the site's messages that came with this client, from above: bins are shared. */
static double site_share(const struct mr_site *site, uint16_t mark)
{
	return mr_share((double)site->client[mark % MR_SITE_CLIENT_BINS], (double)site->clients,
			1.0 / MR_SITE_CLIENT_BINS, 50.0);
}

/* For how many days the account has been sending. */
static double known_days(const struct mr_weighing *w)
{
	return (double)(w->now_ms / MR_DAY_MS) - w->habit->first_day;
}

void mr_client_weigh(struct mr_weighing *w)
{
	struct mr_habit *habit = w->habit;
	double sum = mr_sum_get(habit, MR_SUM_CLIENT) * w->fade[MR_FADE_DAY];
	double nats = 0.0, all = 0.0;

	mr_sum_set(habit, MR_SUM_CLIENT, sum);
	if (!w->sending->authenticated || w->sending->client == 0)
		return;
	uint16_t mark = mr_mark_of(w->sending->client);
	const struct mr_habit_client *client = find_client(habit, mark);
	for (int i = 0; i < MR_HABIT_CLIENTS; i++)
		all += habit->client[i].weight;
	double thief = (1.0 - THIEF_OWN) * site_share(w->site, mark);
	if (client == NULL) {
		nats = mr_ln((THIEF_OWN + thief) / (OWNER_NEW + site_share(w->site, mark)));
		nats *= all < 20.0 ? all / 20.0 : 1.0;
		sum = sum > nats ? sum : nats;
	} else {
		double own = mr_share(client->weight, all, 0.0, 5.0);
		nats = mr_ln((site_share(w->site, mark) + 0.05) / (own + 0.05));
		nats = nats > 0.0 ? 0.0 : nats < CLIENT_LEAST ? CLIENT_LEAST : nats;
		if (sum > 0.0)
			nats = 0.0;
		nats *= known_days(w) < 3.0 ? known_days(w) / 3.0 : 1.0;
	}
	mr_sum_set(habit, MR_SUM_CLIENT, sum < 0.0 ? 0.0 : sum);
	double against = mr_capped(sum, mr_weighing_doubt(w, MR_CHANNEL_CLIENT, CLIENT_DOUBT));
	w->nats[MR_CHANNEL_CLIENT] = against > 0.0 ? against : nats;
}

void mr_client_learn(struct mr_weighing *w, struct mr_site *site)
{
	struct mr_habit *habit = w->habit;

	if (!w->calm || !w->sending->authenticated || w->sending->client == 0)
		return;
	uint16_t mark = mr_mark_of(w->sending->client);
	struct mr_habit_client *client = find_client(habit, mark), *least = &habit->client[0];
	float *bin = &site->client[mark % MR_SITE_CLIENT_BINS];
	*bin += 1.0F;
	site->clients += 1.0F;
	if (site->clients > 100000.0F) {
		for (int i = 0; i < MR_SITE_CLIENT_BINS; i++)
			site->client[i] *= 0.5F;
		site->clients *= 0.5F;
	}
	for (int i = 0; client == NULL && i < MR_HABIT_CLIENTS; i++)
		if (habit->client[i].weight < least->weight)
			least = &habit->client[i];
	if (client == NULL) {
		client = least;
		*client = (struct mr_habit_client){ .client = mark };
	}
	if (client->weight == UINT8_MAX)
		for (int i = 0; i < MR_HABIT_CLIENTS; i++)
			habit->client[i].weight /= 2;
	client->weight++;
	client->day = (uint8_t)(w->now_ms / MR_DAY_MS);
}
