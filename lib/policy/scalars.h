/* The scalar settings of a policy, kept by name (struct mr_policy.scalars). */
#ifndef MR_POLICY_SCALARS_H
#define MR_POLICY_SCALARS_H

#include "policy/build.h"

void mr_scalars_build(struct mr_builder *b);

#endif
