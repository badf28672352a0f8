/*
 * Lists of strings and the files that they name, made into sets. Networks have a file of their own.
 * Called by the builders.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "model/login.h"
#include "policy/build.h"

enum { PATH_BYTES_MAX = 4096 };

/* The line without its comment, which begins with '#' at the line's start or behind white space. */
static struct mr_str without_comment(struct mr_str line)
{
	for (size_t i = 0; i < line.n; i++) {
		if (line.p[i] == '#' && (i == 0 || line.p[i - 1] == ' ' || line.p[i - 1] == '\t'))
			return mr_str_trim(mr_str_part(line, 0, i));
	}
	return mr_str_trim(line);
}

static void each_line(struct mr_builder *b, const struct mr_source *source, mr_entry_function *take, void *context)
{
	struct mr_str rest = source->bytes;
	struct mr_where where = { source->path, source->order, 0 };

	if (rest.n >= 3 && memcmp(rest.p, "\xef\xbb\xbf", 3) == 0)
		rest = mr_str_part(rest, 3, rest.n);
	while (rest.n > 0 && !b->err) {
		const char *end = memchr(rest.p, '\n', rest.n);
		size_t n = end ? (size_t)(end - rest.p) : rest.n;
		struct mr_str line = without_comment(mr_str_part(rest, 0, n));

		where.line++;
		if (line.n > 0)
			take(b, context, line, &where);
		rest = mr_str_part(rest, n + 1, rest.n);
	}
}

static void each_of_file(struct mr_builder *b, struct mr_str name, const struct mr_where *where,
			 enum mr_source_kind kind, mr_entry_function *take, void *context)
{
	char path[PATH_BYTES_MAX];
	struct mr_source source;
	struct mr_source_fault fault;
	int err = mr_source_resolve(mr_source_main(b->files), name, path, sizeof(path));

	if (err) {
		MR_FAULT(b, "unreadable-file", where,
			 "the file's name %s\nwrite \"file:PATH\", from the policy's folder down or from the root",
			 err == MR_ERR_REFUSED ? "holds \"..\"" : "is empty, too long or holds control characters");
		return;
	}
	err = mr_source_get(b->files, mr_str_of(path), kind, &source, &fault);
	if (err == MR_ERR_REFUSED)
		mr_source_tell(b->faults, where, mr_str_of(path), &fault);
	else if (err)
		b->err = err;
	else
		each_line(b, &source, take, context);
}

static void each_entry(struct mr_builder *b, const config_setting_t *element, enum mr_source_kind kind,
		       mr_entry_function *take, void *context)
{
	const char *text = config_setting_get_string(element);
	struct mr_where where = mr_tree_where(b->tree, element);

	if (!text)
		return;
	if (strncmp(text, "file:", 5) == 0)
		each_of_file(b, mr_str_of(text + 5), &where, kind, take, context);
	else
		take(b, context, mr_str_of(text), &where);
}

static void each(struct mr_builder *b, const config_setting_t *list, enum mr_source_kind kind, mr_entry_function *take,
		 void *context)
{
	if (!list)
		return;
	if (config_setting_type(list) == CONFIG_TYPE_STRING) {
		each_entry(b, list, kind, take, context);
	} else if (config_setting_is_array(list) || config_setting_is_list(list)) {
		for (int i = 0; i < config_setting_length(list) && !b->err; i++)
			each_entry(b, config_setting_get_elem(list, (unsigned)i), kind, take, context);
	}
}

void mr_list_each(struct mr_builder *b, const config_setting_t *list, mr_entry_function *take, void *context)
{
	each(b, list, MR_SOURCE_TEXT, take, context);
}

void mr_list_each_secret(struct mr_builder *b, const config_setting_t *list, mr_entry_function *take, void *context)
{
	each(b, list, MR_SOURCE_SECRET, take, context);
}

void mr_items_put(struct mr_builder *b, struct mr_items *items, struct mr_str text)
{
	char **more = mr_realloc(items->text, items->count + 1, sizeof(*more));

	if (more) {
		items->text = more;
		more[items->count] = mr_strndup(text.p, text.n);
	}
	if (!more || !more[items->count])
		b->err = MR_ERR_NOMEM;
	else
		items->count++;
}

static void put_domain(struct mr_builder *b, void *context, struct mr_str entry, const struct mr_where *where)
{
	const char *why;
	int err = mr_domainset_add(context, entry, &why);

	if (err == MR_ERR_NOMEM)
		b->err = err;
	else if (err)
		MR_FAULT(b, "bad-domain", where,
			 "\"%s\" is not a domain: %s\nwrite a name such as example.com, or .example.com for its "
			 "sub-domains",
			 mr_faults_show(b->faults, entry), why);
}

void mr_list_domains(struct mr_builder *b, const config_setting_t *list, struct mr_domainset **set_r)
{
	if (!list)
		return;
	*set_r = mr_domainset_new(b->policy->hash_key);
	if (!*set_r)
		b->err = MR_ERR_NOMEM;
	else
		mr_list_each(b, list, put_domain, *set_r);
}

/* The canonical form of a login pattern that names a local part. Others stay as they are. */
static struct mr_str canonical_login(struct mr_builder *b, struct mr_str entry, char text[MR_LOGIN_MAX])
{
	size_t n;
	int err;

	if (entry.n == 0 || entry.p[0] == '@' || mr_str_equal(entry, MR_STR("*")) ||
	    mr_str_find(entry, '@') + 1 == entry.n)
		return entry;
	if (entry.n > 1 && entry.p[0] == '*' && entry.p[1] == '@')
		return entry;
	err = mr_login_canonical(&b->policy->login, entry, text, MR_LOGIN_MAX, &n);
	if (err == MR_ERR_NOMEM)
		b->err = err;
	return err ? entry : (struct mr_str){ text, n };
}

void mr_pattern_put(struct mr_builder *b, struct mr_patternset *set, enum mr_pattern_use use, struct mr_str entry,
		    const struct mr_where *where)
{
	char text[MR_LOGIN_MAX];
	const char *why = "it has no '@'";
	struct mr_str pattern = use == MR_PATTERN_LOGIN ? canonical_login(b, entry, text) : entry;
	int err = MR_ERR_SYNTAX;

	if (mr_str_equal(entry, MR_STR("@local")))
		why = "@local stands for domains only in lists of domains";
	else if (use == MR_PATTERN_LOGIN || mr_str_find(entry, '@') < entry.n || mr_str_equal(entry, MR_STR("*")))
		err = mr_patternset_add(set, pattern, &why);
	if (err == MR_ERR_NOMEM)
		b->err = err;
	else if (err)
		MR_FAULT(b, "bad-pattern", where,
			 "\"%s\" is not a pattern of addresses: %s\nwrite alice@example.com, @example.com, "
			 "@.example.com or news-*@example.com",
			 mr_faults_show(b->faults, entry), why);
}

static void put_address(struct mr_builder *b, void *context, struct mr_str entry, const struct mr_where *where)
{
	mr_pattern_put(b, context, MR_PATTERN_ADDRESS, entry, where);
}

static void put_login(struct mr_builder *b, void *context, struct mr_str entry, const struct mr_where *where)
{
	mr_pattern_put(b, context, MR_PATTERN_LOGIN, entry, where);
}

void mr_list_patterns(struct mr_builder *b, const config_setting_t *list, enum mr_pattern_use use,
		      struct mr_patternset **set_r)
{
	if (!list)
		return;
	*set_r = mr_patternset_new(b->policy->hash_key);
	if (!*set_r)
		b->err = MR_ERR_NOMEM;
	else
		mr_list_each(b, list, use == MR_PATTERN_LOGIN ? put_login : put_address, *set_r);
}

struct name_list {
	struct mr_strmap *map;
	bool fold;
};

static void put_name(struct mr_builder *b, void *context, struct mr_str entry, const struct mr_where *where)
{
	struct name_list *names = context;
	char text[256];

	if (entry.n == 0 || entry.n > sizeof(text) || mr_str_has_control(entry)) {
		MR_FAULT(b, "bad-value", where, "\"%s\" is not a name\nwrite 1 to 256 bytes without control characters",
			 mr_faults_show(b->faults, entry));
		return;
	}
	for (size_t i = 0; i < entry.n; i++)
		text[i] = names->fold ? mr_ascii_lower(entry.p[i]) : entry.p[i];
	if (mr_strmap_set(names->map, (struct mr_str){ text, entry.n }, NULL, NULL))
		b->err = MR_ERR_NOMEM;
}

void mr_list_names(struct mr_builder *b, const config_setting_t *list, bool fold, struct mr_strmap **map_r)
{
	struct name_list names = { NULL, fold };

	if (!list)
		return;
	names.map = mr_strmap_new(b->policy->hash_key);
	*map_r = names.map;
	if (!names.map)
		b->err = MR_ERR_NOMEM;
	else
		mr_list_each(b, list, put_name, &names);
}
