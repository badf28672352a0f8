/*
 * From text to libconfig's tree. Not the meaning of settings. Called by build.c.
 */
#include "policy/tree.h"

#include <stdint.h>

#include "base/error.h"
#include "policy/scan.h"

/* Gives every setting its line; scan has them in the order of the text, which is that of the tree. */
static void place(config_setting_t *setting, const struct mr_scan *scan, size_t *at)
{
	int n = config_setting_is_aggregate(setting) ? config_setting_length(setting) : 0;

	for (int i = 0; i < n; i++) {
		config_setting_t *below = config_setting_get_elem(setting, (unsigned)i);

		if (*at < scan->count)
			config_setting_set_hook(below, (void *)(uintptr_t)scan->lines[*at]);
		(*at)++;
		place(below, scan, at);
	}
}

static int parse(struct mr_tree *tree, struct mr_faults *faults, const struct mr_scan *scan)
{
	size_t at = 0;

	if (config_read_string(&tree->config, scan->bytes ? scan->bytes : "") != CONFIG_TRUE) {
		struct mr_where where = mr_text_where(&tree->text, (unsigned)config_error_line(&tree->config));

		mr_faults_add(faults, MR_FAULT_ERROR, "syntax", &where,
			      "%s\nsee mailreeve.conf(5) for how a policy is written",
			      mr_faults_show(faults, mr_str_of(config_error_text(&tree->config))));
		return MR_ERR_REFUSED;
	}
	place(config_root_setting(&tree->config), scan, &at);
	return MR_OK;
}

int mr_tree_read(struct mr_policy_text *files, struct mr_faults *faults, const unsigned char key[MR_HASH_KEY_BYTES],
		 struct mr_tree *tree_r)
{
	struct mr_scan scan = { 0 };
	int err;

	*tree_r = (struct mr_tree){ .faulty = false };
	config_init(&tree_r->config);
	err = mr_text_expand(files, faults, &tree_r->text);
	if (err == MR_OK)
		err = mr_scan_text(&tree_r->text, faults, key, &scan);
	if (err == MR_OK)
		err = scan.stopped ? MR_ERR_REFUSED : parse(tree_r, faults, &scan);
	tree_r->faulty = scan.faulty;
	mr_scan_free(&scan);
	return err;
}

void mr_tree_free(struct mr_tree *tree)
{
	config_destroy(&tree->config);
	mr_text_free(&tree->text);
}

struct mr_where mr_tree_where(const struct mr_tree *tree, const config_setting_t *setting)
{
	unsigned line = setting ? (unsigned)(uintptr_t)config_setting_get_hook(setting) : 0;
	struct mr_where where = mr_text_where(&tree->text, line ? line : 1);

	if (line == 0)
		where.line = 0;
	return where;
}
