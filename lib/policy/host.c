/* The description of a host that programs hand to the lint. Not the looking (milter/ctl/hostview.c). */
#include "policy/host.h"

#include "base/alloc.h"
#include "base/error.h"

struct mr_host *mr_host_new(void)
{
	return mr_calloc(1, sizeof(struct mr_host));
}

static int add(struct mr_host *host, const char *text, bool gateway)
{
	struct mr_host_address *addresses;
	struct mr_ip ip;
	int err = mr_ip_parse(mr_str_of(text), &ip);

	if (err)
		return err;
	addresses = mr_realloc(host->addresses, host->count + 1, sizeof(*addresses));
	if (!addresses)
		return MR_ERR_NOMEM;
	host->addresses = addresses;
	addresses[host->count++] = (struct mr_host_address){ ip, gateway };
	return MR_OK;
}

int mr_host_add_address(struct mr_host *host, const char *address)
{
	return add(host, address, false);
}

int mr_host_add_gateway(struct mr_host *host, const char *address)
{
	return add(host, address, true);
}

void mr_host_set_web_server(struct mr_host *host, bool runs)
{
	host->web_server = runs;
}

void mr_host_free(struct mr_host **host)
{
	if (!*host)
		return;
	mr_free((*host)->addresses);
	mr_free(*host);
	*host = NULL;
}
