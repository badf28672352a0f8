/*
 * The group notices: whom to tell of what. Checked here; the daemon asks for scalars by name, and for lists and the
 * password by mr_policy_get_item(). Called by build.c.
 */
#include <string.h>

#include "base/error.h"
#include "model/vocabulary.h"
#include "policy/build.h"

enum { PATH_BYTES_MAX = 4096, LOCAL_PART_MAX = 64, DOMAIN_BYTES_MAX = 253, PASSWORD_MAX = 1024, TO_MAX = 20 };

static bool is_absolute(const char *path)
{
	size_t n = strlen(path);

	return n > 1 && path[0] == '/' && path[n - 1] != '/' && !mr_str_has_control(mr_str_of(path));
}

static void check_path(struct mr_builder *b, const config_setting_t *group, const char *name)
{
	const char *path = mr_read_text(group, name);
	struct mr_where where = mr_read_where(b, group, name);

	if (path && !is_absolute(path))
		MR_FAULT(b, "bad-value", &where, "%s cannot be \"%s\"\nwrite a path from the root", name,
			 mr_faults_show(b->faults, mr_str_of(path)));
}

static bool is_letter_or_digit(char c)
{
	c = mr_ascii_lower(c);
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_made_of(struct mr_str text, const char *others)
{
	for (size_t i = 0; i < text.n; i++)
		if (!is_letter_or_digit(text.p[i]) && (text.p[i] == '\0' || !strchr(others, text.p[i])))
			return false;
	return text.n > 0;
}

/* Only what goes into a header field and an SMTP command as it stands: a dot-atom of RFC 5322 at a domain in ASCII. */
static bool is_plain_address(struct mr_str address)
{
	size_t at = mr_str_find_last(address, '@');
	struct mr_str local = mr_str_part(address, 0, at), domain = mr_str_part(address, at + 1, address.n);

	return at < address.n && local.n <= LOCAL_PART_MAX && domain.n <= DOMAIN_BYTES_MAX &&
	       is_made_of(local, ".!#$%&'*+-/=?^_`{|}~") && is_made_of(domain, ".-") && local.p[0] != '.' &&
	       local.p[local.n - 1] != '.' && domain.p[0] != '.' && domain.p[0] != '-';
}

static bool is_port(struct mr_str text)
{
	unsigned port = 0;

	for (size_t i = 0; i < text.n && i < 6; i++)
		port = text.p[i] >= '0' && text.p[i] <= '9' ? port * 10 + (unsigned)(text.p[i] - '0') : 65536;
	return port > 0 && port <= 65535 && text.n < 6;
}

/* "smtp://HOST[:PORT]" or "smtps://...", no more: a name and a password have settings of their own. */
static bool is_mail_url(struct mr_str url)
{
	const struct mr_str plain = MR_STR("smtp://"), tls = MR_STR("smtps://");
	struct mr_str rest, host, after;
	size_t end;

	if (mr_str_equal(mr_str_part(url, 0, plain.n), plain))
		rest = mr_str_part(url, plain.n, url.n);
	else if (mr_str_equal(mr_str_part(url, 0, tls.n), tls))
		rest = mr_str_part(url, tls.n, url.n);
	else
		return false;
	if (rest.n > 0 && rest.p[0] == '[') {
		struct mr_ip ip;

		end = mr_str_find(rest, ']');
		host = mr_str_part(rest, 1, end);
		after = mr_str_part(rest, end + 1, rest.n);
		if (end == rest.n || mr_ip_parse(host, &ip) != MR_OK || ip.family != MR_IP_V6)
			return false;
	} else {
		end = mr_str_find(rest, ':');
		host = mr_str_part(rest, 0, end);
		after = mr_str_part(rest, end, rest.n);
		if (!is_made_of(host, ".-") || host.p[0] == '-' || host.n > DOMAIN_BYTES_MAX)
			return false;
	}
	return after.n == 0 || (after.p[0] == ':' && is_port(mr_str_part(after, 1, after.n)));
}

static void put_recipient(struct mr_builder *b, void *context, struct mr_str entry, const struct mr_where *where)
{
	struct mr_items *items = context;

	if (!is_plain_address(entry))
		MR_FAULT(b, "bad-value", where,
			 "\"%s\" is not an address that notices can be sent to\nwrite one such as "
			 "postmaster@example.com, in ASCII and without quotes",
			 mr_faults_show(b->faults, entry));
	else if (items->count == TO_MAX)
		MR_FAULT(b, "out-of-range", where, "notices.to has more than %d addresses\nwrite a mailing list's address",
			 (int)TO_MAX);
	else
		mr_items_put(b, items, entry);
}

/* What the engine passes on: events of kind "alert", and those that end an incident. */
static bool can_be_told(struct mr_str name)
{
	for (unsigned i = 0; i < MR_EVENT_COUNT; i++) {
		const struct mr_event_row *row = mr_event_row((enum mr_event_action)i);

		if (mr_str_equal(mr_str_of(row->action), name))
			return strcmp(row->kind, "alert") == 0 || i == MR_EVENT_ACCOUNT_THAWED ||
			       i == MR_EVENT_SOURCE_UNBLOCKED;
	}
	return false;
}

static void put_event(struct mr_builder *b, void *context, struct mr_str entry, const struct mr_where *where)
{
	if (can_be_told(entry))
		mr_items_put(b, context, entry);
	else
		MR_FAULT(b, "bad-value", where, "notices.events cannot hold \"%s\"\nwrite %s",
			 mr_faults_show(b->faults, entry), mr_setting_find(MR_STR("notices.events"))->unit);
}

static void read_events(struct mr_builder *b, const config_setting_t *group, struct mr_items *events)
{
	const struct mr_setting_row *row = mr_setting_find(MR_STR("notices.events"));
	const config_setting_t *list = mr_read_setting(group, row->name);
	struct mr_str rest = mr_str_of(row->fallback);

	if (list) {
		mr_list_each(b, list, put_event, events);
		return;
	}
	while (rest.n > 0 && !b->err) {
		size_t blank = mr_str_find(rest, ' ');

		mr_items_put(b, events, mr_str_part(rest, 0, blank));
		rest = mr_str_part(rest, blank + 1, rest.n);
	}
}

/* The first line of the file. */
static void read_password(struct mr_builder *b, const config_setting_t *group)
{
	const char *setting = mr_read_text(group, "notices.mail_password");
	struct mr_where where = mr_read_where(b, group, "notices.mail_password");
	char path[PATH_BYTES_MAX];
	struct mr_source source;
	struct mr_source_fault fault;
	struct mr_str password;
	int err;

	if (!setting)
		return;
	if (strncmp(setting, "file:", 5) != 0 ||
	    mr_source_resolve(mr_source_main(b->files), mr_str_of(setting + 5), path, sizeof(path))) {
		MR_FAULT(b, "bad-value", &where,
			 "notices.mail_password does not name a file\nput the password into a file of its own and write "
			 "\"file:/etc/mailreeve/mail.password\"");
		return;
	}
	err = mr_source_get(b->files, mr_str_of(path), MR_SOURCE_SECRET, &source, &fault);
	if (err == MR_ERR_REFUSED) {
		mr_source_tell(b->faults, &where, mr_str_of(path), &fault);
		return;
	}
	if (err) {
		b->err = err;
		return;
	}
	password = mr_str_part(source.bytes, 0, mr_str_find(source.bytes, '\n'));
	if (password.n > 0 && password.p[password.n - 1] == '\r')
		password.n--;
	if (password.n == 0 || password.n > PASSWORD_MAX || mr_str_has_control(password))
		MR_FAULT(b, "bad-value", &where,
			 "the first line of %s is not a password\nwrite it there, at most %d bytes without control "
			 "characters",
			 mr_faults_show(b->faults, mr_str_of(path)), (int)PASSWORD_MAX);
	else
		mr_items_put(b, &b->policy->notices.password, password);
}

static void check_mail(struct mr_builder *b, const config_setting_t *group)
{
	const char *mail = mr_read_text(group, "notices.mail"), *from = mr_read_text(group, "notices.from");
	struct mr_where where = mr_read_where(b, group, "notices.mail");
	bool owner = mr_read_bool(group, "notices.owner"), user = mr_read_text(group, "notices.mail_user") != NULL;
	bool told = mr_read_setting(group, "notices.to") != NULL || owner;

	if (mail && !is_mail_url(mr_str_of(mail)))
		MR_FAULT(b, "bad-value", &where,
			 "notices.mail is not the URL of a mail host\nwrite \"smtp://HOST:587\" (STARTTLS) or "
			 "\"smtps://HOST\"; name and password have settings of their own");
	if (mail && !from)
		MR_FAULT(b, "missing-setting", &where,
			 "notices.mail has no sender\nset notices.from = \"mailreeve@example.com\", an address that "
			 "somebody reads");
	if (mail && !told)
		MR_FAULT(b, "missing-setting", &where,
			 "notices.mail has nobody to send to\nset notices.to = [ \"postmaster@example.com\" ]");
	if (!mail && told) {
		where = mr_read_where(b, group, owner ? "notices.owner" : "notices.to");
		MR_FAULT(b, "missing-setting", &where,
			 "notices.%s needs a host that takes the mail\nset notices.mail = \"smtp://HOST:587\"",
			 owner ? "owner" : "to");
	}
	if (user != (mr_read_text(group, "notices.mail_password") != NULL)) {
		where = mr_read_where(b, group, user ? "notices.mail_user" : "notices.mail_password");
		MR_FAULT(b, "missing-setting", &where,
			 "notices.mail_user and notices.mail_password go together\nset both, or neither");
	}
}

static void check_from(struct mr_builder *b, const config_setting_t *group)
{
	const char *from = mr_read_text(group, "notices.from"), *user = mr_read_text(group, "notices.mail_user");
	struct mr_where where = mr_read_where(b, group, "notices.from");

	if (from && !is_plain_address(mr_str_of(from)))
		MR_FAULT(b, "bad-value", &where,
			 "notices.from cannot be \"%s\"\nwrite an address such as mailreeve@example.com, in ASCII and "
			 "without quotes",
			 mr_faults_show(b->faults, mr_str_of(from)));
	where = mr_read_where(b, group, "notices.mail_user");
	if (user && mr_str_has_control(mr_str_of(user)))
		MR_FAULT(b, "bad-value", &where, "notices.mail_user holds control characters\nwrite the login alone");
}

void mr_notices_build(struct mr_builder *b)
{
	const config_setting_t *group = mr_read_group(b, "notices");
	struct mr_notices_policy *notices = &b->policy->notices;

	check_path(b, group, "notices.hook");
	check_path(b, group, "notices.mail_ca");
	check_mail(b, group);
	check_from(b, group);
	read_events(b, group, &notices->events);
	mr_list_each(b, mr_read_setting(group, "notices.to"), put_recipient, &notices->to);
	read_password(b, group);
}

int mr_policy_get_item(const struct mr_policy *policy, const char *name, size_t i, const char **value_r)
{
	const struct mr_notices_policy *notices = &policy->notices;
	const struct mr_items *items = strcmp(name, "notices.to") == 0		   ? &notices->to
				       : strcmp(name, "notices.events") == 0	   ? &notices->events
				       : strcmp(name, "notices.mail_password") == 0 ? &notices->password
				       : strcmp(name, "login_feed.keys") == 0	   ? &policy->login_feed.keys
										   : NULL;

	*value_r = items && i < items->count ? items->text[i] : NULL;
	return *value_r ? MR_OK : MR_ERR_NOTFOUND;
}
