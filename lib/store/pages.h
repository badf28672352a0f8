/*
 * Whether a file is a whole LMDB file: every page that a transaction could reach is where it should be and holds what it
 * should. LMDB itself trusts its file, and a damaged one can end the process that maps it; so nothing of the file is
 * mapped before all of it was read with pread: a bad sector is an error here and no signal.
 */
#ifndef MR_STORE_PAGES_H
#define MR_STORE_PAGES_H

#include "store/durable.h"

/* 0; MR_ERR_NOTFOUND: the file is empty; MR_ERR_SYNTAX: damaged; MR_ERR_IO: it cannot be read; MR_ERR_NOMEM. why_r says
 * more: the page and what is wrong with it. */
int mr_pages_check(int fd, char why_r[MR_WHY_MAX]);

#endif
