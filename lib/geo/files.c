/*
 * Places from the two MMDB files that a policy names: countries (and places on the map), and autonomous systems. Called
 * through mailreeve.h by programs, at the start, after a reload, and when a file was replaced.
 */
#include "geo/files.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"
#include "geo/inspect.h"
#include "geo/kind.h"
#include "geo/mmdb.h"

enum file { COUNTRY, ASN, FILES };

static const struct {
	const char *setting;
	enum mr_geo_field first, last;
} rows[FILES] = {
	[COUNTRY] = { "geo.country", MR_GEO_COUNTRY, MR_GEO_LONGITUDE },
	[ASN] = { "geo.asn", MR_GEO_ASN, MR_GEO_AS_NAME },
};

/* A file that was opened, and as what. */
struct opened {
	struct mr_mmdb *db; /* NULL: the policy names none, or it could not be opened */
	struct mr_geo_identity identity;
	char *path;
	char *fields[MR_GEO_FIELDS];
};

struct files {
	struct mr_geo geo;
	struct opened files[FILES];
};

/* ---- What the policy says ---- */

/* NULL: none. */
static const char *path_of(const struct mr_policy *policy, enum file file)
{
	const char *path = NULL;

	if (mr_policy_get_text(policy, rows[file].setting, &path) != 0 || path == NULL || path[0] == '\0')
		return NULL;
	return path;
}

/* NULL: this file is not asked for it. */
static const char *field_of(const struct mr_policy *policy, enum file file, int field)
{
	const char *text = NULL;

	if (field < (int)rows[file].first || field > (int)rows[file].last)
		return NULL;
	if (mr_policy_get_text(policy, mr_geo_field_setting((enum mr_geo_field)field), &text) != 0 || text == NULL ||
	    text[0] == '\0')
		text = mr_geo_field_fallback((enum mr_geo_field)field);
	return text;
}

bool mr_geo_files_named(const struct mr_policy *policy)
{
	return path_of(policy, COUNTRY) != NULL || path_of(policy, ASN) != NULL;
}

/* ---- Look-ups ---- */

static void find(const struct mr_geo *geo, const struct mr_ip *ip, struct mr_geo_place *place)
{
	const struct files *files = (const struct files *)geo;

	for (int i = 0; i < FILES; i++) {
		if (files->files[i].db != NULL)
			mr_mmdb_find(files->files[i].db, ip, place);
	}
}

static bool differs(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a != b : strcmp(a, b) != 0;
}

static bool is_stale(const struct mr_geo *geo, const struct mr_policy *policy)
{
	const struct files *files = (const struct files *)geo;

	for (int i = 0; i < FILES; i++) {
		const struct opened *opened = &files->files[i];

		if (differs(opened->path, path_of(policy, (enum file)i)))
			return true;
		if (opened->path == NULL)
			continue;
		for (int field = 0; field < MR_GEO_FIELDS; field++) {
			if (differs(opened->fields[field], field_of(policy, (enum file)i, field)))
				return true;
		}
		if (opened->db == NULL || mr_geo_was_replaced(opened->path, &opened->identity))
			return true;
	}
	return false;
}

/* ---- Opening and closing ---- */

static void close_file(struct opened *opened)
{
	mr_mmdb_free(&opened->db);
	mr_free(opened->path);
	for (int i = 0; i < MR_GEO_FIELDS; i++)
		mr_free(opened->fields[i]);
}

static void end(struct mr_geo *geo)
{
	struct files *files = (struct files *)geo;

	for (int i = 0; i < FILES; i++)
		close_file(&files->files[i]);
	mr_free(files);
}

static int keep_names(struct opened *opened, const char *path, const struct mr_mmdb_wants *wants)
{
	opened->path = mr_strdup(path);
	for (int i = 0; i < MR_GEO_FIELDS; i++) {
		opened->fields[i] = wants->paths[i] != NULL ? mr_strdup(wants->paths[i]) : NULL;
		if (wants->paths[i] != NULL && opened->fields[i] == NULL)
			return MR_ERR_NOMEM;
	}
	return opened->path != NULL ? MR_OK : MR_ERR_NOMEM;
}

static int open_file(struct opened *opened, char cause_r[MR_GEO_CAUSE_MAX])
{
	struct mr_mmdb_wants wants = { { NULL } };
	int fd, err;

	for (int i = 0; i < MR_GEO_FIELDS; i++)
		wants.paths[i] = opened->fields[i];
	err = mr_geo_copy(opened->path, MR_GEO_FILE_MAX, &fd, &opened->identity, cause_r);
	if (err != MR_OK)
		return err;
	err = mr_mmdb_open(fd, &wants, cause_r, &opened->db);
	close(fd);
	return err;
}

/* The end of a path that is too long to be said. */
static const char *end_of(const char *path, size_t most)
{
	size_t n = strlen(path);

	return n > most ? path + n - most : path;
}

/* Adds to the sentence about what was opened. */
static void tell(const struct opened *opened, char why_r[256])
{
	size_t n = strlen(why_r);
	char kind[64];

	(void)mr_mmdb_describe(opened->db, kind, sizeof(kind));
	(void)snprintf(why_r + n, 256 - n, "%s%s (%s)", n > 0 ? " and " : "addresses are looked up in ",
		       end_of(opened->path, 60), kind);
}

/* Opens the file that policy names, if any. *said: a failure has been put into why_r, which the first one gets. */
static int add_file(struct files *files, enum file file, const struct mr_policy *policy, bool *said, char why_r[256])
{
	struct opened *opened = &files->files[file];
	const char *path = path_of(policy, file);
	struct mr_mmdb_wants wants = { { NULL } };
	char cause[MR_GEO_CAUSE_MAX] = "there is no memory for it";
	int err;

	if (path == NULL)
		return MR_OK;
	for (int i = 0; i < MR_GEO_FIELDS; i++)
		wants.paths[i] = field_of(policy, file, i);
	err = keep_names(opened, path, &wants);
	if (err == MR_OK)
		err = open_file(opened, cause);
	if (err == MR_OK && !*said)
		tell(opened, why_r);
	if (err != MR_OK && !*said) {
		(void)snprintf(why_r, 256, "%s: %s %s", rows[file].setting, end_of(path, 70), cause);
		*said = true;
	}
	return err;
}

int mr_geo_open(const struct mr_policy *policy, char why_r[256], struct mr_geo **geo_r)
{
	static const struct mr_geo_kind kind = { .find = find, .is_stale = is_stale, .end = end };
	struct files *files;
	bool said = false;
	int err = MR_OK;

	*geo_r = NULL;
	why_r[0] = '\0';
	if (!mr_geo_files_named(policy))
		return MR_OK;
	files = mr_calloc(1, sizeof(*files));
	if (files == NULL) {
		(void)snprintf(why_r, 256, "there is no memory for databases of places");
		return MR_ERR_NOMEM;
	}
	mr_geo_begin(&files->geo, &kind);
	for (int i = 0; i < FILES; i++) {
		int one = add_file(files, (enum file)i, policy, &said, why_r);

		if (err == MR_OK)
			err = one;
	}
	*geo_r = &files->geo;
	if (files->files[COUNTRY].db == NULL && files->files[ASN].db == NULL)
		mr_geo_free(geo_r);
	return err;
}
