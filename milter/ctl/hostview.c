/*
 * Asks the system for its addresses, routes and web server. Nothing is decided here: the lint does that.
 * Called by check.c.
 */
#include "hostview.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_SIZE = 512, ROUTE_GATEWAY = 2, LISTENING = 10 };

static void add_interface(struct mr_host *host, const struct ifaddrs *entry)
{
	char text[INET6_ADDRSTRLEN] = "";

	if (!entry->ifa_addr || (entry->ifa_flags & IFF_LOOPBACK))
		return;
	if (entry->ifa_addr->sa_family == AF_INET) {
		struct sockaddr_in v4;

		memcpy(&v4, entry->ifa_addr, sizeof(v4));
		inet_ntop(AF_INET, &v4.sin_addr, text, sizeof(text));
	} else if (entry->ifa_addr->sa_family == AF_INET6) {
		struct sockaddr_in6 v6;

		memcpy(&v6, entry->ifa_addr, sizeof(v6));
		inet_ntop(AF_INET6, &v6.sin6_addr, text, sizeof(text));
	}
	if (*text)
		mr_host_add_address(host, text);
}

/* Calls take for each line behind the heading of a table of the kernel. */
static void each_line(const char *file, void (*take)(struct mr_host *host, char *line), struct mr_host *host)
{
	char line[LINE_SIZE];
	FILE *in = fopen(file, "re");

	if (!in)
		return;
	while (fgets(line, sizeof(line), in))
		take(host, line);
	fclose(in);
}

/* Destination and gateway are hexadecimal, as the machine stores a number in network order. */
static void take_route(struct mr_host *host, char *line)
{
	char text[INET_ADDRSTRLEN], name[32];
	unsigned destination, gateway, flags;
	struct in_addr address;

	if (sscanf(line, "%31s %x %x %x", name, &destination, &gateway, &flags) != 4)
		return;
	if (destination != 0 || gateway == 0 || !(flags & ROUTE_GATEWAY))
		return;
	address.s_addr = gateway;
	if (inet_ntop(AF_INET, &address, text, sizeof(text)))
		mr_host_add_gateway(host, text);
}

/* Reads 32 hexadecimal digits. */
static int read_hex(const char *digits, struct in6_addr *address)
{
	for (size_t i = 0; i < sizeof(address->s6_addr); i++) {
		unsigned byte;

		if (sscanf(digits + 2 * i, "%2x", &byte) != 1)
			return -1;
		address->s6_addr[i] = (unsigned char)byte;
	}
	return 0;
}

static void take_route6(struct mr_host *host, char *line)
{
	char destination[33], gateway[33], text[INET6_ADDRSTRLEN];
	unsigned length;
	struct in6_addr address;

	if (sscanf(line, "%32s %x %*s %*s %32s", destination, &length, gateway) != 3 || length != 0)
		return;
	if (strlen(gateway) != 32 || read_hex(gateway, &address) != 0 || IN6_IS_ADDR_UNSPECIFIED(&address))
		return;
	if (inet_ntop(AF_INET6, &address, text, sizeof(text)))
		mr_host_add_gateway(host, text);
}

static void take_socket(struct mr_host *host, char *line)
{
	unsigned port, state;

	if (sscanf(line, " %*d: %*[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x", &port, &state) == 2 && state == LISTENING &&
	    (port == 80 || port == 443 || port == 8080 || port == 8443))
		mr_host_set_web_server(host, true);
}

void mr_hostview_look(struct mr_host *host)
{
	struct ifaddrs *all = NULL;

	if (getifaddrs(&all) == 0) {
		for (const struct ifaddrs *entry = all; entry; entry = entry->ifa_next)
			add_interface(host, entry);
		freeifaddrs(all);
	}
	each_line("/proc/net/route", take_route, host);
	each_line("/proc/net/ipv6_route", take_route6, host);
	each_line("/proc/net/tcp", take_socket, host);
	each_line("/proc/net/tcp6", take_socket, host);
}

/* One line of a file; -1: it cannot be understood. */
static int take_fact(struct mr_host *host, char *line)
{
	char word[16], value[INET6_ADDRSTRLEN];
	int n;

	line[strcspn(line, "#\r\n")] = '\0';
	n = sscanf(line, "%15s %45s", word, value);
	if (n <= 0)
		return 0;
	if (n != 2)
		return -1;
	if (strcmp(word, "address") == 0)
		return mr_host_add_address(host, value);
	if (strcmp(word, "gateway") == 0)
		return mr_host_add_gateway(host, value);
	if (strcmp(word, "web") != 0 || (strcmp(value, "yes") != 0 && strcmp(value, "no") != 0))
		return -1;
	mr_host_set_web_server(host, strcmp(value, "yes") == 0);
	return 0;
}

int mr_hostview_read(struct mr_host *host, const char *file)
{
	char line[LINE_SIZE];
	int number = 0, bad = 0;
	FILE *in = fopen(file, "re");

	if (!in)
		return -1;
	while (!bad && fgets(line, sizeof(line), in)) {
		number++;
		bad = take_fact(host, line);
	}
	fclose(in);
	return bad ? number : 0;
}
