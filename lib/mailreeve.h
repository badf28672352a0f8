/*
 * libmailreeve: the public interface. See libmailreeve(3).
 *
 * Facts go in, verdicts and event lines come out. The library reads no clock: every call that needs the time takes it,
 * in milliseconds since 1970-01-01T00:00:00Z. Names: RFC 5321 and the milter protocol.
 *
 * Errors: functions return 0, or a negative number that mr_err_text() puts into words. Ownership: what a function
 * returns through "_r" is the caller's unless its comment says "borrowed". Functions named _free take a pointer to the
 * pointer and null it; NULL is allowed.
 *
 * Threads: a mr_engine may be used by any number of threads at once; a mr_session, mr_replay, mr_policy_text or
 * mr_faults by one at a time; a mr_policy is immutable.
 */
#ifndef MAILREEVE_H
#define MAILREEVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* "0.1.0" */
const char *mr_version(void);
/* A few English words for an error number of this library, never NULL. */
const char *mr_err_text(int err);

/* ---- Policy: mailreeve.conf(5) ---- */

struct mr_policy;      /* a compiled policy, immutable, counted */
struct mr_policy_text; /* the files that a policy is made of */
struct mr_faults;      /* what is wrong with a policy */
struct mr_host;        /* what the lint should know of the host */

enum mr_fault_level { MR_FAULT_WARNING = 1, MR_FAULT_ERROR = 2 };

/* One fault; all text is borrowed from the mr_faults. */
struct mr_fault {
	enum mr_fault_level level;
	const char *id;   /* a stable name, "syntax", "unknown-setting", "anyone-may-relay", ... */
	const char *file;
	unsigned line;    /* 0: the whole file */
	const char *what; /* what is wrong */
	const char *cure; /* what to write instead */
};

size_t mr_faults_count(const struct mr_faults *faults, enum mr_fault_level at_least);
/* The i-th fault, in order of file and line; NULL behind the last. Borrowed. */
const struct mr_fault *mr_faults_at(const struct mr_faults *faults, size_t i);
void mr_faults_free(struct mr_faults **faults);

/* What the lint knows of the host: its addresses, default gateways, and whether web applications run there. */
struct mr_host *mr_host_new(void);
int mr_host_add_address(struct mr_host *host, const char *address);
int mr_host_add_gateway(struct mr_host *host, const char *address);
void mr_host_set_web_server(struct mr_host *host, bool runs);
void mr_host_free(struct mr_host **host);

/* A policy's text that will be read from file (and what it includes and lists) when it is built. */
int mr_policy_text_open(const char *file, struct mr_policy_text **text_r);
/* Reads, checks and compiles. Each file is read once, whole, and kept in text, so that saving it and building again
 * gives the same policy. now_ms: for exemptions that have expired. host: NULL, the lint asks nothing of the host.
 * faults_r is always set when 0 or MR_ERR_REFUSED (-7) comes back: with 0 it may hold warnings, with -7 at least one
 * error, and *policy_r is NULL. Other errors: no memory. The policy has one reference. */
int mr_policy_build(struct mr_policy_text *text, int64_t now_ms, const struct mr_host *host,
		    struct mr_policy **policy_r, struct mr_faults **faults_r);
/* Writes the text that was read to a file descriptor, and reads it back: then nothing is read from disk any more. */
int mr_policy_text_save(const struct mr_policy_text *text, int fd);
int mr_policy_text_restore(int fd, struct mr_policy_text **text_r);
void mr_policy_text_free(struct mr_policy_text **text);

/* The file that the policy came from. Borrowed. */
const char *mr_policy_file(const struct mr_policy *policy);
/* A setting by its full name ("milter", "log.events", "drain"). Text is borrowed and NULL when unset; numbers are
 * ms, bytes or plain; booleans are 0 or 1. -4: there is no such setting of that type. */
int mr_policy_get_text(const struct mr_policy *policy, const char *name, const char **value_r);
int mr_policy_get_number(const struct mr_policy *policy, const char *name, int64_t *value_r);
/* The i-th text of notices.to, notices.events or login_feed.keys; of notices.mail_password, with i = 0, what its file
 * holds. Borrowed. -4: there is none. */
int mr_policy_get_item(const struct mr_policy *policy, const char *name, size_t i, const char **value_r);
/* Gives the caller's reference back. */
void mr_policy_drop(struct mr_policy **policy);

/* ---- Engine: what a daemon runs ---- */

struct mr_engine;
struct mr_session;
struct mr_state;

/* Takes one line (JSON, ends with a newline). Called from any thread that calls the engine; must not block. */
typedef void mr_line_function(void *context, const char *line, size_t length);

struct mr_engine_options {
	size_t size;                 /* sizeof(struct mr_engine_options) */
	const char *host;            /* for host.name; NULL: none */
	unsigned char id_seed[16];   /* random in a daemon, all 0 in a replay: event ids are made from it */
	void *sequence;              /* an _Atomic uint64_t that counts the event lines, e.g. in shared memory; NULL: the engine's own */
	mr_line_function *event;     /* gets the event lines */
	void *event_context;
	mr_line_function *fact;      /* gets the facts, for log.facts; NULL: none */
	void *fact_context;
	mr_line_function *notice;    /* gets the event lines of kind "alert", and account-thawed and source-unblocked, a
	                              * second time, for whom to tell; NULL: none */
	void *notice_context;
	struct mr_state *state;      /* ownership passes; NULL: in memory, forgotten with the engine */
};

/* Opens the memory of accounts and sources that policy names (state.directory) and loads it. read_only: to look at the
 * state of a daemon that is down, or beside one that runs. wall_ms: the wall clock. MR_ERR_*: why_r is a sentence with the
 * path, the cause and the likely cure. A policy that names no folder and finds no usable one at the default place gets a
 * memory that ends with the process; why_r then says so, and is "" otherwise. */
int mr_state_open(const struct mr_policy *policy, bool read_only, int64_t wall_ms, char why_r[256],
		  struct mr_state **state_r);
/* A memory that ends with the process, whatever policy says. degraded: why it has to be, in one sentence. MR_ERR_NOMEM. */
int mr_state_begin(const struct mr_policy *policy, int64_t wall_ms, const char *degraded, struct mr_state **state_r);
void mr_state_free(struct mr_state **state);

/* The engine takes over the reference to policy and gives it the generation. */
int mr_engine_new(const struct mr_engine_options *options, struct mr_policy *policy, uint64_t generation,
		  struct mr_engine **engine_r);
/* Puts another policy in force (takes over the reference). Messages that have begun end under the old one.
 * Returns its generation. */
uint64_t mr_engine_set_policy(struct mr_engine *engine, struct mr_policy *policy);
uint64_t mr_engine_generation(const struct mr_engine *engine);
/* The policy in force, with a reference for the caller, who drops it. */
struct mr_policy *mr_engine_hold_policy(struct mr_engine *engine);
/* Once a second, from one thread: keeps the state's own clock, which a step of the wall clock does not move, ends blocks
 * and freezes whose time is over. steady_ms: a clock that is never set (CLOCK_BOOTTIME). */
void mr_engine_tick(struct mr_engine *engine, int64_t wall_ms, int64_t steady_ms);
/* Puts all that was learned on disk and waits for it: before a process ends that does not free its engine. */
int mr_engine_flush(struct mr_engine *engine);
/* Carries out one request of the control channel (mailreeve(1)): one JSON object without a newline. operator_name: who
 * asks. The caller frees *answer_r, one line of JSON without its newline. MR_ERR_NOTFOUND: no such command, MR_ERR_NOMEM. */
int mr_engine_command(struct mr_engine *engine, int64_t now_ms, const char *operator_name, const char *request,
		      char **answer_r);
/* Where the owner of a login reads mail: the login itself, with login.default_domain where it names none, if that is in our
 * domains, among accounts where the policy lists them, and plain ASCII. MR_ERR_NOTFOUND otherwise. */
int mr_engine_mailbox(struct mr_engine *engine, const char *login, char address_r[320]);
/* All sessions must have been freed. */
void mr_engine_free(struct mr_engine **engine);

/* ---- Logins: what a milter never sees ---- */

/* One login that somebody tries or tried. Strings may be NULL for "not told"; any bytes but NUL. */
struct mr_login_info {
	size_t size;              /* sizeof(struct mr_login_info) */
	const char *login;
	const char *address;      /* of the client, as text */
	const char *protocol;     /* "smtp", "imap", "pop3", ... */
	const char *pwhash;       /* a short hash of the password, the same for the same password of one login */
	const char *fail_type;    /* of Dovecot */
	bool success;
	bool policy_reject;       /* it failed because we refused it */
};

/* Whether it may log in. status: -1 refused, 0 let in, n: after n seconds. text: for the log of whoever asks. Counts
 * nothing; never waits. */
struct mr_login_answer {
	int status;
	char text[128];
};
void mr_engine_login_allow(struct mr_engine *engine, int64_t now_ms, const struct mr_login_info *info,
			   struct mr_login_answer *answer_r);
/* What came of it: counts, learns, blocks. */
void mr_engine_login_report(struct mr_engine *engine, int64_t now_ms, const struct mr_login_info *info);

/* Reads one line of a mail log. source_ms: the wall clock, which gives the year and what the line lacks. n > 0: *fact_r is
 * the fact (spec of facts, one line of JSON without its newline, to be freed with free()), and it happened n times, at most
 * 20: a server may tell of all tries of a session in one line. 0: the line says nothing of a login; MR_ERR_NOMEM.
 * Thread-safe. */
int mr_log_line_read(const char *line, size_t length, int64_t source_ms, char **fact_r);

/* ---- Places: which country and network an address is in ---- */

struct mr_geo;
/* Opens the databases that policy names (geo{}), each copied into memory and checked whole before it is given out. 0 with
 * *geo_r NULL: the policy names none; otherwise why_r says in a sentence what was opened. MR_ERR_*: why_r is a sentence with
 * the path, the cause and the likely cure, and *geo_r is what could be opened nevertheless, or NULL. Reads the disk. */
int mr_geo_open(const struct mr_policy *policy, char why_r[256], struct mr_geo **geo_r);
/* Whether a file that it was opened from has been replaced since, or policy names others, so that it should be opened anew.
 * geo may be NULL. Looks at the disk. */
bool mr_geo_is_stale(const struct mr_geo *geo, const struct mr_policy *policy);
/* One more reference; returns geo, which may be NULL. Thread-safe, as mr_geo_free() is, which gives one back. */
struct mr_geo *mr_geo_hold(struct mr_geo *geo);
void mr_geo_free(struct mr_geo **geo);
/* From now on addresses are looked up in geo (the engine takes it over; NULL: nowhere). Safe while messages pass. */
void mr_engine_set_geo(struct mr_engine *engine, struct mr_geo *geo);

/* Things that a process says of itself; detail is one sentence, or NULL. */
enum mr_said { MR_SAID_STARTED, MR_SAID_STOPPING, MR_SAID_POLICY_LOADED, MR_SAID_POLICY_REFUSED, MR_SAID_DEGRADED, MR_SAID_RECOVERED, MR_SAID_ALERT };
/* dropped: event lines lost before this one. */
void mr_engine_say(struct mr_engine *engine, int64_t now_ms, enum mr_said what, const char *detail, uint64_t dropped);

/* What the policy in force wants to see of a session; the rest need not be asked of the mail server. */
enum mr_needs {
	MR_NEEDS_CONNECT = 1, /* an answer at CONNECT */
	MR_NEEDS_HEADERS = 2, /* header fields */
	MR_NEEDS_BODY = 4     /* the body's length */
};
unsigned mr_engine_needs(const struct mr_engine *engine);

/* What to answer the mail server. Text is static or lives in the reply. */
enum mr_action { MR_CONTINUE, MR_ANSWER_TEMPFAIL, MR_ANSWER_REJECT, MR_ANSWER_HOLD };
struct mr_reply {
	enum mr_action action;
	unsigned code;        /* 4xx with MR_ANSWER_TEMPFAIL, 5xx with MR_ANSWER_REJECT, 0 otherwise */
	const char *enhanced; /* "5.7.1" */
	char text[256];       /* one line, printable ASCII, no '%'; for MR_ANSWER_HOLD the reason that the queue shows */
};

/* A session of one connection. granted: which of mr_engine_needs() the mail server agreed to. */
int mr_session_new(struct mr_engine *engine, unsigned granted, struct mr_session **session_r);
/* The connection is gone; a transaction that is still open ends here with its own line. */
void mr_session_close(struct mr_session **session, int64_t now_ms);

/* Strings may be NULL for "not told". They are copied. */
struct mr_connect_info {
	size_t size;               /* sizeof(struct mr_connect_info) */
	const void *address;       /* 4 or 16 bytes in network order; NULL: unknown family */
	size_t address_length;
	unsigned client_port;
	const char *client_name;
	const char *listener;      /* {daemon_name} */
	const char *server_name;   /* {j} */
	const char *server_address; /* text: {daemon_addr} or {if_addr} */
	unsigned server_port;
	bool local;                /* submitted on the host itself */
};
void mr_session_connect(struct mr_session *session, int64_t now_ms, const struct mr_connect_info *info,
			struct mr_reply *reply_r);
/* HELO or EHLO; forgets the login, as STARTTLS does. */
void mr_session_helo(struct mr_session *session, int64_t now_ms, const char *helo, const char *tls_version,
		     const char *tls_cipher);
/* login: {auth_authen}; parameters: the ESMTP arguments after the path, NULL-ended, or NULL. */
void mr_session_mail(struct mr_session *session, int64_t now_ms, const char *path, const char *const *parameters,
		     const char *login, const char *queue_id, struct mr_reply *reply_r);
/* addr, host, mailer: {rcpt_addr}, {rcpt_host}, {rcpt_mailer}. */
void mr_session_rcpt(struct mr_session *session, int64_t now_ms, const char *path, const char *addr, const char *host,
		     const char *mailer, struct mr_reply *reply_r);
void mr_session_header(struct mr_session *session, const char *name, const char *value);
void mr_session_body(struct mr_session *session, size_t length);
/* size: bytes of the message as the mail server says, -1 if it does not. */
void mr_session_end_of_message(struct mr_session *session, int64_t now_ms, const char *queue_id, const char *message_id,
			       int64_t size, struct mr_reply *reply_r);
/* RSET, a second HELO, or the client went away. Does nothing when no transaction is open. */
void mr_session_abort(struct mr_session *session, int64_t now_ms);
/* A command that is not SMTP, or not known. */
void mr_session_unknown(struct mr_session *session, int64_t now_ms);
/* Refuses the message that would begin now, since the daemon is about to stop (451 4.3.2). */
void mr_session_mail_while_stopping(struct mr_session *session, struct mr_reply *reply_r);

/* ---- Replay: mailreeve(1) ---- */

struct mr_replay;

/* Takes over the reference to policy. Lines go to event. */
int mr_replay_new(struct mr_policy *policy, mr_line_function *event, void *event_context, struct mr_replay **replay_r);
/* The same on the state in directory, which learns from the facts: no daemon may have it open. why_r: "" or what is wrong
 * with the folder, in a sentence. A state's time never goes back: older facts are played at its own time. */
int mr_replay_open(struct mr_policy *policy, const char *directory, mr_line_function *event, void *event_context,
		   char why_r[256], struct mr_replay **replay_r);
/* Plays one line of facts (with or without its newline). MR_ERR_SYNTAX (-2): the line could not be read; *column_r
 * (from 1) and *why_r (borrowed until the next call) say where and why. An empty line is passed over. */
int mr_replay_line(struct mr_replay *replay, const char *line, size_t length, unsigned *column_r, const char **why_r);
/* Facts played, and facts whose time went backwards. */
void mr_replay_counts(const struct mr_replay *replay, uint64_t *played_r, uint64_t *backwards_r);
void mr_replay_free(struct mr_replay **replay);

/* ---- Control channel: how mailreeve(1) talks to mailreeved(8) ---- */

/* The longest line of the channel, with its newline. */
enum { MR_CONTROL_LINE_MAX = 65536 };

/* Sends request (one JSON object without its newline) to the daemon's control socket and waits for the one line that
 * answers; the caller frees *answer_r with free(). silence_ms: the longest wait. MR_ERR_NOTFOUND (-4): nobody listens at
 * path; MR_ERR_IO (-6): the connection broke or was silent; both with errno. */
int mr_control_call(const char *path, const char *request, int silence_ms, char **answer_r);
/* The same for a request that is answered by many lines: sends it and gives the socket, which the caller reads with
 * mr_frame_read() and closes. */
int mr_control_open(const char *path, const char *request, int *fd_r);

/* Cuts what arrives on a socket into lines, for the daemon's side. */
struct mr_frame;
int mr_frame_new(struct mr_frame **frame_r);
void mr_frame_free(struct mr_frame **frame);
/* Takes what can be read without waiting. 1: *line_r, *n_r bytes and a NUL, borrowed until the next call; call again, more
 * may be held. 0: no whole line yet. MR_ERR_FULL (-5): the line is too long. MR_ERR_IO (-6): the other end is gone. */
int mr_frame_read(struct mr_frame *frame, int fd, const char **line_r, size_t *n_r);

/* ---- Vocabulary, for manuals, completion and tests ---- */

/* One row of a table at a time: start with i = 0 until false. kind: "rule", "reason", "event", "channel", "setting",
 * "lint". Name and words are static. */
bool mr_vocabulary(const char *kind, size_t i, const char **name_r, const char **words_r);

#ifdef __cplusplus
}
#endif

#endif
