/* What the lint knows of the host. Not thread-safe. */
#ifndef MR_POLICY_HOST_H
#define MR_POLICY_HOST_H

#include "base/ip.h"
#include "mailreeve.h"

struct mr_host {
	struct mr_host_address {
		struct mr_ip ip;
		bool gateway;
	} * addresses;
	size_t count;
	bool web_server;
};

#endif
