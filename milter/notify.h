/* Tells the service manager how it goes (sd_notify(3), its datagram protocol). Does nothing without NOTIFY_SOCKET. */
#ifndef MR_MILTER_NOTIFY_H
#define MR_MILTER_NOTIFY_H

/* state: lines such as "READY=1\nSTATUS=...". Not thread-safe: the supervisor alone calls it. */
void mr_notify(const char *state);
/* "RELOADING=1" with the time that goes with it. */
void mr_notify_reloading(void);

#endif
