/*
 * One MMDB file through libmaxminddb. The library gets a file only after inspect.c has looked through all of it: versions
 * in the field have had faults with spoilt files (CVE-2020-28241; 1.7.1 loses memory over some). Of the library only
 * look-ups and values at fixed paths are used, not what decodes whole records. Called by files.c and by the fuzz target.
 */
#include "geo/mmdb.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/timetext.h"
#include "geo/inspect.h"
#include "geo/mmdb_fields.h"

struct mr_mmdb {
	MMDB_s mmdb;
	bool open;
	struct mr_geo_shape shape;
	struct mr_geo_paths paths[MR_GEO_FIELDS]; /* count 0: not asked for, or not in the file */
};

/* ---- Look-ups ---- */

/* 0, or libmaxminddb's number. An IPv6 address is not in a file for IPv4. */
static int find_entry(const struct mr_mmdb *db, const struct mr_ip *ip, MMDB_lookup_result_s *result_r)
{
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} address = { .v6 = { 0 } };
	int err = 0;

	memset(result_r, 0, sizeof(*result_r));
	if (ip->family == MR_IP_V4) {
		address.v4.sin_family = AF_INET;
		memcpy(&address.v4.sin_addr, ip->bytes, 4);
	} else if (ip->family == MR_IP_V6 && db->shape.ip_version == 6) {
		address.v6.sin6_family = AF_INET6;
		memcpy(&address.v6.sin6_addr, ip->bytes, 16);
	} else {
		return 0;
	}
	*result_r = MMDB_lookup_sockaddr(&db->mmdb, &address.any, &err);
	return err;
}

void mr_mmdb_find(const struct mr_mmdb *db, const struct mr_ip *ip, struct mr_geo_place *place)
{
	MMDB_lookup_result_s result;
	bool used[MR_GEO_FIELDS] = { false };

	if (find_entry(db, ip, &result) != 0 || !result.found_entry)
		return;
	for (int field = 0; field < MR_GEO_FIELDS; field++) {
		const struct mr_geo_paths *paths = &db->paths[field];

		for (size_t i = 0; i < paths->count && !used[field]; i++) {
			MMDB_entry_data_s value;

			used[field] = MMDB_aget_value(&result.entry, &value, paths->parts[i]) == MMDB_SUCCESS &&
				      value.has_data &&
				      mr_geo_take((enum mr_geo_field)field, &value, place) == MR_GEO_USED;
		}
	}
	if (!used[MR_GEO_LATITUDE] && !used[MR_GEO_LONGITUDE])
		return;
	/* 0, 0 is in the sea: a database that does not know. */
	place->located = used[MR_GEO_LATITUDE] && used[MR_GEO_LONGITUDE] && (place->latitude != 0 || place->longitude != 0);
	if (!place->located)
		place->latitude = place->longitude = 0;
}

/* ---- Checks after opening ---- */

static int refuse(char cause_r[MR_GEO_CAUSE_MAX], const char *cause)
{
	(void)snprintf(cause_r, MR_GEO_CAUSE_MAX, "%s; fetch it anew from where it came", cause);
	return MR_ERR_REFUSED;
}

/* Addresses over all of the space, and the ends of it, where a path through the tree is longest. */
static int look_up_samples(const struct mr_mmdb *db, char cause_r[MR_GEO_CAUSE_MAX])
{
	uint64_t state = 0x9e3779b97f4a7c15;

	for (unsigned i = 0; i < 2 * (MR_GEO_SAMPLES + 2); i++) {
		struct mr_ip ip = { .family = i % 2 == 0 ? MR_IP_V4 : MR_IP_V6 };
		MMDB_lookup_result_s result;

		for (unsigned k = 0; k < (i % 2 == 0 ? 4u : 16u); k++) {
			state = state * 6364136223846793005u + 1442695040888963407u;
			ip.bytes[k] = (unsigned char)(i < 2 ? 0 : i < 4 ? 255 : state >> 56);
		}
		if (i % 4 == 1 && i > 4)
			ip.bytes[0] = 0x20; /* 2000::/8, where people are */
		if (find_entry(db, &ip, &result) != 0)
			return refuse(cause_r, "is damaged: look-ups in it fail");
	}
	return MR_OK;
}

/* Tries the paths of a field on the samples. A bit each: which serve, and which have a value of another type. */
static int try_paths(struct mr_mmdb *db, enum mr_geo_field field, unsigned *serve_r, unsigned *wrong_r)
{
	struct mr_geo_paths *paths = &db->paths[field];
	struct mr_geo_place place;

	*serve_r = *wrong_r = 0;
	for (size_t k = 0; k < db->shape.sample_count * paths->count; k++) {
		MMDB_entry_s entry = { .mmdb = &db->mmdb, .offset = db->shape.samples[k / paths->count] };
		MMDB_entry_data_s value = { .has_data = false };
		size_t i = k % paths->count;
		int err = MMDB_aget_value(&entry, &value, paths->parts[i]);

		if (err != MMDB_SUCCESS && err != MMDB_LOOKUP_PATH_DOES_NOT_MATCH_DATA_ERROR &&
		    err != MMDB_INVALID_LOOKUP_PATH_ERROR)
			return MR_ERR_REFUSED;
		if (err != MMDB_SUCCESS || !value.has_data)
			continue;
		switch (mr_geo_take(field, &value, &place)) {
		case MR_GEO_USED:
			*serve_r |= 1u << i;
			break;
		case MR_GEO_WRONG_TYPE:
			*wrong_r |= 1u << i;
			break;
		case MR_GEO_UNUSABLE:
			break;
		}
	}
	return MR_OK;
}

static int say_field(const struct mr_mmdb *db, enum mr_geo_field field, const char *text, bool wrong_type,
		     char cause_r[MR_GEO_CAUSE_MAX])
{
	(void)snprintf(cause_r, MR_GEO_CAUSE_MAX,
		       wrong_type ? "(%.20s) has something at \"%.40s\" that is not %s; name the right field in %s"
				  : "(%.20s) has nothing to use at \"%.40s\", where %s should be; name the right field in %s",
		       db->shape.kind, text, mr_geo_field_type(field), mr_geo_field_setting(field));
	return MR_ERR_REFUSED;
}

/* Leaves the paths that serve in these samples; a look-up then asks for nothing in vain. */
static int choose_paths(struct mr_mmdb *db, const struct mr_mmdb_wants *wants, char cause_r[MR_GEO_CAUSE_MAX])
{
	bool is_first = true;

	for (int i = 0; i < MR_GEO_FIELDS; i++) {
		enum mr_geo_field field = (enum mr_geo_field)i;
		unsigned serve, wrong;

		if (wants->paths[i] == NULL)
			continue;
		if (try_paths(db, field, &serve, &wrong) != MR_OK)
			return refuse(cause_r, "is damaged: values in it cannot be read");
		/* A path may lead to other things in other makers' files, but not to both in one. */
		if ((serve & wrong) != 0 || (serve == 0 && is_first))
			return say_field(db, field, wants->paths[i], wrong != 0, cause_r);
		mr_geo_paths_keep(&db->paths[i], serve);
		is_first = false;
	}
	return MR_OK;
}

static int read_paths(struct mr_mmdb *db, const struct mr_mmdb_wants *wants, char cause_r[MR_GEO_CAUSE_MAX])
{
	for (int i = 0; i < MR_GEO_FIELDS; i++) {
		if (wants->paths[i] == NULL || mr_geo_paths_read(wants->paths[i], &db->paths[i]) == MR_OK)
			continue;
		(void)snprintf(cause_r, MR_GEO_CAUSE_MAX,
			       "cannot be asked: %s is \"%.60s\"; write at most %d fields, each of at most %d names with dots",
			       mr_geo_field_setting((enum mr_geo_field)i), wants->paths[i], MR_GEO_PATHS_MAX,
			       MR_GEO_PARTS_MAX);
		return MR_ERR_REFUSED;
	}
	return MR_OK;
}

/* ---- Opening ---- */

static int inspect(int fd, struct mr_geo_shape *shape_r, char cause_r[MR_GEO_CAUSE_MAX])
{
	const char *cause = NULL;
	struct stat status;
	void *bytes;
	int err;

	if (fstat(fd, &status) != 0 || status.st_size <= 0)
		return refuse(cause_r, "is empty");
	bytes = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_SHARED | MAP_POPULATE, fd, 0);
	if (bytes == MAP_FAILED)
		return MR_ERR_NOMEM;
	err = mr_geo_inspect(bytes, (size_t)status.st_size, shape_r, &cause);
	munmap(bytes, (size_t)status.st_size);
	if (err == MR_ERR_REFUSED)
		return refuse(cause_r, cause);
	return err;
}

/* libmaxminddb opens by name only. */
static int open_library(struct mr_mmdb *db, int fd, char cause_r[MR_GEO_CAUSE_MAX])
{
	const MMDB_metadata_s *told = &db->mmdb.metadata;
	char name[40];
	int err;

	(void)snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	err = MMDB_open(name, MMDB_MODE_MMAP, &db->mmdb);
	if (err == MMDB_OUT_OF_MEMORY_ERROR)
		return MR_ERR_NOMEM;
	if (err == MMDB_FILE_OPEN_ERROR || err == MMDB_IO_ERROR) {
		(void)snprintf(cause_r, MR_GEO_CAUSE_MAX, "cannot be opened as %s (%s); /proc has to be mounted", name,
			       MMDB_strerror(err));
		return MR_ERR_IO;
	}
	if (err != MMDB_SUCCESS) {
		(void)snprintf(cause_r, MR_GEO_CAUSE_MAX, "is refused by libmaxminddb (%.80s); fetch it anew",
			       MMDB_strerror(err));
		return MR_ERR_REFUSED;
	}
	db->open = true;
	if (told->node_count != db->shape.node_count || told->record_size != db->shape.record_bits ||
	    told->ip_version != db->shape.ip_version)
		return refuse(cause_r, "says its own shape twice, differently");
	return MR_OK;
}

/* So that no look-up is the first to touch a page. */
static void touch(const MMDB_s *mmdb)
{
	const volatile unsigned char *bytes = mmdb->file_content;
	long page = sysconf(_SC_PAGESIZE);

	for (ssize_t at = 0; at < mmdb->file_size; at += page > 0 ? page : 4096)
		(void)bytes[at];
}

int mr_mmdb_open(int fd, const struct mr_mmdb_wants *wants, char cause_r[MR_GEO_CAUSE_MAX], struct mr_mmdb **db_r)
{
	struct mr_mmdb *db = mr_calloc(1, sizeof(*db));
	int err = db != NULL ? MR_OK : MR_ERR_NOMEM;

	*db_r = NULL;
	(void)snprintf(cause_r, MR_GEO_CAUSE_MAX, "there is no memory for it; give the process more");
	if (err == MR_OK)
		err = read_paths(db, wants, cause_r);
	if (err == MR_OK)
		err = inspect(fd, &db->shape, cause_r);
	if (err == MR_OK)
		err = open_library(db, fd, cause_r);
	if (err == MR_OK)
		err = look_up_samples(db, cause_r);
	if (err == MR_OK)
		err = choose_paths(db, wants, cause_r);
	if (err != MR_OK) {
		mr_mmdb_free(&db);
		return err;
	}
	cause_r[0] = '\0';
	touch(&db->mmdb);
	*db_r = db;
	return MR_OK;
}

void mr_mmdb_free(struct mr_mmdb **db)
{
	if (*db != NULL && (*db)->open)
		MMDB_close(&(*db)->mmdb);
	mr_free(*db);
	*db = NULL;
}

int mr_mmdb_describe(const struct mr_mmdb *db, char *text_r, size_t size)
{
	char built[MR_TIME_TEXT_MAX] = "";

	if (db->shape.built == 0 || db->shape.built > INT64_MAX / 1000)
		return snprintf(text_r, size, "%.40s", db->shape.kind);
	(void)mr_time_format((int64_t)db->shape.built * 1000, built);
	return snprintf(text_r, size, "%.40s of %.10s", db->shape.kind, built);
}
