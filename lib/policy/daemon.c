/*
 * What the daemon needs of a policy: sockets, user, log. Only checked here; the daemon asks for it by name.
 * Called by build.c.
 */
#include <sodium.h>
#include <string.h>

#include "base/error.h"
#include "policy/build.h"
#include "policy/daemon.h"

enum { SOCKET_PATH_MAX = 100, PATH_BYTES_MAX = 4096 };

static bool is_absolute(struct mr_str path)
{
	return path.n > 1 && path.p[0] == '/' && path.p[path.n - 1] != '/';
}

static void check_unix(struct mr_builder *b, const char *name, struct mr_str path, const struct mr_where *where)
{
	if (!is_absolute(path))
		MR_FAULT(b, "bad-value", where,
			 "%s: the socket's path does not begin at the root\nwrite \"unix:/run/mailreeve/...\"", name);
	else if (path.n > SOCKET_PATH_MAX)
		MR_FAULT(b, "out-of-range", where, "%s: the socket's path is %zu bytes long\nuse at most %d", name,
			 path.n, (int)SOCKET_PATH_MAX);
}

/* The port in front of host, 0 when it is none. */
static unsigned port_of(struct mr_str text)
{
	unsigned port = 0;

	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] < '0' || text.p[i] > '9' || i > 4)
			return 0;
		port = port * 10 + (unsigned)(text.p[i] - '0');
	}
	return port <= 65535 ? port : 0;
}

static void check_inet(struct mr_builder *b, struct mr_str place, const struct mr_where *where)
{
	size_t at = mr_str_find(place, '@');
	struct mr_str host = mr_str_part(place, at + 1, place.n);
	struct mr_ip ip = { .family = MR_IP_UNKNOWN };
	bool loopback = mr_str_equal(host, MR_STR("localhost"));

	if (port_of(mr_str_part(place, 0, at)) == 0)
		MR_FAULT(b, "bad-value", where,
			 "milter has no usable port\nwrite \"inet:PORT@127.0.0.1\" with a port from 1 to 65535");
	if (mr_ip_parse(host, &ip) == MR_OK)
		loopback = mr_ip_is_loopback(&ip);
	if (!loopback && !mr_read_bool(b->root, "milter_anywhere"))
		MR_FAULT(b, "bad-value", where,
			 "milter would listen on \"%s\", where others than this host reach it; whoever reaches it can "
			 "feed it lies\n"
			 "write @127.0.0.1, or set milter_anywhere = true and guard the port with a firewall",
			 host.n ? mr_faults_show(b->faults, host) : "every address");
}

static void check_socket(struct mr_builder *b, const char *name)
{
	struct mr_str text = mr_str_of(mr_read_text(b->root, name));
	struct mr_str colon = mr_str_part(text, 0, mr_str_find(text, ':'));
	struct mr_str place = mr_str_part(text, colon.n + 1, text.n);
	struct mr_where where = mr_read_where(b, b->root, name);
	bool milter = strcmp(name, "milter") == 0;

	if (mr_str_equal(colon, MR_STR("unix")))
		check_unix(b, name, place, &where);
	else if (milter && (mr_str_equal(colon, MR_STR("inet")) || mr_str_equal(colon, MR_STR("inet6"))))
		check_inet(b, place, &where);
	else
		MR_FAULT(b, "bad-value", &where, "%s cannot be \"%s\"\nwrite \"unix:/run/mailreeve/%s.sock\"%s", name,
			 mr_faults_show(b->faults, text), name, milter ? " or \"inet:PORT@127.0.0.1\"" : "");
}

static void check_mode(struct mr_builder *b)
{
	struct mr_str text = mr_str_of(mr_read_text(b->root, "milter_mode"));
	struct mr_where where = mr_read_where(b, b->root, "milter_mode");
	bool octal = text.n == 3 || (text.n == 4 && text.p[0] == '0');

	for (size_t i = 0; i < text.n; i++)
		octal = octal && text.p[i] >= '0' && text.p[i] <= '7';
	if (!octal)
		MR_FAULT(b, "bad-value", &where,
			 "milter_mode cannot be \"%s\"\nwrite three octal digits, such as \"0660\"",
			 mr_faults_show(b->faults, text));
}

static void check_account_name(struct mr_builder *b, const char *name)
{
	struct mr_str text = mr_str_of(mr_read_text(b->root, name));
	struct mr_where where = mr_read_where(b, b->root, name);

	for (size_t i = 0; i < text.n; i++) {
		char c = mr_ascii_lower(text.p[i]);

		if ((c < 'a' || c > 'z') && (c < '0' || c > '9') && !strchr("_-.", c)) {
			MR_FAULT(b, "bad-value", &where, "%s cannot be \"%s\"\nwrite the name of a %s of this system",
				 name, mr_faults_show(b->faults, text), strcmp(name, "user") == 0 ? "user" : "group");
			return;
		}
	}
}

static void build_key(struct mr_builder *b, const config_setting_t *log, const char *setting)
{
	struct mr_where where = mr_read_where(b, log, "log.key");
	char path[PATH_BYTES_MAX];
	struct mr_source source;
	struct mr_source_fault fault;
	int err;

	if (strncmp(setting, "file:", 5) != 0 ||
	    mr_source_resolve(mr_source_main(b->files), mr_str_of(setting + 5), path, sizeof(path))) {
		MR_FAULT(b, "bad-value", &where,
			 "log.key does not name a file\nwrite \"file:/etc/mailreeve/address.key\"");
		return;
	}
	err = mr_source_get(b->files, mr_str_of(path), MR_SOURCE_SECRET, &source, &fault);
	if (err == MR_ERR_REFUSED)
		mr_source_tell(b->faults, &where, mr_str_of(path), &fault);
	else if (err)
		b->err = err;
	else if (source.bytes.n < 16)
		MR_FAULT(b, "bad-value", &where,
			 "the key in %s is shorter than 16 bytes\nmake one: head -c 32 /dev/urandom > FILE",
			 mr_faults_show(b->faults, mr_str_of(path)));
	else
		crypto_generichash(b->policy->log.address_key, sizeof(b->policy->log.address_key),
				   (const unsigned char *)source.bytes.p, source.bytes.n, NULL, 0);
}

static void build_log(struct mr_builder *b)
{
	const config_setting_t *group = mr_read_group(b, "log");
	struct mr_log_policy *log = &b->policy->log;
	const char *key = mr_read_text(group, "log.key");
	struct mr_where where = mr_read_where(b, group, "log.events");

	mr_read_copy(b, group, "log.events", &log->events);
	mr_read_copy(b, group, "log.facts", &log->facts);
	log->hash_addresses = mr_read_word(group, "log.addresses") == 1;
	if (b->err)
		return;
	if (mr_choice_find("stdout|syslog|journal|none", mr_str_of(log->events)) < 0 &&
	    !is_absolute(mr_str_of(log->events)))
		MR_FAULT(b, "bad-value", &where,
			 "log.events cannot be \"%s\"\nwrite a path from the root, stdout, syslog, journal or none",
			 mr_faults_show(b->faults, mr_str_of(log->events)));
	where = mr_read_where(b, group, "log.facts");
	if (log->facts && !is_absolute(mr_str_of(log->facts)))
		MR_FAULT(b, "bad-value", &where, "log.facts cannot be \"%s\"\nwrite a path from the root",
			 mr_faults_show(b->faults, mr_str_of(log->facts)));
	where = mr_read_where(b, group, "log.addresses");
	if (log->hash_addresses && !key)
		MR_FAULT(b, "missing-setting", &where,
			 "hashed addresses need a key, since without one anybody can try addresses out\nset log.key = "
			 "\"file:PATH\"");
	if (key)
		build_key(b, group, key);
}

void mr_daemon_build(struct mr_builder *b)
{
	check_socket(b, "milter");
	check_socket(b, "control");
	check_mode(b);
	check_account_name(b, "user");
	check_account_name(b, "milter_group");
	build_log(b);
}
