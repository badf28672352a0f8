/*
 * How long it takes to find the country and the network of an address, beside bare libmaxminddb asked for the same
 * values of the same addresses; and how long a file takes to be opened, with all its checks. Run by bench.py:
 * geo_bench ROUNDS COUNTRY_FILE ASN_FILE prints a JSON line a round. Addresses are drawn evenly from 1.0.0.0 to
 * 223.255.255.255.
 */
#include <arpa/inet.h>
#include <maxminddb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "geo/geo.h"
#include "policy/source.h"

enum { LOOKUPS = 500000 };

static struct mr_ip addresses[LOOKUPS];
static uint64_t found; /* so that no compiler leaves the work out */

static double cpu_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void give_up(const char *what, const char *why)
{
	fprintf(stderr, "geo_bench: %s: %s\n", what, why);
	exit(1);
}

static struct mr_policy *policy_of(const char *country, const char *asn)
{
	struct mr_policy_text *text = NULL;
	struct mr_policy *policy = NULL;
	struct mr_faults *faults = NULL;
	char settings[2000];

	snprintf(settings, sizeof(settings), "domains = \"bench.example\"\ngeo: { %s%s%s %s%s%s }\n",
		 country ? "country = \"" : "", country ? country : "", country ? "\"" : "",
		 asn ? "asn = \"" : "", asn ? asn : "", asn ? "\"" : "");
	if (mr_policy_text_from_memory("bench.conf", mr_str_of(settings), &text) != 0 ||
	    mr_policy_build(text, 1790000000000, NULL, &policy, &faults) != 0)
		give_up("the policy", settings);
	mr_faults_free(&faults);
	mr_policy_text_free(&text);
	return policy;
}

static struct mr_geo *open_geo(const char *country, const char *asn, double *ms_r)
{
	struct mr_policy *policy = policy_of(country, asn);
	struct mr_geo *geo = NULL;
	double begun = cpu_now();
	char why[256];

	if (mr_geo_open(policy, why, &geo) != 0 || geo == NULL)
		give_up("mr_geo_open", why);
	*ms_r = (cpu_now() - begun) / 1e6;
	mr_policy_drop(&policy);
	return geo;
}

static double measure(struct mr_geo *geo)
{
	struct mr_geo_place place;
	double begun = cpu_now();

	for (size_t i = 0; i < LOOKUPS; i++) {
		mr_geo_find(geo, &addresses[i], &place);
		found += place.asn + (place.country[0] != '\0');
	}
	return (cpu_now() - begun) / LOOKUPS;
}

/* The library alone: one look-up and the values at one or two paths. */
static double measure_bare(const MMDB_s *mmdb, const char *const *first, const char *const *second)
{
	double begun = cpu_now();

	for (size_t i = 0; i < LOOKUPS; i++) {
		struct sockaddr_in to = { .sin_family = AF_INET };
		MMDB_lookup_result_s result;
		MMDB_entry_data_s value;
		int err;

		memcpy(&to.sin_addr, addresses[i].bytes, 4);
		result = MMDB_lookup_sockaddr(mmdb, (const struct sockaddr *)&to, &err);
		if (err != 0 || !result.found_entry)
			continue;
		if (MMDB_aget_value(&result.entry, &value, first) == MMDB_SUCCESS && value.has_data)
			found++;
		if (second != NULL && MMDB_aget_value(&result.entry, &value, second) == MMDB_SUCCESS && value.has_data)
			found++;
	}
	return (cpu_now() - begun) / LOOKUPS;
}

/* The path that the file has. */
static const char *const *country_path(const char *file)
{
	static const char *const nested[] = { "country", "iso_code", NULL }, *const flat[] = { "country_code", NULL };
	static char bytes[1 << 16];
	FILE *in = fopen(file, "rb");
	size_t n = 0;

	if (in != NULL && fseek(in, -(long)sizeof(bytes), SEEK_END) != 0)
		rewind(in);
	if (in != NULL) {
		n = fread(bytes, 1, sizeof(bytes), in);
		fclose(in);
	}
	return memmem(bytes, n, "country_code", 12) != NULL ? flat : nested;
}

int main(int argc, char **argv)
{
	static const char *const asn_path[] = { "autonomous_system_number", NULL };
	static const char *const name_path[] = { "autonomous_system_organization", NULL };
	double country_ms, asn_ms, both_ms;
	struct mr_geo *country, *asn, *both;
	MMDB_s bare_country, bare_asn;
	uint64_t state = 1;
	long rounds;

	if (argc != 4 || (rounds = strtol(argv[1], NULL, 10)) < 1)
		give_up("usage", "geo_bench ROUNDS COUNTRY_FILE ASN_FILE");
	for (size_t i = 0; i < LOOKUPS; i++) {
		state = state * 6364136223846793005u + 1442695040888963407u;
		addresses[i].family = MR_IP_V4;
		addresses[i].bytes[0] = (unsigned char)(1 + (state >> 56) % 223);
		for (unsigned k = 1; k < 4; k++)
			addresses[i].bytes[k] = (unsigned char)(state >> (56 - 8 * k));
	}
	country = open_geo(argv[2], NULL, &country_ms);
	asn = open_geo(NULL, argv[3], &asn_ms);
	both = open_geo(argv[2], argv[3], &both_ms);
	if (MMDB_open(argv[2], 0, &bare_country) != 0 || MMDB_open(argv[3], 0, &bare_asn) != 0)
		give_up("MMDB_open", "failed");
	for (long round = -1; round < rounds; round++) {
		double c = measure(country), bc = measure_bare(&bare_country, country_path(argv[2]), NULL), a = measure(asn),
		       ba = measure_bare(&bare_asn, asn_path, name_path), b = measure(both);

		if (round >= 0) /* the first one warms up */
			printf("{\"country\":%.1f,\"bare_country\":%.1f,\"asn\":%.1f,\"bare_asn\":%.1f,\"both\":%.1f,"
			       "\"open_country_ms\":%.1f,\"open_asn_ms\":%.1f}\n", c, bc, a, ba, b, country_ms, asn_ms);
	}
	MMDB_close(&bare_country);
	MMDB_close(&bare_asn);
	mr_geo_free(&country);
	mr_geo_free(&asn);
	mr_geo_free(&both);
	return found > 0 ? 0 : 1;
}
