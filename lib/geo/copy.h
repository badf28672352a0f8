/* Files copied into memory that nobody can change any more. Thread-safe: no state of its own. */
#ifndef MR_GEO_COPY_H
#define MR_GEO_COPY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

/* Which file it was, to see that another one has taken its place. */
struct mr_geo_identity {
	uint64_t device, inode;
	int64_t size;
	struct timespec modified;
};

enum { MR_GEO_CAUSE_MAX = 170 };

/* Copies a plain file of at most most bytes into a sealed memory file. The caller closes *fd_r. Otherwise cause_r is
 * "what is wrong; what to do", to stand behind the path: MR_ERR_IO, MR_ERR_REFUSED, MR_ERR_NOMEM. */
int mr_geo_copy(const char *path, size_t most, int *fd_r, struct mr_geo_identity *identity_r,
		char cause_r[MR_GEO_CAUSE_MAX]);
/* True also when there is no such file now: somebody should know before the next start. */
bool mr_geo_was_replaced(const char *path, const struct mr_geo_identity *identity);

#endif
