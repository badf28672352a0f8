/*
 * A fact: something that happened, with its time (../spec of facts: mailreeve-events(5), mailreeve(1) replay).
 * Plain data. All slices are borrowed: from the session's arena in the daemon, from the line in replay.
 */
#ifndef MR_MODEL_FACT_H
#define MR_MODEL_FACT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/ip.h"
#include "base/str.h"

enum mr_fact_kind { MR_FACT_MESSAGE, MR_FACT_LOGIN, MR_FACT_CONNECT, MR_FACT_CONTROL };

/* One client connection as the mail server shows it. Absent slices: not told. */
struct mr_connection {
	struct mr_ip client_ip;   /* of unknown family when the mail server cannot say */
	struct mr_str client_name;
	unsigned client_port;     /* 0: not told */
	struct mr_str country;    /* ISO code that overrides the look-up */
	int64_t asn;              /* -1: not told */
	struct mr_str as_name;    /* who runs that network; absent: not known */
	bool located;             /* a place on the map is known: */
	int16_t latitude, longitude; /* in tenths of a degree */
	struct mr_str listener;   /* {daemon_name} */
	struct mr_str helo;
	struct mr_str server_name; /* {j}, the mail server's own host name */
	struct mr_ip server_ip;
	unsigned server_port;
	struct mr_str tls_version;
	struct mr_str tls_cipher;
	bool local;               /* submitted on the host itself: sendmail command, pickup */
};

/* One RCPT. */
struct mr_recipient {
	struct mr_str path;   /* as given */
	struct mr_str addr;   /* {rcpt_addr}, {rcpt_host}, {rcpt_mailer}: absent when not told */
	struct mr_str host;
	struct mr_str mailer; /* "error": refused by the mail server itself */
};

/* One SMTP transaction. */
struct mr_message {
	struct mr_str login;      /* as given; absent or empty: nobody logged in */
	struct mr_str mail_from;  /* reverse-path as given */
	const struct mr_recipient *rcpt;
	size_t rcpt_count;
	bool headers_seen;        /* false: From and Sender are not known, which is not the same as none */
	const struct mr_str *header_from; /* each an address, or the value of a From field (RFC 5322 3.6.2) */
	size_t header_from_count;
	const struct mr_str *header_sender;
	size_t header_sender_count;
	int64_t declared_size;    /* SIZE= of MAIL, bytes; -1: none */
	int64_t size;             /* bytes of the message; -1: not told */
	bool spam_told, spam;     /* another filter's verdict */
	struct mr_str script;     /* what the policy's script header says */
	bool aborted;             /* the client did not finish: what the rest would have been is not known */
	struct mr_str queue_id;   /* {i} */
	struct mr_str message_id; /* Message-ID */
};

/* What an operator ordered. */
struct mr_control {
	struct mr_str order;      /* "freeze", "hold", "thaw", "block", "unblock" */
	struct mr_str subject;    /* a login, or an address or prefix */
	struct mr_str operator_name, reason;
	int64_t time_ms;          /* for how long; 0: no end */
	bool learn;               /* a thaw: it was harmless, and is learned from */
};

/* One login that was tried, over any protocol. */
struct mr_attempt {
	struct mr_str login;      /* as given; may be empty */
	struct mr_str protocol;   /* "smtp", "imap", "pop3", ...; absent: not told */
	struct mr_str pwhash;     /* a short hash of the password; absent or empty: not told */
	struct mr_str fail_type;  /* of Dovecot: "credentials", "account" (no such user), "internal", ...; absent: not told */
	bool success;
	bool policy_reject;       /* it failed because we refused it: not counted */
};

/* What a connection did beside messages. */
enum mr_contact { MR_CONTACT_CONNECTION, MR_CONTACT_RESET, MR_CONTACT_SYNTAX_ERROR };

struct mr_fact {
	enum mr_fact_kind kind;
	int64_t time_ms;
	struct mr_str id;         /* echoed as labels.fact_id; absent: none */
	bool id_is_number;
	struct mr_connection connection;
	struct mr_message message; /* for MR_FACT_MESSAGE */
	struct mr_control control; /* for MR_FACT_CONTROL */
	struct mr_attempt attempt; /* for MR_FACT_LOGIN */
	enum mr_contact contact;   /* for MR_FACT_CONNECT */
};

#endif
