/*
 * The habits of an account and the means of the site: what the detector (core/hijack.h) compares a message with. Plain
 * data of fixed size, without pointers, copied to disk as it is. Only the detector's files read or write the members;
 * the chart of a habit's days is for everybody. Times are state time. Floats are IEEE single precision.
 */
#ifndef MR_MODEL_HABIT_H
#define MR_MODEL_HABIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/channel.h"

enum {
	MR_HABIT_PLACES = 8,
	MR_HABIT_ASNS = 8,
	MR_HABIT_COUNTRIES = 6,
	MR_HABIT_SENDERS = 6,
	MR_HABIT_CLIENTS = 4,
	MR_HABIT_SIZES = 4,
	MR_HABIT_CROWDS = 7,
	MR_HABIT_DAYS = 30,
	MR_HABIT_RECIPIENT_WORDS = 16, /* 1024 bits a generation */
	MR_SITE_TAIL_BINS = 64,
	MR_SITE_CLIENT_BINS = 128,
	MR_SITE_ASN_WORDS = 128,         /* 8192 bits */
	MR_SITE_RECIPIENT_WORDS = 8192, /* 524288 bits a generation */
};

/* Evidence that adds up over messages and fades. */
enum mr_habit_sum {
	MR_SUM_NOVELTY,
	MR_SUM_PERSISTENCE,
	MR_SUM_SIZE,
	MR_SUM_SPAM,
	MR_SUM_REFUSED,
	MR_SUM_REFUSED_MAILING,
	MR_SUM_SENDER,
	MR_SUM_PLACE,
	MR_SUM_CLIENT,
	MR_SUM_CROWD,
	MR_SUM_LIST,
	MR_SUM_COLLEAGUES,
	MR_SUM_INSIDE,
	MR_SUM_BOOK,
	MR_SUM_COUNT
};

/* A share, learned: yes of all, both fading. */
struct mr_pair {
	float yes, all;
};

/* One network that the account sent from. */
struct mr_habit_place {
	uint32_t network;   /* hash; 0: free */
	uint16_t first_day, last_day;
	uint8_t good;       /* 4 for each calm message to known people, less 1 for each to strangers, saturating */
	int8_t charge;      /* evidence when it was first seen, in 1/8 nat */
	uint8_t good_days;  /* days with such a message, saturating */
	uint8_t good_day;   /* the last of them, low bits */
};

struct mr_habit_client {
	uint16_t client;    /* hash; 0: free */
	uint8_t weight;     /* calm messages with it, saturating */
	uint8_t day;        /* of the last one, low bits */
};

struct mr_habit {
	int64_t last_ms;                 /* of the last message */
	uint32_t grace_minute;           /* until then all is taken as calm: an operator said that it is */
	uint32_t messages;               /* all ever, saturating */
	uint32_t hour;                   /* the hour that hour_* count, hours of state time */
	uint16_t day;                    /* the day that today_messages and worst count; days of state time */
	uint16_t first_day;
	uint16_t pending_day;            /* the first day of the incident that pending tells of */
	uint16_t today_messages;
	uint8_t hour_messages, hour_strange;
	uint8_t hour_taught;             /* the hour was calm and from a proven place */
	uint8_t home;                    /* has had a trusted place */
	uint8_t ours;                    /* has sent calmly from the site's own networks */
	uint8_t size_next;
	uint8_t worst;                   /* highest total of the day, in 1/8 nat, as the next two */
	uint8_t pending;                 /* highest total of an incident, for the site's tail */
	uint8_t spoke_total;
	int8_t spoke[MR_CHANNEL_COUNT];  /* evidence at that total, in 1/8 nat: what a release is about */
	uint8_t released[MR_CHANNEL_COUNT]; /* how often an operator called this evidence harmless, in 1/16 */
	uint8_t unused;
	uint16_t peak[6], peak_today[6]; /* messages, then recipients, over the three times; mr_small */
	int16_t sum[MR_SUM_COUNT];       /* 1/512 nat; mr_sum_get */
	uint16_t size[MR_HABIT_SIZES];   /* ln of the last sizes, in 1/4096; 0: none */
	uint16_t size_minute[MR_HABIT_SIZES];
	uint16_t crowd[MR_HABIT_CROWDS]; /* messages by recipients: 1, 2, 4, 8, 16, 32, 64 and more, fading, in 1/64 */
	uint16_t hour_of_day[8];         /* weight of 3 hours each, in 1/64 message */
	float series;                    /* messages in the zone of holding, fading over a day */
	float messages_in[3], recipients_in[3]; /* fading counts over 10 minutes, an hour, a day */
	struct mr_pair stranger, flagged, refused, refused_now, familiar, familiar_now, place_now, alike, strange_hour;
	float place_seen[4];             /* known network, new network, new AS, new country */
	float sessions;
	struct mr_habit_place place[MR_HABIT_PLACES];
	struct mr_habit_client client[MR_HABIT_CLIENTS];
	uint16_t asn[MR_HABIT_ASNS];     /* hashes, 0: free; newest first */
	uint16_t country[MR_HABIT_COUNTRIES];
	uint16_t sender[MR_HABIT_SENDERS];
	uint16_t recipients_new;         /* put into the newer generation */
	uint8_t days[MR_HABIT_DAYS];     /* messages a day: [0] is the day before `day`; see mr_habit_day_messages */
	uint8_t unused2[4];
	uint64_t recipient[2][MR_HABIT_RECIPIENT_WORDS]; /* Bloom filters: newer and older generation */
};

/* Whether all its floats are finite, as others would poison every sum, and the place of the next size is one. It looks at
 * nothing else. Thread-safe. */
bool mr_habit_valid(const struct mr_habit *habit);

/* What all accounts of the site do: where an account with little history is taken to start from. */
struct mr_site {
	struct mr_pair stranger[5];      /* share of strangers among recipients, by age of the account */
	struct mr_pair flagged, refused, familiar, alike, strange_hour;
	float client[MR_SITE_CLIENT_BINS]; /* fading count of messages by client */
	float clients;
	uint32_t unused;
	float crowd[MR_HABIT_CROWDS];
	uint32_t unused2;
	double account_days;             /* days that settled accounts were watched */
	uint64_t asn[MR_SITE_ASN_WORDS]; /* AS that accounts sent from calmly */
	uint32_t asns, unused4;
	uint32_t recipients_new, unused3;
	uint64_t recipient[2][MR_SITE_RECIPIENT_WORDS]; /* whom anybody here writes to: newer and older generation */
	uint32_t tail[MR_SITE_TAIL_BINS]; /* incidents of settled accounts by their highest total, half a nat each */
};

#endif
