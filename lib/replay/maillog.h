/*
 * Reading logins out of mail logs, the parts of mr_log_line_read (mailreeve.h). Private to this room and to its tests.
 * Thread-safe: nothing here keeps state. All slices are borrowed from the line.
 */
#ifndef MR_REPLAY_MAILLOG_H
#define MR_REPLAY_MAILLOG_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "base/ip.h"
#include "base/str.h"

/* The most logins that one line stands for. */
enum { MR_LOG_TRIES_MAX = 20 };

/* ---- The head of a line: when, and which program ---- */

/* A time as it is written: without a year, without a zone, or not at all. */
struct mr_log_stamp {
	struct tm tm;
	int64_t fraction_ms;
	bool told, has_year, has_zone;
	long zone_s; /* east of Greenwich */
};

struct mr_log_head {
	struct mr_log_stamp stamp;
	struct mr_str program; /* "postfix/smtpd" */
	struct mr_str text;    /* what the program wrote */
};

/* Takes RFC 3164 and RFC 5424 lines, files with ISO 8601 times (RFC 3339), and lines that begin with the program.
 * False: no line of a log. */
bool mr_log_head_read(struct mr_str line, struct mr_log_head *head_r);
/* What lacks a zone is local time; what lacks a year was in the year that puts it at most a day after source_ms. Any
 * other time that is later than that, and none at all, is source_ms. */
int64_t mr_log_time(const struct mr_log_stamp *stamp, int64_t source_ms);

/* ---- Patterns: see maillog.def ---- */

enum mr_log_fit { MR_LOG_NO_FIT, MR_LOG_FITS, MR_LOG_UNSURE };

struct mr_log_parts {
	struct mr_str ip;    /* absent: the pattern has none */
	struct mr_str host;
	struct mr_str login;
	unsigned tries;      /* 1 when the pattern does not say */
};

/* Whether text fits pattern as a whole. Bounded work: too many ways to try is MR_LOG_UNSURE. */
enum mr_log_fit mr_log_fit(const char *pattern, struct mr_str text, struct mr_log_parts *parts_r);

/* ---- Lines ---- */

struct mr_log_login {
	struct mr_log_head head;
	int64_t time_ms;
	struct mr_log_parts parts;
	struct mr_ip ip;
	const char *protocol;  /* static */
	const char *fail_type; /* static; NULL: not told */
	bool success;
};

/* Whether the line tells of a login. */
bool mr_log_find(struct mr_str line, int64_t source_ms, struct mr_log_login *login_r);

#endif
