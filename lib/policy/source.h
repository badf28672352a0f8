/*
 * The files that a policy is made of, read with care and kept. Not thread-safe: one owner at a time.
 */
#ifndef MR_POLICY_SOURCE_H
#define MR_POLICY_SOURCE_H

#include "base/str.h"
#include "policy/faults.h"

/* The most bytes of one file, and of all together. */
enum { MR_SOURCE_MAX = 64 << 20, MR_SOURCES_MAX = 128 << 20 };

/* One file, read whole. Borrowed from the mr_policy_text. */
struct mr_source {
	const char *path;
	unsigned order;      /* in which it was asked for; 0 is the policy file */
	struct mr_str bytes; /* a NUL lies behind them */
};

/* Why a file was not read; all text but detail is static. */
struct mr_source_fault {
	const char *id;   /* "unreadable-file", "unsafe-file", "changed-while-read" */
	const char *what; /* "is a symbolic link", ...: the file's name comes before it */
	const char *cure;
	const char *detail; /* the system's words, or "" */
};

enum mr_source_kind { MR_SOURCE_TEXT, MR_SOURCE_SECRET };

/* The file of that name, from memory when it was read before. A secret must not be readable by everybody.
 * MR_ERR_REFUSED with *fault_r, MR_ERR_NOMEM. */
int mr_source_get(struct mr_policy_text *text, struct mr_str path, enum mr_source_kind kind, struct mr_source *source_r,
		  struct mr_source_fault *fault_r);
/* Tells why the file of that name was not read, as a fault at where. */
void mr_source_tell(struct mr_faults *faults, const struct mr_where *where, struct mr_str path,
		    const struct mr_source_fault *fault);
/* Joins the folder of base and path, or takes path when it is absolute. MR_ERR_REFUSED: it holds "..",
 * MR_ERR_SYNTAX: it is empty or holds control bytes, MR_ERR_RANGE: longer than size. */
int mr_source_resolve(const char *base, struct mr_str path, char *out_r, size_t size);

/* The name of the policy file. */
const char *mr_source_main(const struct mr_policy_text *text);
/* A policy text whose main file is in memory; what it names besides does not exist. For tests. */
int mr_policy_text_from_memory(const char *file, struct mr_str bytes, struct mr_policy_text **text_r);

#endif
