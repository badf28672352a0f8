/*
 * One event line before it is text (mailreeve-events(5)). Plain data, borrowed slices.
 */
#ifndef MR_MODEL_EVENT_H
#define MR_MODEL_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "model/channel.h"
#include "model/decision.h"
#include "model/fact.h"
#include "model/vocabulary.h"

enum { MR_EVENT_ID_MAX = 24, MR_EVENT_RCPT_MAX = 20, MR_EVENT_REFUSED_MAX = 64, MR_EVENT_TEXT_MAX = 512 };

enum mr_direction { MR_DIRECTION_UNKNOWN, MR_DIRECTION_INBOUND, MR_DIRECTION_OUTBOUND, MR_DIRECTION_INTERNAL };

/* Who writes: the same for every line of a process. */
struct mr_observer {
	struct mr_str host;    /* host.name, observer.hostname; absent in replay */
	struct mr_str version; /* observer.version */
};

/* What is known of the recipients of a message when its line is written. */
struct mr_rcpt_summary {
	uint64_t count, accepted, refused, rejected_by_mta;
	uint64_t distinct_new;         /* that the account never wrote to */
	bool distinct_told;
	struct mr_str to[MR_EVENT_RCPT_MAX];           /* the first ones, as addresses */
	size_t to_count;
	struct mr_str refused_paths[MR_EVENT_REFUSED_MAX]; /* as given; the line cuts them further when it gets too long */
	size_t refused_count;
};

/* The weights of the evidence against an account, in nats (core/hijack.h). */
struct mr_event_evidence {
	float channel[MR_CHANNEL_COUNT];
	float total, limit;            /* limit: from which the account is frozen */
};

/* One counter of a hard limit when the verdict fell. */
struct mr_event_counter {
	struct mr_str name;            /* of the limit: "login.messages.1h" */
	uint64_t value, limit;         /* limit UINT64_MAX: there is none */
};

struct mr_event {
	enum mr_event_action action;
	int64_t time_ms;
	uint64_t sequence;             /* event.sequence, from 1 */
	char id[MR_EVENT_ID_MAX];      /* event.id, what the client is shown; "" for none */
	char transaction[MR_EVENT_ID_MAX]; /* mailreeve.transaction; "" for none */
	struct mr_str fact_id;         /* labels.fact_id */
	bool fact_id_is_number;

	struct mr_str message;         /* one line for people; absent: made from the reason */
	struct mr_str detail;          /* event.reason when it is not the reason's own sentence (a policy fault, an errno) */

	/* The decision: for VERDICT, REFUSED, ALERT, EXEMPTION_USED. */
	bool decided;
	struct mr_decision decision;
	enum mr_stage stage;
	bool unfinished;               /* the client went away before the end of the message: outcome unknown */
	const struct mr_trail *trail;  /* NULL: none */
	struct mr_str recipient;       /* the one that a REFUSED or ALERT line is about, as given */
	struct mr_str exemption;       /* for EXEMPTION_USED */

	/* Policy in force. */
	struct mr_str ruleset;         /* file */
	uint64_t generation;           /* 0: none */
	enum mr_mode mode;             /* of the deciding rule */

	/* What it was about; NULL or absent: nothing. */
	const struct mr_connection *connection;
	struct mr_str login;           /* canonical */
	struct mr_str sender;          /* canonical address; "" for the null sender */
	const struct mr_str *header_from; /* addresses */
	size_t header_from_count;
	struct mr_str queue_id, message_id;
	int64_t size;                  /* bytes, -1: not told */
	enum mr_direction direction;
	const struct mr_rcpt_summary *rcpt; /* NULL: none */
	const struct mr_event_evidence *evidence; /* NULL: none */
	const struct mr_event_counter *counters;
	size_t counter_count;
	struct mr_str protocol;        /* network.protocol of a login ("imap"); absent: smtp when there is a connection */
	struct mr_str prefix;          /* the source that is counted or blocked, as mr_prefix_format writes it: mailreeve.prefix;
	                                * without a connection a single address is source.ip too */
	struct mr_str as_name;         /* source.as.organization.name; absent: what connection says */
	struct mr_str account;         /* who was frozen, held or thawed when nobody logged in: a source, script or sender */
	struct mr_str operator_name;   /* who ordered it; absent: nobody */
	int64_t until_ms;              /* when it ends by itself; 0: it does not */
	int64_t duration_ns;           /* event.duration, -1: not told */
	bool degraded;
	uint64_t dropped;              /* lines lost before this one: mailreeve.counter.dropped */
};

#endif
