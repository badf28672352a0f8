/*
 * The socket that the mail server connects to. libmilter binds it, under a private name, and never removes anything.
 * Not thread-safe.
 */
#ifndef MR_MILTER_LISTENER_H
#define MR_MILTER_LISTENER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "settings.h"

/* Which socket is ours; all 0 for TCP. */
struct mr_socket_id {
	uint64_t device, inode;
};

/* "1.0.1" */
void mr_listener_library(char *text_r, size_t size);
/* Whether a socket may be put at path: nothing is there, or the dead socket of an earlier run. 0 or -1; the reason has
 * been said then. */
int mr_listener_probe(const char *path);
/* Puts a socket that is bound at the private name in its public place, with its mode and group ("" for none). No moment
 * is left in which the public name does not exist. 0 or -1, said. */
int mr_listener_publish(const char *private_name, const char *path, mode_t mode, const char *group,
			struct mr_socket_id *id_r);
/* The private name beside path, at most 107 bytes with its NUL 108. 0 or -1, said. */
int mr_listener_private_name(const char *path, const char *kind, char name_r[108]);
/* Has libmilter listen where the settings say. After mr_callbacks_register(). 0 or -1, said. */
int mr_listener_open(const struct mr_settings *settings, struct mr_socket_id *id_r);
/* Removes the socket at path if it is still that one. */
void mr_listener_remove(const char *path, const struct mr_socket_id *id);
/* Runs libmilter until it ends, which it does only when somebody else stops it. Returns its result. */
int mr_listener_run(void);

#endif
