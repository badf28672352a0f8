/*
 * A policy, compiled: immutable once built, shared by reference count. The room policy/ builds it from text,
 * the core reads it. Names of fields follow the names of settings in mailreeve.conf(5).
 * Thread-safe once built; the count is atomic.
 */
#ifndef MR_MODEL_POLICY_H
#define MR_MODEL_POLICY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/prefixset.h"
#include "base/str.h"
#include "base/strmap.h"
#include "model/decision.h"
#include "model/metric.h"
#include "model/pattern.h"
#include "model/signal.h"
#include "model/vocabulary.h"

/* What every rule has. */
struct mr_rule_settings {
	enum mr_mode mode;
	enum mr_verdict action;       /* what a "yes" does: reject, tempfail or hold */
	enum mr_verdict cannot_tell;  /* what "cannot tell" does: accept, tempfail or reject */
	struct mr_prefixset *except;  /* networks that the rule does not ask; may be NULL */
};

enum mr_access_stage { MR_ACCESS_AT_MAIL, MR_ACCESS_AT_CONNECT };

struct mr_access_policy {
	struct mr_rule_settings rule;
	bool allow_mode;              /* the list says who may; otherwise who may not */
	struct mr_prefixset *list;
	enum mr_access_stage at;
};

struct mr_relay_policy {
	struct mr_rule_settings rule;
	struct mr_prefixset *networks;    /* may relay without a login */
	struct mr_patternset *logins;     /* which logins may relay; NULL: all */
	bool local_submission;            /* mail submitted on the host itself may leave */
	bool routing_characters;          /* '%', '!' and a second '@' are taken as part of a local name */
	struct mr_strmap *local_mailers;  /* {rcpt_mailer} values that deliver on this host */
};

struct mr_auth_policy {
	struct mr_rule_settings rule;
	bool local_senders, local_networks, roles;
	struct mr_prefixset *networks;   /* for local_networks */
	struct mr_strmap *role_names;    /* local parts, lower case */
	struct mr_strmap *listeners;     /* {daemon_name} values, exact */
	bool except_local_recipients;    /* mail to our own domains needs no login: judged at RCPT */
};

/* One entry of the list "shield". */
struct mr_shield_policy {
	struct mr_rule_settings rule;
	struct mr_domainset *domains;    /* named domains and suffixes */
	bool local_domains;              /* "@local": domains and relays */
	bool any_domain;                 /* "*" */
	struct mr_prefixset *networks;
	bool header_from;
	bool except_logins;
	bool except_local_recipients;
	bool aliases;                    /* an alias counts as the address that it stands for */
};

struct mr_sender_policy {
	struct mr_rule_settings rule;
	struct mr_strmap *logins;        /* canonical login -> struct mr_patternset *; NULL: no map */
	bool own;                        /* the login's own address is always among its senders */
	bool aliases;                    /* so are the aliases that lead to it */
	bool plus;                       /* alice+x@ counts as alice@ */
	bool null_sender;                /* "<>" may be used by any login */
	bool header_from, header_sender;
};

struct mr_exists_policy {
	struct mr_rule_settings rule;
	bool senders, recipients;
	bool except_logins;
	bool plus;
};

struct mr_helo_policy {
	struct mr_rule_settings rule;
	bool except_logins;
};

struct mr_limits_policy {
	struct mr_rule_settings rule;    /* action is not used: the reasons have their own codes */
	int64_t recipients;              /* 0: no limit */
	int64_t size;                    /* bytes, 0: no limit */
	bool size_from_body;             /* count the bytes; otherwise SIZE= and {msg_size} only */
};

/* What the detector may do, and to whom. */
enum mr_hijack_action { MR_HIJACK_FREEZE, MR_HIJACK_HOLD, MR_HIJACK_ALERT };
/* What an account is when nobody logged in. */
enum mr_hijack_key { MR_HIJACK_KEY_SOURCE, MR_HIJACK_KEY_SENDER, MR_HIJACK_KEY_NONE };

/* Which logins of a frozen account the login feed refuses. */
enum mr_frozen_logins { MR_FROZEN_SMTP, MR_FROZEN_ALL, MR_FROZEN_NONE };

struct mr_rate {
	uint64_t most;                   /* UINT64_MAX: unlimited */
	int64_t window_ms;
};

struct mr_hijack_policy {
	struct mr_rule_settings rule;    /* action and cannot_tell are not used */
	enum mr_hijack_action action;
	double false_freezes;            /* the knob: wanted at most, per 1000 accounts and year */
	double threshold;                /* nats; 0: from the knob */
	bool calibrate;                  /* the knob's threshold follows the site's own traffic */
	bool hold;                       /* hold single messages below the threshold */
	bool external_only;              /* a frozen account may still write to our own domains */
	int64_t freeze_time_ms;          /* a freeze ends by itself; 0: it does not */
	struct mr_rate budget;           /* automatic freezes */
	enum mr_hijack_key unauthenticated;
	char *script_header;             /* header that names the script, e.g. X-PHP-Originating-Script; NULL: none */
	struct mr_strmap *spam_headers;  /* lower-case header name -> char * start of the value that means spam; NULL: none */
	bool size_from_body;             /* count the bytes; otherwise SIZE= and {msg_size} only */
	enum mr_frozen_logins frozen_logins;
	char *contact;                   /* for the client's line; NULL: none */
	uint32_t channels_off;           /* 1 << enum mr_channel: for the ablation table only */
	struct mr_prefixset *own_networks; /* the policy's named networks: a trusted place by declaration; may be NULL */
};

/* Who is counted. A ceiling is counted for each login too, apart: it is hijack's own. */
enum mr_rate_per { MR_RATE_PER_LOGIN, MR_RATE_PER_SOURCE, MR_RATE_PER_LISTENER, MR_RATE_PER_CEILING };
enum { MR_RATE_PER_COUNT = MR_RATE_PER_CEILING + 1 };
/* From where: any client, or only those of the policy's named networks, of private addresses, all others. */
enum mr_rate_class { MR_RATE_ANY, MR_RATE_NETWORKS, MR_RATE_PRIVATE, MR_RATE_OTHER };
/* What an excess does, from mildest to hardest. */
enum mr_rate_action { MR_RATE_ALERT, MR_RATE_HOLD, MR_RATE_TEMPFAIL, MR_RATE_REJECT, MR_RATE_FREEZE };

/* At most so much of one thing in a window. */
struct mr_rate_limit {
	enum mr_metric metric;
	struct mr_rate rate;             /* windows are whole seconds */
	char *label;                     /* in event lines: "NAME.messages.1h" */
};

/* Bounds that the policy keeps: windows of one metric in one entry, and limits that can hold for one message. */
enum { MR_RATE_WINDOWS_MAX = 4, MR_RATE_USES_MAX = 64 };

/* One entry of the list "rates", or what hijack sets as ceilings. Of the lists that say whom it holds for at most one is
 * set, logins in both its halves; none: it holds for all. */
struct mr_rates_entry {
	char *name;
	enum mr_rule asked;              /* the rule whose exemptions excuse: MR_RULE_RATES or MR_RULE_HIJACK */
	struct mr_rule_settings rule;    /* action: the verdict that goes with action */
	enum mr_rate_per per;
	enum mr_rate_class from;
	enum mr_rate_action action;
	struct mr_patternset *exact;     /* logins without a wildcard */
	struct mr_patternset *like;      /* logins with one */
	struct mr_domainset *domains;    /* of logins */
	struct mr_prefixset *sources;
	struct mr_strmap *listeners;     /* {daemon_name} values */
	uint32_t metrics;                /* 1 << enum mr_metric: named in it, unlimited ones too */
	struct mr_rate_limit *limits;    /* in the order of metrics */
	size_t limit_count;
};

struct mr_rates_policy {
	struct mr_rates_entry *entries;
	size_t count;
	struct mr_prefixset *networks;   /* all named networks together: MR_RATE_NETWORKS; may be NULL */
};

enum { MR_SCREEN_STEPS_MAX = 8, MR_SCREEN_WIDE_MAX = 3 };
enum mr_screen_stage { MR_SCREEN_AT_MAIL, MR_SCREEN_AT_CONNECT };

/* At most so much of one signal in a window. */
struct mr_screen_limit {
	enum mr_signal signal;
	struct mr_rate rate;             /* windows are whole seconds */
	char *label;                     /* in event lines: "login_failures.1h" */
};

struct mr_screen_policy {
	struct mr_rule_settings rule;    /* action: of a blocked source; cannot_tell is not used */
	enum mr_screen_stage at;         /* where a blocked source is refused; at MAIL those who logged in pass */
	struct mr_screen_limit *limits;  /* in the order of signals; all signals but simultaneous */
	size_t limit_count;
	uint32_t simultaneous;           /* connections of one source at one time; 0: no limit */
	int64_t block_ms[MR_SCREEN_STEPS_MAX]; /* the first time, the second, ... */
	size_t block_count;
	int64_t forget_ms;               /* one offence is forgotten after so long without one */
	struct mr_rate budget;           /* automatic blocks */
	uint8_t ipv4_prefix, ipv6_prefix; /* what is one source */
	uint8_t wide_ipv4[MR_SCREEN_WIDE_MAX], wide_ipv6[MR_SCREEN_WIDE_MAX]; /* wider prefixes that are counted too; 0: none */
	uint32_t wide_factor;            /* their limits are so many times as high */
	uint32_t shared_logins;          /* a source with so many good logins is not blocked but told of; 0: none is spared */
	int64_t tarpit_ms;               /* wait for a login from a source past half a limit; whole seconds; 0: none */
	struct mr_prefixset *own_networks; /* the policy's named networks, for the signals of INSIDE; may be NULL */
};

/* Countries and autonomous systems. Sorted ascending. */
struct mr_territory {
	uint16_t *countries;             /* two letters, first << 8 | second */
	size_t country_count;
	uint32_t *asns;
	size_t asn_count;
};

/* One entry of the list "location". Of logins and domains at most one is set; neither: it holds for all. The first entry
 * that holds for a login decides; entries for logins come before those for domains, and these before the rest. */
struct mr_location_entry {
	struct mr_rule_settings rule;
	struct mr_patternset *logins;
	struct mr_domainset *domains;    /* of logins */
	struct mr_territory from;        /* logins come only from there; empty: from everywhere */
	struct mr_territory not_from;    /* and not from there */
};

struct mr_location_policy {
	struct mr_location_entry *entries;
	size_t count;
};

struct mr_geo_policy {
	struct mr_territory shared;      /* autonomous systems (and countries) whose addresses say nothing of a person's place */
};

/* A list of texts that the daemon asks for. */
struct mr_items {
	char **text;
	size_t count;
};

struct mr_notices_policy {
	struct mr_items to, events;
	struct mr_items password;        /* the password alone, or nothing */
};

struct mr_login_feed_policy {
	struct mr_items keys;            /* one or two; none: there is no feed */
};

struct mr_state_policy {
	char *directory;
	bool directory_named;            /* the policy names it; otherwise it is only the usual place */
	uint64_t accounts, sources;      /* most records */
	uint64_t windows;                /* bytes for the counters of hard limits */
};

/* An exemption holds for a rule when every condition that it names holds. */
struct mr_exemption {
	char *name, *owner, *reason;
	int64_t expires_ms;              /* INT64_MAX: never */
	mr_rule_mask rules;
	struct mr_patternset *login;     /* NULL: not asked */
	struct mr_prefixset *network;
	struct mr_patternset *sender;    /* claimed by the client: never for the rule relay */
	struct mr_patternset *recipient;
	char *listener;
};

struct mr_login_policy {
	char *default_domain;            /* canonical; NULL: none */
	bool fold_case;
	bool strip_plus;
};

struct mr_log_policy {
	char *events;                    /* "file path", "stdout", "syslog", "journal", "none": as written */
	char *facts;                     /* path, NULL: not recorded */
	bool hash_addresses;
	unsigned char address_key[32];   /* for hash_addresses */
};

/* A scalar setting by its full name ("milter", "log.events", "drain"): what the daemon asks for by name. */
struct mr_scalar {
	enum { MR_SCALAR_TEXT, MR_SCALAR_NUMBER, MR_SCALAR_BOOL } type;
	char *text;     /* MR_SCALAR_TEXT; NULL when unset */
	int64_t number; /* also 0 or 1 for MR_SCALAR_BOOL; ms for times, bytes for sizes */
};

struct mr_policy {
	atomic_int references;
	uint64_t generation;             /* set once by whoever puts the policy in force; 1 is the first */
	char *file;                      /* the policy file's name, for rule.ruleset */
	unsigned char hash_key[MR_HASH_KEY_BYTES];

	enum mr_mode mode;               /* master switch: observe caps every rule at observe, off at off */
	struct mr_domainset *domains;
	struct mr_domainset *relays;
	struct mr_domainset *hostnames;  /* NULL: what the mail server says */
	struct mr_prefixset *own_addresses; /* NULL: what the mail server says */
	struct mr_patternset *helpdesk;
	struct mr_strmap *accounts;      /* "local@domain" -> NULL; no map: NULL */
	struct mr_strmap *aliases;       /* "local@domain" -> char * "local@domain", the address it stands for, or "" when there
	                                  * are several; NULL: no map */
	struct mr_login_policy login;

	struct mr_access_policy access;
	struct mr_relay_policy relay;
	struct mr_auth_policy auth;
	struct mr_shield_policy *shield;
	size_t shield_count;
	struct mr_sender_policy sender;
	struct mr_exists_policy exists;
	struct mr_helo_policy helo;
	struct mr_limits_policy limits;
	struct mr_rates_policy rates;

	struct mr_screen_policy screen;
	struct mr_geo_policy geo;
	struct mr_location_policy location;
	struct mr_hijack_policy hijack;
	struct mr_state_policy state;
	struct mr_notices_policy notices;
	struct mr_login_feed_policy login_feed;

	struct mr_exemption *exemptions;
	size_t exemption_count;

	struct mr_log_policy log;
	struct mr_strmap *scalars;       /* full name -> struct mr_scalar * */
};

/* An empty policy with one reference, everything 0 or NULL. NULL when there is no memory. */
struct mr_policy *mr_policy_alloc(void);
/* One more reference; returns policy. */
struct mr_policy *mr_policy_hold(struct mr_policy *policy);
/* Gives one reference back; the last one frees all. Nulls the pointer. */
void mr_policy_drop(struct mr_policy **policy);

/* The mode in which a rule acts: its own, capped by the policy's. */
enum mr_mode mr_policy_mode(const struct mr_policy *policy, const struct mr_rule_settings *rule);

#endif
