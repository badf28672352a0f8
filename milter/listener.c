/*
 * Puts the milter socket in place. libmilter would take the path from a live process and remove the socket of its
 * successor; so it only ever sees a private name in the same folder, which is renamed over the public one.
 */
#include "listener.h"

#include <errno.h>
#include <grp.h>
#include <libmilter/mfapi.h>
#include <libgen.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "say.h"

/* A mail server opens a connection for each of its own, all at once after a pause. */
enum { BACKLOG = 4096, PACKET_MAX = 1 << 20 };

void mr_listener_library(char *text_r, size_t size)
{
	unsigned major, minor, patch;

	(void)smfi_version(&major, &minor, &patch);
	(void)snprintf(text_r, size, "%u.%u.%u", major, minor, patch);
}

static bool answers(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd, err;

	if (strlen(path) >= sizeof(address.sun_path))
		return false;
	memcpy(address.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return true;
	err = connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0 ? 0 : errno;
	close(fd);
	/* Anything but a refusal leaves a doubt, and a doubt leaves the socket alone. */
	return err != ECONNREFUSED && err != ENOENT;
}

static int probe_folder(const char *path)
{
	char copy[PATH_MAX];
	const char *folder;
	struct stat st;

	if (strlen(path) >= sizeof(copy))
		return -1;
	memcpy(copy, path, strlen(path) + 1);
	folder = dirname(copy);
	if (stat(folder, &st) != 0) {
		mr_say(MR_SAY_ERROR, "the folder %s for the socket %s cannot be used: %s; create it, owned by the user "
		       "that mailreeved runs as", folder, path, strerror(errno));
		return -1;
	}
	if ((st.st_mode & S_IWOTH) != 0) {
		mr_say(MR_SAY_ERROR, "the folder %s may be written by everybody, so anybody could take the place of "
		       "the socket %s; choose another folder, or: chmod o-w %s", folder, path, folder);
		return -1;
	}
	return 0;
}

int mr_listener_probe(const char *path)
{
	struct stat st;

	if (probe_folder(path) != 0)
		return -1;
	if (lstat(path, &st) != 0) {
		if (errno == ENOENT)
			return 0;
		mr_say(MR_SAY_ERROR, "the socket %s cannot be looked at: %s", path, strerror(errno));
		return -1;
	}
	if (!S_ISSOCK(st.st_mode)) {
		mr_say(MR_SAY_ERROR, "%s exists and is not a socket, so it is left alone; remove it, or name another "
		       "socket in the policy", path);
		return -1;
	}
	if (answers(path)) {
		mr_say(MR_SAY_ERROR, "another process listens on %s, so it is left alone; stop that process (ss -xlp "
		       "shows it), or name another socket in the policy", path);
		return -1;
	}
	return 0;
}

int mr_listener_private_name(const char *path, const char *kind, char name_r[108])
{
	const char *slash = strrchr(path, '/');
	int folder = slash != NULL ? (int)(slash - path) : 0;
	int n = snprintf(name_r, 108, "%.*s/.mr%s%ld", folder, path, kind, (long)getpid());

	if (n > 0 && n < 108)
		return 0;
	mr_say(MR_SAY_ERROR, "the path of the socket %s is too long; use a shorter folder", path);
	return -1;
}

int mr_listener_publish(const char *private_name, const char *path, mode_t mode, const char *group,
			struct mr_socket_id *id_r)
{
	struct group *entry = group[0] != '\0' ? getgrnam(group) : NULL;
	struct stat st;
	const char *what = NULL;

	if (group[0] != '\0' && entry == NULL) {
		mr_say(MR_SAY_ERROR, "there is no group %s (milter_group); create it, or name the mail server's group",
		       group);
		(void)unlink(private_name);
		return -1;
	}
	if (entry != NULL && chown(private_name, (uid_t)-1, entry->gr_gid) != 0)
		what = "given to its group (mailreeved's user has to be a member)";
	else if (chmod(private_name, mode) != 0)
		what = "given its mode";
	else if (lstat(private_name, &st) != 0 || rename(private_name, path) != 0)
		what = "put in its place";
	if (what != NULL) {
		mr_say(MR_SAY_ERROR, "the socket %s cannot be %s: %s", path, what, strerror(errno));
		(void)unlink(private_name);
		return -1;
	}
	*id_r = (struct mr_socket_id){ .device = st.st_dev, .inode = st.st_ino };
	return 0;
}

static int open_unix(const char *path, const struct mr_settings *settings, struct mr_socket_id *id_r)
{
	static char specification[128]; /* libmilter keeps the pointer */
	char name[108];
	mode_t old;
	int err;

	if (mr_listener_probe(path) != 0 || mr_listener_private_name(path, "", name) != 0)
		return -1;
	(void)unlink(name);
	(void)snprintf(specification, sizeof(specification), "unix:%s", name);
	old = umask(0177);
	errno = 0;
	err = smfi_setconn(specification) == MI_SUCCESS && smfi_opensocket(false) == MI_SUCCESS ? 0 : -1;
	(void)umask(old);
	if (err != 0) {
		mr_say(MR_SAY_ERROR, "the socket %s cannot be opened: %s; does mailreeved's user own the folder?", path,
		       errno != 0 ? strerror(errno) : "libmilter did not say why");
		return -1;
	}
	return mr_listener_publish(name, path, settings->milter_mode, settings->milter_group, id_r);
}

static int open_inet(const char *milter)
{
	static char specification[256];

	(void)snprintf(specification, sizeof(specification), "%s", milter);
	errno = 0;
	if (smfi_setconn(specification) == MI_SUCCESS && smfi_opensocket(false) == MI_SUCCESS)
		return 0;
	mr_say(MR_SAY_ERROR, "%s cannot be opened: %s; is another process listening there (ss -tlp shows it)?", milter,
	       errno != 0 ? strerror(errno) : "libmilter did not say why");
	return -1;
}

int mr_listener_open(const struct mr_settings *settings, struct mr_socket_id *id_r)
{
	const char *path = mr_settings_unix_path(settings->milter);

	*id_r = (struct mr_socket_id){ 0 };
	(void)smfi_setbacklog(BACKLOG);
	(void)smfi_setmaxdatasize(PACKET_MAX);
	return path != NULL ? open_unix(path, settings, id_r) : open_inet(settings->milter);
}

void mr_listener_remove(const char *path, const struct mr_socket_id *id)
{
	struct stat st;

	if (id->inode == 0 || path == NULL || lstat(path, &st) != 0)
		return;
	if (S_ISSOCK(st.st_mode) && st.st_dev == id->device && st.st_ino == id->inode)
		(void)unlink(path);
}

int mr_listener_run(void)
{
	return smfi_main();
}
