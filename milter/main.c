/*
 * mailreeved(8): reads its command line and becomes the supervisor.
 */
#include <stdlib.h>
#include <sys/stat.h>
#include <syslog.h>

#include "clock.h"
#include "mailreeve.h"
#include "options.h"
#include "policyfile.h"
#include "say.h"
#include "supervisor.h"

/* The exit status: 0 it can be used, 2 it has errors. */
static int test_policy(const char *file)
{
	struct mr_policy *policy = NULL;
	struct mr_faults *faults = NULL;
	int err = mr_policyfile_load(file, mr_clock_ms(), NULL, &policy, &faults);

	if (faults != NULL)
		mr_say_faults(faults);
	else if (err != 0)
		mr_say(MR_SAY_ERROR, "the policy %s cannot be read: %s", file, mr_err_text(err));
	if (err == 0)
		mr_say(MR_SAY_NOTICE, "the policy %s can be used, %zu warnings", file,
		       mr_faults_count(faults, MR_FAULT_WARNING));
	mr_faults_free(&faults);
	mr_policy_drop(&policy);
	return err == 0 ? 0 : 2;
}

static int run(const struct mr_options *options)
{
	switch (options->task) {
	case MR_TASK_SERVE:
		return mr_supervisor_run(options);
	case MR_TASK_TEST:
		return test_policy(options->policy);
	case MR_TASK_VERSION:
		mr_options_version();
		return 0;
	case MR_TASK_HELP:
		mr_options_help();
		return 0;
	}
	return 2;
}

int main(int argc, char **argv)
{
	struct mr_options options;
	int status;

	mr_supervisor_block_signals();
	(void)umask(0027);
	openlog("mailreeved", LOG_PID, LOG_MAIL);
	status = mr_options_read(argc, argv, &options) == 0 ? run(&options) : 2;
	free(options.policy);
	return status;
}
