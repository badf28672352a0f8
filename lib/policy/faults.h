/*
 * The collector of faults. Not thread-safe: one build at a time owns it.
 */
#ifndef MR_POLICY_FAULTS_H
#define MR_POLICY_FAULTS_H

#include "base/str.h"
#include "mailreeve.h"

/* A place in the policy's text. file is borrowed from the mr_policy_text. */
struct mr_where {
	const char *file;
	unsigned order; /* of the file: 0 is the policy file */
	unsigned line;  /* from 1; 0: the whole file */
};

/* The most faults that are kept; what comes after is counted. */
enum { MR_FAULTS_MAX = 200 };

struct mr_faults *mr_faults_new(void);
/* Adds a fault. format gives two parts with a newline between them: what is wrong, and what to write instead. Text from
 * outside goes through mr_faults_show. id is static. */
void mr_faults_add(struct mr_faults *faults, enum mr_fault_level level, const char *id, const struct mr_where *where,
		   const char *format, ...) __attribute__((format(printf, 5, 6)));
/* text as it may be printed: bounded, and every byte that is not printable ASCII or UTF-8 escaped. Owned by faults;
 * "" when there is no memory. */
const char *mr_faults_show(struct mr_faults *faults, struct mr_str text);
/* Makes all warnings errors. */
void mr_faults_deny(struct mr_faults *faults);
/* Sorts, and drops what was said twice. MR_ERR_NOMEM when a fault was lost for want of memory. */
int mr_faults_finish(struct mr_faults *faults);

#endif
