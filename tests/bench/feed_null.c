/*
 * A server of libmicrohttpd's that reads each request and answers a constant: what the login feed is measured against,
 * since it shows what HTTP itself costs. Not part of Mailreeve. Run by feed.py.
 *
 *   feed_null PORT       on 127.0.0.1, until standard input ends
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <microhttpd.h>

static struct MHD_Response *constant;

static enum MHD_Result answer(void *context, struct MHD_Connection *connection, const char *url, const char *method,
			      const char *version, const char *data, size_t *size, void **request)
{
	static char seen;

	(void)context, (void)url, (void)method, (void)version, (void)data;
	if (*request == NULL) {
		*request = &seen;
		return MHD_YES;
	}
	if (*size == 0)
		return MHD_queue_response(connection, MHD_HTTP_OK, constant);
	*size = 0;
	return MHD_YES;
}

int main(int argc, char **argv)
{
	static char text[] = "{\"status\":0,\"msg\":\"\"}";
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct MHD_Daemon *daemon;
	char byte;

	if (argc != 2) {
		fputs("usage: feed_null PORT\n", stderr);
		return 2;
	}
	address.sin_port = htons((uint16_t)strtoul(argv[1], NULL, 10));
	constant = MHD_create_response_from_buffer(sizeof(text) - 1, text, MHD_RESPMEM_PERSISTENT);
	if (constant == NULL || MHD_add_response_header(constant, "Content-Type", "application/json") != MHD_YES)
		return 1;
	daemon = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD, 0, NULL, NULL, answer, NULL,
				  MHD_OPTION_SOCK_ADDR, (struct sockaddr *)&address, MHD_OPTION_CONNECTION_LIMIT, 2000u,
				  MHD_OPTION_END);
	if (daemon == NULL) {
		fprintf(stderr, "feed_null: cannot listen on 127.0.0.1:%s\n", argv[1]);
		return 1;
	}
	while (read(STDIN_FILENO, &byte, 1) > 0)
		continue;
	MHD_stop_daemon(daemon);
	MHD_destroy_response(constant);
	return 0;
}
