/* Policies from disk, and the text of the last good one in memory. */
#ifndef MR_MILTER_POLICYFILE_H
#define MR_MILTER_POLICYFILE_H

#include <stdint.h>

#include "mailreeve.h"

/* Reads and checks the policy file. As mr_policy_build(); text_r may be NULL. */
int mr_policyfile_load(const char *file, int64_t now_ms, struct mr_policy_text **text_r, struct mr_policy **policy_r,
		       struct mr_faults **faults_r);
/* A memory file with the text; -1 with errno. The caller closes it. */
int mr_policyfile_save(const struct mr_policy_text *text);
/* The policy whose text mr_policyfile_save() wrote. */
int mr_policyfile_restore(int fd, int64_t checked_ms, struct mr_policy **policy_r, struct mr_faults **faults_r);

#endif
