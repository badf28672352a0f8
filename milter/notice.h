/* An event line as somebody is told of it. Not thread-safe: one owner at a time. */
#ifndef MR_MILTER_NOTICE_H
#define MR_MILTER_NOTICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mr_notice;

/* The texts of a notice: UTF-8, borrowed from it, "" where the line has none. They may hold any character but NUL: names
 * come from outside. */
enum mr_notice_text {
	MR_NOTICE_ACTION,   /* event.action */
	MR_NOTICE_ID,       /* event.id */
	MR_NOTICE_TIME,     /* @timestamp */
	MR_NOTICE_MESSAGE,  /* message */
	MR_NOTICE_CAUSE,    /* event.reason */
	MR_NOTICE_REASON,   /* mailreeve.reason */
	MR_NOTICE_LOGIN,    /* user.name */
	MR_NOTICE_ACCOUNT,  /* mailreeve.account */
	MR_NOTICE_ADDRESS,  /* source.ip */
	MR_NOTICE_OPERATOR, /* mailreeve.operator */
	MR_NOTICE_HOST,     /* host.name */
	MR_NOTICE_TEXTS
};

/* Takes one event line. MR_ERR_SYNTAX (-2), MR_ERR_NOMEM (-1). */
int mr_notice_read(const char *line, size_t length, struct mr_notice **notice_r);
void mr_notice_free(struct mr_notice **notice);
const char *mr_notice_text(const struct mr_notice *notice, enum mr_notice_text what);
/* Whom it is about: the login, the account or the address; "" for nobody. */
const char *mr_notice_whom(const struct mr_notice *notice);
/* Whether it is a step of an account's incident: those the engine tells once each. */
bool mr_notice_is_step(const struct mr_notice *notice);
/* How many of the same kind came before it and were not told. */
void mr_notice_repeat(struct mr_notice *notice, uint64_t repeated);
uint64_t mr_notice_repeated(const struct mr_notice *notice);
/* The line for a program, with its newline: as it came, with mailreeve.repeated when there were others. The caller frees
 * it. NULL when there is no memory. */
char *mr_notice_line(const struct mr_notice *notice, size_t *n_r);

#endif
