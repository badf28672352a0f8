/*
 * An order: a change of standing that must not be lost. Committed to disk before it is acknowledged. Plain data.
 */
#ifndef MR_MODEL_ORDER_H
#define MR_MODEL_ORDER_H

#include "model/account.h"
#include "model/source.h"

enum mr_order_kind { MR_ORDER_FREEZE, MR_ORDER_HOLD, MR_ORDER_THAW, MR_ORDER_BLOCK, MR_ORDER_UNBLOCK };

enum { MR_ORDER_SUBJECT_MAX = 256, MR_ORDER_OPERATOR_MAX = 64, MR_ORDER_REASON_MAX = 128 };

/* One entry of the journal of orders. Texts are NUL-ended and hold no control bytes. */
struct mr_order {
	uint64_t number;       /* from 1, given by the store */
	int64_t time_ms;       /* state time */
	int64_t until_ms;      /* 0: no end */
	uint8_t kind;          /* enum mr_order_kind */
	uint8_t cause;         /* enum mr_account_cause */
	uint16_t rule;         /* enum mr_rule that asked for it */
	uint32_t unused;
	char event_id[MR_STANDING_ID_MAX];
	char subject[MR_ORDER_SUBJECT_MAX];   /* login or prefix */
	char operator_name[MR_ORDER_OPERATOR_MAX]; /* "" when nobody ordered it */
	char reason[MR_ORDER_REASON_MAX];
};

#endif
