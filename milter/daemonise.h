/* Going to the background, with the outcome of the start as the exit status of the process that was started. */
#ifndef MR_MILTER_DAEMONISE_H
#define MR_MILTER_DAEMONISE_H

/* Returns in the background process, with a descriptor for mr_daemonise_report(); -1, said, when it cannot be done. The
 * process that was started waits for that report and exits with it. */
int mr_daemonise(void);
/* Closes fd. */
void mr_daemonise_report(int fd, int status);

#endif
