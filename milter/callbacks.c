/*
 * libmilter's callbacks. They decide nothing: each one hands what it was told to the engine and gives the engine's
 * answer back. One session runs one callback at a time, though on changing threads; sessions run side by side.
 */
#include "callbacks.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmilter/mfapi.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "negotiate.h"
#include "reply.h"
#include "say.h"

/* What belongs to one connection of the mail server. */
struct link {
	struct mr_session *session;
	struct mr_terms terms;
	bool in_message;
	bool one_too_many;
	struct in6_addr client;    /* IPv4 mapped; what the session was told */
	bool client_told;
};

/* libmilter hands no context to its callbacks, so there is one front for the process. */
static struct {
	struct mr_engine *engine;
	unsigned long max_sessions;
	atomic_bool stopping, crowded;
	atomic_int quiet_fd;
	atomic_ulong sessions, messages, running;
} front;

static void tell_when_quiet(void)
{
	uint64_t one = 1;

	if (atomic_load(&front.stopping) && atomic_load(&front.messages) == 0)
		(void)!write(atomic_load(&front.quiet_fd), &one, sizeof(one));
}

static void begin_message(struct link *link)
{
	if (link->in_message)
		return;
	link->in_message = true;
	atomic_fetch_add(&front.messages, 1);
}

static void end_message(struct link *link)
{
	if (!link->in_message)
		return;
	link->in_message = false;
	atomic_fetch_sub(&front.messages, 1);
	tell_when_quiet();
}

/* Every callback is counted: the process ends when none runs. */
static struct link *enter(SMFICTX *ctx)
{
	atomic_fetch_add(&front.running, 1);
	return smfi_getpriv(ctx);
}

static sfsistat leave(sfsistat status)
{
	atomic_fetch_sub(&front.running, 1);
	return status;
}

/* A step that is not answered must say so exactly when that was agreed. */
static sfsistat unanswered(const struct link *link, unsigned long agreed)
{
	return link != NULL && (link->terms.protocol & agreed) != 0 ? SMFIS_NOREPLY : SMFIS_CONTINUE;
}

/* Says it once, until there is room again. */
static bool is_one_too_many(void)
{
	unsigned long sessions = atomic_fetch_add(&front.sessions, 1) + 1;

	if (sessions <= front.max_sessions) {
		if (sessions < front.max_sessions - front.max_sessions / 8)
			atomic_store(&front.crowded, false);
		return false;
	}
	if (!atomic_exchange(&front.crowded, true))
		mr_say(MR_SAY_WARNING, "more than %lu sessions are open at once; mail of those beyond is put off "
		       "(421). Raise max_sessions and LimitNOFILE=, or see who opens so many", front.max_sessions);
	return true;
}

static struct link *new_link(SMFICTX *ctx, const struct mr_terms *terms)
{
	struct link *link = calloc(1, sizeof(*link));

	if (link == NULL)
		return NULL;
	link->terms = *terms;
	link->one_too_many = is_one_too_many();
	if (mr_session_new(front.engine, terms->granted, &link->session) == 0 && smfi_setpriv(ctx, link) == MI_SUCCESS)
		return link;
	if (link->session != NULL)
		mr_session_close(&link->session, mr_clock_ms());
	free(link);
	atomic_fetch_sub(&front.sessions, 1);
	return NULL;
}

static const char *macro(SMFICTX *ctx, const char *name)
{
	char copy[24];
	const char *value;

	(void)memccpy(copy, name, '\0', sizeof(copy));
	value = smfi_getsymval(ctx, copy);
	return value != NULL && value[0] != '\0' ? value : NULL;
}

/* A decimal number of the mail server, or -1. */
static int64_t macro_number(SMFICTX *ctx, const char *name, int64_t max)
{
	const char *text = macro(ctx, name);
	char *end;
	long long value;

	if (text == NULL || text[0] < '0' || text[0] > '9')
		return -1;
	errno = 0;
	value = strtoll(text, &end, 10);
	return errno == 0 && *end == '\0' && value <= max ? value : -1;
}

static sfsistat on_negotiate(SMFICTX *ctx, unsigned long f0, unsigned long f1, unsigned long f2, unsigned long f3,
			     unsigned long *pf0, unsigned long *pf1, unsigned long *pf2, unsigned long *pf3)
{
	struct mr_terms terms = mr_negotiate(mr_engine_needs(front.engine), f0, f1);

	(void)enter(ctx);
	(void)f2;
	(void)f3;
	*pf0 = terms.actions;
	*pf1 = terms.protocol;
	*pf2 = *pf3 = 0;
	if ((terms.actions & SMFIF_SETSYMLIST) != 0)
		mr_negotiate_macros(ctx);
	/* Without memory the session goes on and every message of it is told to come later. */
	(void)new_link(ctx, &terms);
	return leave(SMFIS_CONTINUE);
}

static void take_address(struct mr_connect_info *info, const struct sockaddr *address)
{
	if (address != NULL && address->sa_family == AF_INET) {
		const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)address;

		info->address = &in->sin_addr;
		info->address_length = sizeof(in->sin_addr);
		info->client_port = ntohs(in->sin_port);
	} else if (address != NULL && address->sa_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)address;

		info->address = &in6->sin6_addr;
		info->address_length = sizeof(in6->sin6_addr);
		info->client_port = ntohs(in6->sin6_port);
	}
}

static bool is_loopback(const struct mr_connect_info *info)
{
	static const unsigned char mapped[12] = { [10] = 0xff, [11] = 0xff };
	const unsigned char *bytes = info->address;

	if (info->address_length == 4)
		return bytes[0] == 127;
	if (info->address_length != 16)
		return false;
	return memcmp(bytes, &in6addr_loopback, 16) == 0 || (memcmp(bytes, mapped, 12) == 0 && bytes[12] == 127);
}

/* Postfix plays a session from port 0 of the loopback to port 0 for mail that was submitted on the host itself. */
static bool is_local_submission(SMFICTX *ctx, const struct mr_connect_info *info)
{
	return info->client_port == 0 && is_loopback(info) && macro_number(ctx, "{daemon_port}", 65535) <= 0 &&
	       macro_number(ctx, "{client_port}", 65535) <= 0;
}

/* As struct link keeps it. */
static void map_address(const void *address, size_t length, struct in6_addr *mapped_r)
{
	*mapped_r = (struct in6_addr){ .s6_addr = { [10] = 0xff, [11] = 0xff } };
	memcpy(length == 4 ? mapped_r->s6_addr + 12 : mapped_r->s6_addr, address, length);
}

static void tell_connection(SMFICTX *ctx, struct link *link, struct mr_connect_info *info, struct mr_reply *reply_r)
{
	int64_t port = macro_number(ctx, "{daemon_port}", 65535);

	info->listener = macro(ctx, "{daemon_name}");
	info->server_name = macro(ctx, "j");
	info->server_address = macro(ctx, "{daemon_addr}");
	if (info->server_address == NULL)
		info->server_address = macro(ctx, "{if_addr}");
	info->server_port = port > 0 ? (unsigned)port : 0;
	info->local = is_local_submission(ctx, info);
	link->client_told = info->address != NULL;
	if (link->client_told)
		map_address(info->address, info->address_length, &link->client);
	mr_session_connect(link->session, mr_clock_ms(), info, reply_r);
}

static sfsistat on_connect(SMFICTX *ctx, char *name, _SOCK_ADDR *address)
{
	struct link *link = enter(ctx);
	struct mr_connect_info info = { .size = sizeof(info), .client_name = name };
	struct mr_reply reply;
	sfsistat status;

	if (link == NULL)
		link = new_link(ctx, &(struct mr_terms){ 0 });
	if (link == NULL)
		return leave(SMFIS_TEMPFAIL);
	take_address(&info, address);
	tell_connection(ctx, link, &info, &reply);
	status = unanswered(link, SMFIP_NR_CONN);
	return leave(status == SMFIS_NOREPLY ? status : mr_reply_send(ctx, &reply, false));
}

/* {client_addr} as text; false when it is none. */
static bool read_client(const char *text, struct in6_addr *mapped_r)
{
	struct in_addr v4;

	if (text == NULL)
		return false;
	if (strncasecmp(text, "IPv6:", 5) == 0)
		text += 5;
	if (inet_pton(AF_INET, text, &v4) != 1)
		return inet_pton(AF_INET6, text, mapped_r) == 1;
	map_address(&v4, sizeof(v4), mapped_r);
	return true;
}

/* libmilter ignores a connection that follows on another (SMFIC_QUIT_NC) when it comes behind an abort, but keeps its
 * macros. What belonged to the client before must not pass to the next: it is a connection all the same. */
static void look_for_another_client(SMFICTX *ctx, struct link *link)
{
	struct mr_connect_info info = { .size = sizeof(info) };
	struct in6_addr client;
	struct mr_reply reply;

	if (!link->client_told || !read_client(macro(ctx, "{client_addr}"), &client) ||
	    memcmp(&client, &link->client, sizeof(client)) == 0)
		return;
	info.address = &client;
	info.address_length = sizeof(client);
	tell_connection(ctx, link, &info, &reply);
}

static sfsistat on_helo(SMFICTX *ctx, char *helo)
{
	struct link *link = enter(ctx);

	if (link != NULL) {
		end_message(link);
		mr_session_helo(link->session, mr_clock_ms(), helo, macro(ctx, "{tls_version}"),
				macro(ctx, "{cipher}"));
	}
	return leave(unanswered(link, SMFIP_NR_HELO));
}

static sfsistat on_mail(SMFICTX *ctx, char **arguments)
{
	struct link *link = enter(ctx);
	struct mr_reply reply;

	if (link == NULL || arguments == NULL || arguments[0] == NULL)
		return leave(SMFIS_TEMPFAIL);
	if (link->one_too_many)
		return leave(mr_reply_overload(ctx));
	look_for_another_client(ctx, link);
	/* Counted before the flag is read, so that who stops sees either the message or the refusal. */
	begin_message(link);
	if (atomic_load(&front.stopping))
		mr_session_mail_while_stopping(link->session, &reply);
	else
		mr_session_mail(link->session, mr_clock_ms(), arguments[0], (const char *const *)(arguments + 1),
				macro(ctx, "{auth_authen}"), macro(ctx, "i"), &reply);
	if (reply.action != MR_CONTINUE)
		end_message(link);
	return leave(mr_reply_send(ctx, &reply, false));
}

static sfsistat on_rcpt(SMFICTX *ctx, char **arguments)
{
	struct link *link = enter(ctx);
	struct mr_reply reply;

	if (link == NULL || arguments == NULL || arguments[0] == NULL)
		return leave(SMFIS_TEMPFAIL);
	mr_session_rcpt(link->session, mr_clock_ms(), arguments[0], macro(ctx, "{rcpt_addr}"),
			macro(ctx, "{rcpt_host}"), macro(ctx, "{rcpt_mailer}"), &reply);
	return leave(mr_reply_send(ctx, &reply, false));
}

static sfsistat on_header(SMFICTX *ctx, char *name, char *value)
{
	struct link *link = enter(ctx);

	if (link != NULL && (link->terms.granted & MR_NEEDS_HEADERS) != 0)
		mr_session_header(link->session, name, value);
	return leave(unanswered(link, SMFIP_NR_HDR));
}

static sfsistat on_body(SMFICTX *ctx, unsigned char *bytes, size_t n)
{
	struct link *link = enter(ctx);

	(void)bytes;
	if (link != NULL && (link->terms.granted & MR_NEEDS_BODY) != 0)
		mr_session_body(link->session, n);
	return leave(unanswered(link, SMFIP_NR_BODY));
}

static sfsistat on_end_of_message(SMFICTX *ctx)
{
	struct link *link = enter(ctx);
	struct mr_reply reply;
	sfsistat status;

	if (link == NULL)
		return leave(SMFIS_TEMPFAIL);
	mr_session_end_of_message(link->session, mr_clock_ms(), macro(ctx, "i"), macro(ctx, "{msg_id}"),
				  macro_number(ctx, "{msg_size}", INT64_MAX), &reply);
	status = mr_reply_send(ctx, &reply, (link->terms.actions & SMFIF_QUARANTINE) != 0);
	end_message(link);
	return leave(status);
}

static sfsistat on_abort(SMFICTX *ctx)
{
	struct link *link = enter(ctx);

	if (link != NULL) {
		mr_session_abort(link->session, mr_clock_ms());
		end_message(link);
	}
	return leave(SMFIS_CONTINUE);
}

static sfsistat on_unknown(SMFICTX *ctx, const char *command)
{
	struct link *link = enter(ctx);

	(void)command;
	if (link != NULL)
		mr_session_unknown(link->session, mr_clock_ms());
	return leave(SMFIS_CONTINUE);
}

/* Comes without connect when a port scanner was here, and without abort when libmilter gives a session up. */
static sfsistat on_close(SMFICTX *ctx)
{
	struct link *link = enter(ctx);

	if (link != NULL) {
		(void)smfi_setpriv(ctx, NULL);
		mr_session_close(&link->session, mr_clock_ms());
		end_message(link);
		free(link);
		atomic_fetch_sub(&front.sessions, 1);
	}
	return leave(SMFIS_CONTINUE);
}

int mr_callbacks_register(struct mr_engine *engine, unsigned long max_sessions)
{
	static char name[] = "mailreeve";
	struct smfiDesc table = {
		.xxfi_name = name,
		.xxfi_version = SMFI_VERSION,
		.xxfi_flags = SMFIF_QUARANTINE | SMFIF_SETSYMLIST,
		.xxfi_connect = on_connect,
		.xxfi_helo = on_helo,
		.xxfi_envfrom = on_mail,
		.xxfi_envrcpt = on_rcpt,
		.xxfi_header = on_header,
		.xxfi_body = on_body,
		.xxfi_eom = on_end_of_message,
		.xxfi_abort = on_abort,
		.xxfi_unknown = on_unknown,
		.xxfi_close = on_close,
		.xxfi_negotiate = on_negotiate,
	};

	front.engine = engine;
	front.max_sessions = max_sessions;
	return smfi_register(table) == MI_SUCCESS ? 0 : -1;
}

void mr_callbacks_stop(int quiet_fd)
{
	atomic_store(&front.quiet_fd, quiet_fd);
	atomic_store(&front.stopping, true);
	tell_when_quiet();
}

unsigned long mr_callbacks_messages(void)
{
	return atomic_load(&front.messages);
}

unsigned long mr_callbacks_running(void)
{
	return atomic_load(&front.running);
}
