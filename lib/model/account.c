/* Whether what was read from a disk can be an account. Called by the store for every record that it loads. */
#include <string.h>

#include "model/account.h"
#include "model/vocabulary.h"

static bool is_standing_valid(const struct mr_standing *standing)
{
	return standing->state <= MR_ACCOUNT_FROZEN && standing->cause <= MR_CAUSE_EXPIRY && standing->external_only <= 1 &&
	       standing->reason < MR_REASON_COUNT &&
	       memchr(standing->event_id, '\0', sizeof(standing->event_id)) != NULL;
}

bool mr_account_valid(const struct mr_account *account)
{
	return account->kind <= MR_ACCOUNT_SENDER && account->known <= 1 && account->name_cut <= 1 &&
	       is_standing_valid(&account->standing);
}
