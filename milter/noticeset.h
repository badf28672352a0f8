/* The group notices of a policy, as a copy of its own: whom to tell of what. */
#ifndef MR_MILTER_NOTICESET_H
#define MR_MILTER_NOTICESET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mailreeve.h"

/* Texts are NULL when unset. */
struct mr_noticeset {
	char *hook;          /* absolute path */
	int64_t hook_ms;
	char *mail;          /* "smtp://host:port" or "smtps://host" */
	int64_t mail_ms;     /* for one mail */
	char *mail_user, *mail_password, *mail_ca;
	char *from;          /* plain ASCII, as the policy's check made sure */
	char **to;
	size_t to_count;
	bool owner;          /* write to owners, too */
	char **events;       /* values of event.action */
	size_t event_count;
	size_t queue;
	int64_t interval_ms;
	char *contact;       /* hijack.contact */
};

/* NULL when there is no memory. */
struct mr_noticeset *mr_noticeset_read(const struct mr_policy *policy);
/* Takes a pointer to the pointer and nulls it; NULL is allowed. Forgets the password. */
void mr_noticeset_free(struct mr_noticeset **set);
/* Whether operators are to be told of that event. */
bool mr_noticeset_has(const struct mr_noticeset *set, const char *action);

#endif
