/* A policy of a fuzz target's own, built anew for each run. */
#ifndef MR_FUZZ_POLICY_TEXT_H
#define MR_FUZZ_POLICY_TEXT_H

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuzz.h"
#include "mailreeve.h"

/* policy_text: the same in every call; it is written to a file and opened once. */
static struct mr_policy *fuzz_policy(const char *policy_text)
{
	static struct mr_policy_text *text;
	struct mr_policy *policy = NULL;
	struct mr_faults *faults = NULL;
	char name[] = "/tmp/mailreeve-fuzz-XXXXXX";
	int fd;

	if (text == NULL) {
		fd = mkstemp(name);
		MUST(fd >= 0 && write(fd, policy_text, strlen(policy_text)) == (ssize_t)strlen(policy_text));
		MUST(fchmod(fd, 0600) == 0 && close(fd) == 0 && mr_policy_text_open(name, &text) == 0);
	}
	if (mr_policy_build(text, 1790000000000, NULL, &policy, &faults) != 0)
		for (size_t i = 0; i < mr_faults_count(faults, MR_FAULT_ERROR); i++)
			fprintf(stderr, "policy: %s\n", mr_faults_at(faults, i)->what);
	MUST(policy != NULL);
	mr_faults_free(&faults);
	(void)unlink(name);
	return policy;
}

#endif
