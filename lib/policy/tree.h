/*
 * A policy's settings as libconfig reads them, with the place of each.
 */
#ifndef MR_POLICY_TREE_H
#define MR_POLICY_TREE_H

#include <libconfig.h>

#include "base/strmap.h"
#include "policy/text.h"

struct mr_tree {
	config_t config;
	struct mr_text text;
	bool faulty; /* some settings could not be read, so that a missing one may only be written wrongly */
};

/* Reads the files. MR_ERR_REFUSED: faults say why there is no tree; MR_ERR_NOMEM. To be freed even then. */
int mr_tree_read(struct mr_policy_text *files, struct mr_faults *faults, const unsigned char key[MR_HASH_KEY_BYTES],
		 struct mr_tree *tree_r);
void mr_tree_free(struct mr_tree *tree);
/* Where a setting or element stands; NULL: the policy file as a whole. */
struct mr_where mr_tree_where(const struct mr_tree *tree, const config_setting_t *setting);

#endif
