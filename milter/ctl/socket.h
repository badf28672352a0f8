/* Where the daemon's control socket is. */
#ifndef MR_MILTER_CTL_SOCKET_H
#define MR_MILTER_CTL_SOCKET_H

#define MR_CTL_POLICY MR_SYSCONFDIR "/mailreeve/mailreeve.conf"
#define MR_CTL_SOCKET "/run/mailreeve/control.sock"

/* The path: given (NULL: none), else what the policy file names, else the usual one. The caller frees it; NULL: no
 * memory. */
char *mr_socket_find(const char *given, const char *policy_file);

#endif
