/*
 * The group login_feed: where Dovecot reports logins, and the keys that it shows. Checked here; the daemon asks for scalars
 * by name, and for the keys by mr_policy_get_item(). Called by build.c.
 */
#include <string.h>

#include "base/error.h"
#include "policy/build.h"

enum { KEYS_MAX = 2, KEY_LEAST = 16, KEY_MOST = 256, SOCKET_PATH_MAX = 100 };

/* ---- listen ---- */

static bool is_port(struct mr_str text)
{
	unsigned port = 0;

	for (size_t i = 0; i < text.n && i < 6; i++)
		port = text.p[i] >= '0' && text.p[i] <= '9' ? port * 10 + (unsigned)(text.p[i] - '0') : 65536;
	return port > 0 && port <= 65535 && text.n < 6;
}

static void check_inet(struct mr_builder *b, const config_setting_t *group, struct mr_str place, enum mr_ip_family family,
		       const struct mr_where *where)
{
	size_t at = mr_str_find(place, '@');
	struct mr_str host = mr_str_part(place, at + 1, place.n);
	const char *example = family == MR_IP_V4 ? "inet:PORT@127.0.0.1" : "inet6:PORT@::1";
	struct mr_ip ip;

	if (!is_port(mr_str_part(place, 0, at)))
		MR_FAULT(b, "bad-value", where, "login_feed.listen has no usable port\nwrite \"%s\" with a port from 1 to 65535",
			 example);
	if (mr_ip_parse(host, &ip) != MR_OK || ip.family != family)
		MR_FAULT(b, "bad-value", where, "login_feed.listen names no address of that family: \"%s\"\nwrite \"%s\"",
			 mr_faults_show(b->faults, host), example);
	else if (!mr_ip_is_loopback(&ip) && !mr_read_bool(group, "login_feed.anywhere"))
		MR_FAULT(b, "bad-value", where,
			 "login_feed would listen on \"%s\", where others than this host reach it, and keys cross the network "
			 "in the clear\n"
			 "write @127.0.0.1, or set login_feed.anywhere = true and guard the port with a firewall",
			 mr_faults_show(b->faults, host));
}

static void check_unix(struct mr_builder *b, struct mr_str path, const struct mr_where *where)
{
	if (path.n < 2 || path.p[0] != '/' || path.p[path.n - 1] == '/')
		MR_FAULT(b, "bad-value", where,
			 "login_feed.listen: the socket's path does not begin at the root\n"
			 "write \"unix:/run/mailreeve/feed.sock\"");
	else if (path.n > SOCKET_PATH_MAX)
		MR_FAULT(b, "out-of-range", where, "login_feed.listen: the socket's path is %zu bytes long\nuse at most %d",
			 path.n, (int)SOCKET_PATH_MAX);
}

static void check_listen(struct mr_builder *b, const config_setting_t *group)
{
	struct mr_str text = mr_str_of(mr_read_text(group, "login_feed.listen"));
	struct mr_str kind = mr_str_part(text, 0, mr_str_find(text, ':'));
	struct mr_str place = mr_str_part(text, kind.n + 1, text.n);
	struct mr_where where = mr_read_where(b, group, "login_feed.listen");

	if (text.n == 0)
		return;
	if (mr_str_equal(kind, MR_STR("unix")))
		check_unix(b, place, &where);
	else if (mr_str_equal(kind, MR_STR("inet")))
		check_inet(b, group, place, MR_IP_V4, &where);
	else if (mr_str_equal(kind, MR_STR("inet6")))
		check_inet(b, group, place, MR_IP_V6, &where);
	else
		MR_FAULT(b, "bad-value", &where,
			 "login_feed.listen cannot be \"%s\"\nwrite \"inet:PORT@127.0.0.1\", \"inet6:PORT@::1\" or "
			 "\"unix:/run/mailreeve/feed.sock\"",
			 mr_faults_show(b->faults, text));
}

/* ---- keys ---- */

/* What fits behind "X-API-Key: " and into Basic authentication, as RFC 9110 5.5 has it, and holds no blank. */
static bool is_printable(struct mr_str key)
{
	for (size_t i = 0; i < key.n; i++) {
		if (key.p[i] <= ' ' || key.p[i] > '~')
			return false;
	}
	return true;
}

/* Faults never show a key. */
static void put_key(struct mr_builder *b, void *context, struct mr_str entry, const struct mr_where *where)
{
	struct mr_items *keys = context;

	if (entry.n < KEY_LEAST || entry.n > KEY_MOST)
		MR_FAULT(b, "out-of-range", where,
			 "a key of login_feed is %zu bytes long\nwrite %d to %d bytes; make one: openssl rand -hex 24", entry.n,
			 (int)KEY_LEAST, (int)KEY_MOST);
	else if (!is_printable(entry))
		MR_FAULT(b, "bad-value", where,
			 "a key of login_feed holds a blank or a byte that is not printable ASCII\n"
			 "write letters and digits; make one: openssl rand -hex 24");
	else if (keys->count == KEYS_MAX)
		MR_FAULT(b, "out-of-range", where,
			 "login_feed.keys has more than %d keys\nkeep the one that Dovecot shows, and the next one while it "
			 "is replaced",
			 (int)KEYS_MAX);
	else
		mr_items_put(b, keys, entry);
}

/* Whether some key stands in the policy itself. */
static void find_written(struct mr_builder *b, const config_setting_t *list)
{
	int n = list && config_setting_is_aggregate(list) ? config_setting_length(list) : list ? 1 : 0;

	for (int i = 0; i < n; i++) {
		const char *text = config_setting_get_string(
			config_setting_is_aggregate(list) ? config_setting_get_elem(list, (unsigned)i) : list);

		b->key_in_policy = b->key_in_policy || (text && strncmp(text, "file:", 5) != 0);
	}
}

void mr_login_feed_build(struct mr_builder *b)
{
	const config_setting_t *group = mr_read_group(b, "login_feed");
	const config_setting_t *list = mr_read_setting(group, "login_feed.keys");
	struct mr_items *keys = &b->policy->login_feed.keys;
	struct mr_where where = mr_read_where(b, group, "login_feed.listen");
	size_t faults = mr_faults_count(b->faults, MR_FAULT_ERROR);

	check_listen(b, group);
	mr_list_each_secret(b, list, put_key, keys);
	find_written(b, list);
	if (mr_read_text(group, "login_feed.listen") && keys->count == 0 &&
	    mr_faults_count(b->faults, MR_FAULT_ERROR) == faults)
		MR_FAULT(b, "missing-setting", &where,
			 "login_feed.listen has no keys, so that everybody on this host could report logins\n"
			 "make one: (umask 077; openssl rand -hex 24 > /etc/mailreeve/feed.keys), give it to the user of "
			 "mailreeved, and write keys = [ \"file:/etc/mailreeve/feed.keys\" ]");
}
