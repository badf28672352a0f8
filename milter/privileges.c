/*
 * From root to an ordinary user, once and for good.
 */
#include "privileges.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <libgen.h>
#include <limits.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "say.h"

enum { GROUPS_MAX = 256, SPARE_FILES = 64 };

/* A folder that is missing is made for the user. One that exists is the administrator's. */
static int make_folder(const char *path, uid_t user, gid_t group)
{
	char copy[PATH_MAX];
	const char *folder;

	if (path == NULL || path[0] != '/' || strlen(path) >= sizeof(copy))
		return 0;
	memcpy(copy, path, strlen(path) + 1);
	folder = dirname(copy);
	if (mkdir(folder, 0750) != 0) {
		if (errno == EEXIST)
			return 0;
		mr_say(MR_SAY_ERROR, "the folder %s cannot be made: %s; make it by hand, owned by mailreeved's user",
		       folder, strerror(errno));
		return -1;
	}
	if (lchown(folder, user, group) == 0)
		return 0;
	mr_say(MR_SAY_ERROR, "the folder %s cannot be given to its user: %s", folder, strerror(errno));
	return -1;
}

/* The folder of the state: made when it is missing, or told of when the state is opened. */
static void make_state_folder(const char *folder, const struct passwd *user)
{
	if (folder[0] == '/' && mkdir(folder, 0750) == 0 && lchown(folder, user->pw_uid, user->pw_gid) != 0)
		mr_say(MR_SAY_WARNING, "the folder %s cannot be given to its user: %s", folder, strerror(errno));
}

static int find_group(const char *name, gid_t fallback, gid_t *group_r)
{
	const struct group *entry;

	*group_r = fallback;
	if (name[0] == '\0')
		return 0;
	entry = getgrnam(name);
	if (entry == NULL) {
		mr_say(MR_SAY_ERROR, "there is no group %s (milter_group); create it, or name the mail server's group",
		       name);
		return -1;
	}
	*group_r = entry->gr_gid;
	return 0;
}

/* The user's groups and the one of the milter socket, which only a member may give to the socket. */
static int set_groups(const char *user, gid_t primary, gid_t socket_group)
{
	gid_t groups[GROUPS_MAX];
	int count = GROUPS_MAX - 1;

	if (getgrouplist(user, primary, groups, &count) < 0)
		count = GROUPS_MAX - 1;
	groups[count++] = socket_group;
	return setgroups((size_t)count, groups);
}

static int become(const struct passwd *user, gid_t socket_group)
{
	if (set_groups(user->pw_name, user->pw_gid, socket_group) != 0 || setgid(user->pw_gid) != 0 ||
	    setuid(user->pw_uid) != 0) {
		mr_say(MR_SAY_ERROR, "mailreeved cannot become the user %s: %s", user->pw_name, strerror(errno));
		return -1;
	}
	if (user->pw_uid != 0 && (setuid(0) == 0 || seteuid(0) == 0)) {
		mr_say(MR_SAY_ERROR, "root could be had back after becoming the user %s, so mailreeved does not start",
		       user->pw_name);
		return -1;
	}
	return 0;
}

static int make_folders(const struct mr_settings *settings, const struct passwd *user, gid_t socket_group)
{
	if (make_folder(mr_settings_unix_path(settings->milter), user->pw_uid, socket_group) != 0 ||
	    make_folder(settings->control, user->pw_uid, user->pw_gid) != 0 ||
	    make_folder(settings->events, user->pw_uid, user->pw_gid) != 0 ||
	    make_folder(settings->facts, user->pw_uid, user->pw_gid) != 0 ||
	    make_folder(mr_settings_unix_path(settings->feed.listen), user->pw_uid, user->pw_gid) != 0)
		return -1;
	make_state_folder(settings->state, user);
	return 0;
}

static bool may_write_beside(const char *path)
{
	char copy[PATH_MAX];

	if (path == NULL || path[0] != '/' || strlen(path) >= sizeof(copy))
		return true;
	memcpy(copy, path, strlen(path) + 1);
	return faccessat(AT_FDCWD, dirname(copy), W_OK | X_OK, AT_EACCESS) == 0 &&
	       (access(path, F_OK) != 0 || faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) == 0);
}

/* The first file that the user could not use, seen with the user's eyes; NULL when all is well. */
static const char *not_usable(const struct mr_settings *settings, const char *policy_file, const struct passwd *user,
			      gid_t socket_group)
{
	const char *paths[] = { mr_settings_unix_path(settings->milter), settings->control, settings->events,
				settings->facts, mr_settings_unix_path(settings->feed.listen) };
	const char *found = NULL;

	if (set_groups(user->pw_name, user->pw_gid, socket_group) != 0 || setegid(user->pw_gid) != 0 ||
	    seteuid(user->pw_uid) != 0)
		found = policy_file;
	else if (faccessat(AT_FDCWD, policy_file, R_OK, AT_EACCESS) != 0)
		found = policy_file;
	for (size_t i = 0; found == NULL && i < sizeof(paths) / sizeof(paths[0]); i++)
		if (!may_write_beside(paths[i]))
			found = paths[i];
	if (seteuid(0) != 0 || setegid(0) != 0 || setgroups(0, NULL) != 0)
		abort(); /* neither the one user nor the other */
	return found;
}

/* The policy names no user: it is "mailreeve", if that can work. */
static int drop_to_default(const struct mr_settings *settings, const char *policy_file)
{
	const struct passwd *user = getpwnam("mailreeve");
	gid_t socket_group;
	const char *file;

	if (user == NULL) {
		mr_say(MR_SAY_WARNING, "there is no user mailreeve, so mailreeved stays root, which is less safe; create it: "
		       "useradd --system --no-create-home --shell /usr/sbin/nologin mailreeve");
		return 0;
	}
	if (find_group(settings->milter_group, user->pw_gid, &socket_group) != 0 ||
	    make_folders(settings, user, socket_group) != 0)
		return -1;
	file = not_usable(settings, policy_file, user, socket_group);
	if (file == NULL)
		return become(user, socket_group);
	mr_say(MR_SAY_WARNING, "the user mailreeve may not use %s, so mailreeved stays root, which is less safe; give it and "
	       "its folder to that user, or name another user in the policy", file);
	return 0;
}

int mr_privileges_drop(const struct mr_settings *settings, const char *policy_file)
{
	const struct passwd *user;
	gid_t socket_group;

	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (geteuid() != 0)
		return 0;
	if (settings->user[0] == '\0')
		return drop_to_default(settings, policy_file);
	user = getpwnam(settings->user);
	if (user == NULL) {
		mr_say(MR_SAY_ERROR, "there is no user %s to run as; create it with: useradd --system --no-create-home "
		       "--shell /usr/sbin/nologin %s (or name another one with the setting user)",
		       settings->user, settings->user);
		return -1;
	}
	if (find_group(settings->milter_group, user->pw_gid, &socket_group) != 0 ||
	    make_folders(settings, user, socket_group) != 0)
		return -1;
	if (user->pw_uid == 0)
		mr_say(MR_SAY_WARNING, "running as root, since the policy says so; an ordinary user is safer");
	return become(user, socket_group);
}

/* Files for other things than sessions. */
static rlim_t spare_files(const struct mr_settings *settings)
{
	rlim_t feed = settings->feed.listen[0] != '\0' ? (rlim_t)settings->feed.connections : 0;

	return SPARE_FILES + feed;
}

void mr_privileges_files(const struct mr_settings *settings)
{
	int64_t max_sessions = settings->max_sessions;
	rlim_t spare = spare_files(settings), wanted = (rlim_t)max_sessions + spare;
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	if (max_sessions > 0 && limit.rlim_max < wanted && geteuid() == 0) {
		struct rlimit more = { .rlim_cur = wanted, .rlim_max = wanted };

		if (setrlimit(RLIMIT_NOFILE, &more) == 0)
			limit = more;
	}
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
	if (max_sessions > 0 && limit.rlim_max < wanted)
		mr_say(MR_SAY_WARNING, "max_sessions is %lld, but only %lld files may be open, %lld of them for other "
		       "things; raise the limit (LimitNOFILE= in the systemd unit, or ulimit -n)", (long long)max_sessions,
		       (long long)limit.rlim_max, (long long)spare);
}

unsigned long mr_privileges_sessions(const struct mr_settings *settings)
{
	rlim_t spare = spare_files(settings), sessions;
	struct rlimit limit = { .rlim_cur = 1024 };

	(void)getrlimit(RLIMIT_NOFILE, &limit);
	sessions = limit.rlim_cur > 2 * spare ? limit.rlim_cur - spare : limit.rlim_cur / 2;
	if (settings->max_sessions > 0 && (rlim_t)settings->max_sessions < sessions)
		sessions = (rlim_t)settings->max_sessions;
	return (unsigned long)sessions;
}
