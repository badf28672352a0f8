/* The commands of mailreeve(1), a file each. Each gets its own name in argv[0] and returns the exit status. */
#ifndef MR_MILTER_CTL_CTL_H
#define MR_MILTER_CTL_CTL_H

int mr_ctl_block(int argc, char **argv);
int mr_ctl_check(int argc, char **argv);
int mr_ctl_explain(int argc, char **argv);
int mr_ctl_freeze(int argc, char **argv);
int mr_ctl_hold(int argc, char **argv);
int mr_ctl_ingest(int argc, char **argv);
int mr_ctl_passwords(int argc, char **argv);
int mr_ctl_release(int argc, char **argv);
int mr_ctl_reload(int argc, char **argv);
int mr_ctl_replay(int argc, char **argv);
int mr_ctl_show(int argc, char **argv);
int mr_ctl_status(int argc, char **argv);
int mr_ctl_thaw(int argc, char **argv);
int mr_ctl_unblock(int argc, char **argv);
int mr_ctl_watch(int argc, char **argv);

#endif
