/*
 * The way from a policy's text to a policy, step by step. What each step does is in the files that it calls.
 * Called by programs through mailreeve.h.
 */
#include "policy/build.h"

#include <sodium.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/unicode.h"
#include "policy/daemon.h"
#include "policy/scalars.h"

static void build_login(struct mr_builder *b)
{
	const config_setting_t *group = mr_read_group(b, "login");
	struct mr_login_policy *login = &b->policy->login;
	const char *domain = mr_read_text(group, "login.default_domain");
	struct mr_where where = mr_read_where(b, group, "login.default_domain");
	char canonical[MR_DOMAIN_MAX];
	size_t n;

	login->fold_case = mr_read_word(group, "login.case") == 1;
	login->strip_plus = mr_read_word(group, "login.plus") == 1;
	if (!domain)
		return;
	if (mr_domain_canonical(mr_str_of(domain), canonical, &n)) {
		MR_FAULT(b, "bad-domain", &where, "\"%s\" is not a domain\nwrite a name such as example.com",
			 mr_faults_show(b->faults, mr_str_of(domain)));
		return;
	}
	login->default_domain = mr_strndup(canonical, n);
	if (!login->default_domain)
		b->err = MR_ERR_NOMEM;
}

/* domains is the one setting without which there is no policy. */
static void build_domains(struct mr_builder *b)
{
	const config_setting_t *domains = mr_read_setting(b->root, "domains");
	struct mr_where where = mr_read_where(b, b->root, "domains");
	size_t faults = mr_faults_count(b->faults, MR_FAULT_ERROR);

	mr_list_domains(b, domains, &b->policy->domains);
	if (!mr_domainset_is_empty(b->policy->domains) || mr_faults_count(b->faults, MR_FAULT_ERROR) > faults)
		return;
	if (b->tree->faulty || (domains && config_setting_is_scalar(domains) &&
				config_setting_type(domains) != CONFIG_TYPE_STRING))
		return; /* told already, or perhaps only written wrongly */
	MR_FAULT(b, "missing-setting", &where,
		 "domains is missing or empty, so nobody can tell which mail is ours\n"
		 "write domains = [ \"example.com\" ]");
}

static void build_identity(struct mr_builder *b)
{
	struct mr_policy *policy = b->policy;

	policy->mode = (enum mr_mode)mr_read_word(b->root, "mode");
	build_domains(b);
	mr_list_domains(b, mr_read_setting(b->root, "relays"), &policy->relays);
	mr_list_domains(b, mr_read_setting(b->root, "hostnames"), &policy->hostnames);
	mr_list_patterns(b, mr_read_setting(b->root, "helpdesk"), MR_PATTERN_ADDRESS, &policy->helpdesk);
}

static void fill(struct mr_builder *b)
{
	b->root = config_root_setting(&b->tree->config);
	b->policy->file = mr_strdup(mr_source_main(b->files));
	if (!b->policy->file)
		b->err = MR_ERR_NOMEM;
	mr_check_tree(b);
	build_login(b);
	build_identity(b);
	mr_networks_build(b);
	if (!b->err)
		mr_rules_build(b);
	if (!b->err)
		mr_screen_build(b);
	if (!b->err)
		mr_location_build(b);
	if (!b->err)
		mr_hijack_build(b);
	if (!b->err)
		mr_rates_build(b);
	if (!b->err)
		mr_exemptions_build(b);
	if (!b->err)
		mr_maps_build(b);
	if (!b->err)
		mr_daemon_build(b);
	if (!b->err)
		mr_notices_build(b);
	if (!b->err)
		mr_login_feed_build(b);
	if (!b->err)
		mr_scalars_build(b);
	if (!b->err)
		mr_lint_run(b);
	if (mr_read_bool(b->root, "deny"))
		mr_faults_deny(b->faults);
}

static void free_builder(struct mr_builder *b)
{
	mr_networks_free(b);
	mr_free(b->exemption_places);
	mr_strmap_free(&b->exemption_names, NULL);
	mr_free(b->shield_places);
	mr_free(b->rates_places);
	mr_free(b->location_places);
}

int mr_policy_build(struct mr_policy_text *text, int64_t now_ms, const struct mr_host *host,
		    struct mr_policy **policy_r, struct mr_faults **faults_r)
{
	struct mr_tree tree;
	struct mr_builder b = { .files = text, .tree = &tree, .now_ms = now_ms, .host = host };
	int err;

	*policy_r = NULL;
	*faults_r = NULL;
	if (sodium_init() < 0)
		return MR_ERR_IO;
	b.faults = mr_faults_new();
	b.policy = mr_policy_alloc();
	if (!b.faults || !b.policy) {
		mr_faults_free(&b.faults);
		mr_policy_drop(&b.policy);
		return MR_ERR_NOMEM;
	}
	randombytes_buf(b.policy->hash_key, sizeof(b.policy->hash_key));
	err = mr_tree_read(text, b.faults, b.policy->hash_key, &tree);
	if (err == MR_OK) {
		fill(&b);
		err = b.err;
	}
	free_builder(&b);
	mr_tree_free(&tree);
	if (mr_faults_finish(b.faults) && err == MR_OK)
		err = MR_ERR_NOMEM;
	if (err == MR_OK && mr_faults_count(b.faults, MR_FAULT_ERROR) > 0)
		err = MR_ERR_REFUSED;
	if (err)
		mr_policy_drop(&b.policy);
	if (err && err != MR_ERR_REFUSED)
		mr_faults_free(&b.faults);
	*policy_r = b.policy;
	*faults_r = b.faults;
	return err;
}
