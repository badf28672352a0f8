/*
 * See offline.h. The engine is the library's; what it has to say goes to the end of the event log when that is a file.
 * Called by ask.c.
 */
#include "offline.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "mailreeve.h"

struct mr_offline {
	struct mr_engine *engine;
	int log;       /* -1: the event log is no file, or cannot be written */
	char person[64];
};

static int64_t clock_ms(clockid_t clock)
{
	struct timespec now;

	(void)clock_gettime(clock, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void append_event(void *context, const char *line, size_t length)
{
	const struct mr_offline *offline = context;

	if (offline->log >= 0)
		(void)!write(offline->log, line, length);
}

static struct mr_policy *load_policy(const char *file)
{
	struct mr_policy_text *text = NULL;
	struct mr_policy *policy = NULL;
	struct mr_faults *faults = NULL;
	int err = mr_policy_text_open(file, &text);

	if (err == 0)
		err = mr_policy_build(text, clock_ms(CLOCK_REALTIME), NULL, &policy, &faults);
	if (err != 0)
		fprintf(stderr, "mailreeve: the policy %s cannot be used, so nobody knows where the state is: %s; see "
			"mailreeve check\n", file, mr_err_text(err));
	mr_faults_free(&faults);
	mr_policy_text_free(&text);
	return policy;
}

/* Files that root made would be locked against the daemon. */
int mr_offline_become_owner(const char *directory)
{
	struct stat folder;
	const struct passwd *entry;

	if (geteuid() != 0 || stat(directory, &folder) != 0 || folder.st_uid == 0)
		return 0;
	entry = getpwuid(folder.st_uid);
	if ((entry != NULL ? initgroups(entry->pw_name, folder.st_gid) : setgroups(0, NULL)) == 0 &&
	    setgid(folder.st_gid) == 0 && setuid(folder.st_uid) == 0)
		return 0;
	fprintf(stderr, "mailreeve: cannot become the owner of %s: %s\n", directory, strerror(errno));
	return -1;
}

static void open_log(struct mr_offline *offline, const struct mr_policy *policy)
{
	const char *sink = NULL;

	offline->log = -1;
	if (mr_policy_get_text(policy, "log.events", &sink) == 0 && sink != NULL && sink[0] == '/')
		offline->log = open(sink, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
}

static void name_person(struct mr_offline *offline)
{
	const struct passwd *entry = getpwuid(getuid());

	if (entry != NULL)
		(void)snprintf(offline->person, sizeof(offline->person), "%s", entry->pw_name);
	else
		(void)snprintf(offline->person, sizeof(offline->person), "uid %lu", (unsigned long)getuid());
}

static int start(struct mr_offline *offline, struct mr_policy *policy, bool write)
{
	struct mr_engine_options options = { .size = sizeof(options), .event = append_event,
					     .event_context = offline };
	char why[256];

	if (mr_state_open(policy, !write, clock_ms(CLOCK_REALTIME), why, &options.state) != 0 || why[0] != '\0') {
		fprintf(stderr, "mailreeve: no mailreeved answers, and the stored state cannot be used: %s\n", why);
		mr_state_free(&options.state);
		mr_policy_drop(&policy);
		return -1;
	}
	if (getrandom(options.id_seed, sizeof(options.id_seed), 0) == (ssize_t)sizeof(options.id_seed) &&
	    mr_engine_new(&options, policy, 1, &offline->engine) == 0)
		return 0;
	fprintf(stderr, "mailreeve: out of memory\n");
	return -1;
}

int mr_offline_open(const char *policy_file, bool write, struct mr_offline **offline_r)
{
	struct mr_offline *offline = calloc(1, sizeof(*offline));
	struct mr_policy *policy = load_policy(policy_file);
	const char *directory = NULL;

	*offline_r = NULL;
	if (offline == NULL || policy == NULL) {
		mr_policy_drop(&policy);
		free(offline);
		return -1;
	}
	name_person(offline);
	if (mr_policy_get_text(policy, "state.directory", &directory) != 0 || directory == NULL ||
	    strcmp(directory, "none") == 0) {
		fprintf(stderr, "mailreeve: no mailreeved answers, and the policy keeps no state on disk "
			"(state.directory)\n");
		mr_policy_drop(&policy);
		free(offline);
		return -1;
	}
	open_log(offline, policy);
	fprintf(stderr, "mailreeve: mailreeved is not running; working on %s\n", directory);
	if (mr_offline_become_owner(directory) != 0 || start(offline, policy, write) != 0) {
		if (offline->log >= 0)
			close(offline->log);
		free(offline);
		return -1;
	}
	*offline_r = offline;
	return 0;
}

void mr_offline_close(struct mr_offline **offline)
{
	if (*offline == NULL)
		return;
	mr_engine_free(&(*offline)->engine);
	if ((*offline)->log >= 0)
		close((*offline)->log);
	free(*offline);
	*offline = NULL;
}

char *mr_offline_ask(struct mr_offline *offline, const char *request)
{
	char *answer = NULL;
	int64_t now = clock_ms(CLOCK_REALTIME);

	(void)mr_engine_command(offline->engine, now, offline->person, request, &answer);
	return answer;
}
