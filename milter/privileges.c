/*
 * From root to an ordinary user, once and for good.
 */
#include "privileges.h"

#include <errno.h>
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

int mr_privileges_drop(const struct mr_settings *settings)
{
	const struct passwd *user;
	gid_t socket_group;

	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (geteuid() != 0)
		return 0;
	user = getpwnam(settings->user);
	if (user == NULL) {
		mr_say(MR_SAY_ERROR, "there is no user %s to run as; create it with: useradd --system --no-create-home "
		       "--shell "
		       "/usr/sbin/nologin %s (or name another one with the setting user)",
		       settings->user, settings->user);
		return -1;
	}
	if (find_group(settings->milter_group, user->pw_gid, &socket_group) != 0 ||
	    make_folder(mr_settings_unix_path(settings->milter), user->pw_uid, socket_group) != 0 ||
	    make_folder(settings->control, user->pw_uid, user->pw_gid) != 0 ||
	    make_folder(settings->events, user->pw_uid, user->pw_gid) != 0 ||
	    make_folder(settings->facts, user->pw_uid, user->pw_gid) != 0)
		return -1;
	if (user->pw_uid == 0)
		mr_say(MR_SAY_WARNING, "mailreeved runs as root, since the policy says so; an ordinary user is safer");
	return become(user, socket_group);
}

void mr_privileges_files(int64_t max_sessions)
{
	struct rlimit limit;
	rlim_t wanted = (rlim_t)max_sessions + SPARE_FILES;

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
		mr_say(MR_SAY_WARNING, "max_sessions is %lld, but only %lld files may be open, %d of them for other "
		       "things; raise "
		       "the limit (LimitNOFILE= in the systemd unit, or ulimit -n)", (long long)max_sessions,
		       (long long)limit.rlim_max, SPARE_FILES);
}

unsigned long mr_privileges_sessions(int64_t max_sessions)
{
	struct rlimit limit = { .rlim_cur = 1024 };
	rlim_t sessions;

	(void)getrlimit(RLIMIT_NOFILE, &limit);
	sessions = limit.rlim_cur > 2 * SPARE_FILES ? limit.rlim_cur - SPARE_FILES : limit.rlim_cur / 2;
	if (max_sessions > 0 && (rlim_t)max_sessions < sessions)
		sessions = (rlim_t)max_sessions;
	return (unsigned long)sessions;
}
