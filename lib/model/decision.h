/*
 * What the core decided at one stage, and the trail of how. Plain data; slices are borrowed from the policy.
 */
#ifndef MR_MODEL_DECISION_H
#define MR_MODEL_DECISION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "model/vocabulary.h"

/* A set of rules: bit MR_RULE_x. */
typedef uint32_t mr_rule_mask;
#define MR_RULE_BIT(rule) ((mr_rule_mask)1 << (rule))

struct mr_decision {
	enum mr_verdict verdict;
	enum mr_reason reason;     /* MR_REASON_NONE for an accept that no rule spoke about */
	mr_rule_mask cannot_tell;  /* rules that could not tell, so that their setting decided */
	mr_rule_mask would;        /* rules in observe mode that would have decided otherwise */
	enum mr_reason would_reason; /* of the first of them; MR_REASON_NONE */
};

enum { MR_TRAIL_MAX = 16 };

/* Exemptions that were tried, in order; what goes past the bound is counted only. */
struct mr_trail {
	struct {
		struct mr_str name;
		bool applied;
	} tried[MR_TRAIL_MAX];
	size_t count;
	size_t dropped;
};

#endif
