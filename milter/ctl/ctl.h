/* The commands of mailreeve(1), a file each. Each gets its own name in argv[0] and returns the exit status. */
#ifndef MR_MILTER_CTL_CTL_H
#define MR_MILTER_CTL_CTL_H

int mr_ctl_check(int argc, char **argv);
int mr_ctl_replay(int argc, char **argv);
int mr_ctl_reload(int argc, char **argv);

#endif
