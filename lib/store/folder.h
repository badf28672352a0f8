/* The folder of the state: who may use it, one process at a time, and files set aside. Not what is in the files. */
#ifndef MR_STORE_FOLDER_H
#define MR_STORE_FOLDER_H

#include <stdbool.h>

#include "store/durable.h"

enum { MR_FOLDER_PATH_MAX = 1024 };

struct mr_folder {
	char path[MR_FOLDER_PATH_MAX];
	int fd, lock;
};

/* Checks the folder and takes it for this process; read_only: shares it with other readers. MR_ERR_NOTFOUND, MR_ERR_REFUSED
 * (owner, mode, not a folder), MR_ERR_STATE (in use), MR_ERR_RANGE (path too long), MR_ERR_IO; why_r: path, cause, cure. */
int mr_folder_open(const char *path, bool read_only, char why_r[MR_WHY_MAX], struct mr_folder *folder_r);
void mr_folder_close(struct mr_folder *folder);
/* A file of the folder, open for reading, when it is a plain file of ours. MR_ERR_NOTFOUND: there is none. MR_ERR_REFUSED,
 * MR_ERR_IO: why_r. */
int mr_folder_file(const struct mr_folder *folder, const char *name, char why_r[MR_WHY_MAX], int *fd_r);
/* Renames the file to a name that nothing has yet, which comes back in aside_r. MR_ERR_IO. */
int mr_folder_set_aside(const struct mr_folder *folder, const char *name, char aside_r[64]);
/* New and renamed files are on disk. MR_ERR_IO. */
int mr_folder_sync(const struct mr_folder *folder);

#endif
