/*
 * Fuzz target: lib/geo/mmdb.h, and with it what of libmaxminddb we use. An input is an MMDB file, which is refused or
 * answers look-ups. Seeds: tests/geo/make_mmdb.py --seeds FOLDER.
 */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/error.h"
#include "base/unicode.h"
#include "fuzz.h"
#include "geo/mmdb.h"

static void look_up(const struct mr_mmdb *db, const unsigned char *bytes, size_t n)
{
	struct mr_ip ip = mr_ip_from_bytes(bytes, n);
	struct mr_geo_place place = { .asn = 0 };

	mr_mmdb_find(db, &ip, &place);
	MUST(memchr(place.country, '\0', sizeof(place.country)) != NULL);
	MUST(place.country[0] == '\0' || strlen(place.country) == 2);
	MUST(memchr(place.as_name, '\0', sizeof(place.as_name)) != NULL);
	MUST(mr_utf8_is_valid(mr_str_of(place.as_name)) && !mr_str_has_control(mr_str_of(place.as_name)));
	MUST(place.latitude >= -900 && place.latitude <= 900 && place.longitude >= -1800 && place.longitude <= 1800);
	MUST(place.located || (place.latitude == 0 && place.longitude == 0));
}

static void look_up_all(const struct mr_mmdb *db)
{
	unsigned char bytes[16] = { 0 };

	for (unsigned i = 0; i < 256; i++) {
		memset(bytes, i % 2 != 0 ? 255 : 0, sizeof(bytes));
		bytes[0] = (unsigned char)i;
		look_up(db, bytes, 4);
		look_up(db, bytes, 16);
	}
}

static void play(int fd, const struct mr_mmdb_wants *wants)
{
	char cause[MR_GEO_CAUSE_MAX], words[100];
	struct mr_mmdb *db = NULL;
	int err = mr_mmdb_open(fd, wants, cause, &db);

	if (err != MR_OK) {
		MUST(db == NULL && strlen(cause) > 10 && strstr(cause, "; ") != NULL);
		return;
	}
	look_up_all(db);
	MUST(mr_mmdb_describe(db, words, sizeof(words)) < (int)sizeof(words));
	MUST(mr_str_is_ascii(mr_str_of(words)) && !mr_str_has_control(mr_str_of(words)));
	mr_mmdb_free(&db);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mr_mmdb_wants countries = { { NULL } }, systems = { { NULL } };
	int fd = memfd_create("fuzz-mmdb", MFD_CLOEXEC);

	for (int i = 0; i < MR_GEO_FIELDS; i++)
		(i < MR_GEO_ASN ? &countries : &systems)->paths[i] = mr_geo_field_fallback((enum mr_geo_field)i);
	MUST(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	play(fd, &countries);
	play(fd, &systems);
	close(fd);
	return 0;
}
