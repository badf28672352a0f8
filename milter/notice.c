/*
 * Event lines read back. Says nothing and sends nothing.
 */
#include "notice.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

struct mr_notice {
	json_t *root;
	uint64_t repeated;
};

int mr_notice_read(const char *line, size_t length, struct mr_notice **notice_r)
{
	struct mr_notice *notice = calloc(1, sizeof(*notice));
	json_error_t error;

	*notice_r = NULL;
	if (notice == NULL)
		return -1;
	notice->root = json_loadb(line, length, JSON_REJECT_DUPLICATES, &error);
	if (!json_is_object(notice->root)) {
		mr_notice_free(&notice);
		return -2;
	}
	*notice_r = notice;
	return 0;
}

void mr_notice_free(struct mr_notice **notice)
{
	if (*notice != NULL)
		json_decref((*notice)->root);
	free(*notice);
	*notice = NULL;
}

const char *mr_notice_text(const struct mr_notice *notice, enum mr_notice_text what)
{
	static const struct {
		const char *object, *name;
	} places[MR_NOTICE_TEXTS] = {
		[MR_NOTICE_ACTION] = { "event", "action" },       [MR_NOTICE_ID] = { "event", "id" },
		[MR_NOTICE_TIME] = { NULL, "@timestamp" },        [MR_NOTICE_MESSAGE] = { NULL, "message" },
		[MR_NOTICE_CAUSE] = { "event", "reason" },        [MR_NOTICE_REASON] = { "mailreeve", "reason" },
		[MR_NOTICE_LOGIN] = { "user", "name" },           [MR_NOTICE_ACCOUNT] = { "mailreeve", "account" },
		[MR_NOTICE_ADDRESS] = { "source", "ip" },         [MR_NOTICE_OPERATOR] = { "mailreeve", "operator" },
		[MR_NOTICE_HOST] = { "host", "name" },
	};
	const json_t *object = notice->root;
	const char *text;

	if (places[what].object != NULL)
		object = json_object_get(object, places[what].object);
	text = json_string_value(json_object_get(object, places[what].name));
	return text != NULL ? text : "";
}

const char *mr_notice_whom(const struct mr_notice *notice)
{
	static const enum mr_notice_text order[] = { MR_NOTICE_ACCOUNT, MR_NOTICE_LOGIN, MR_NOTICE_ADDRESS };

	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++)
		if (mr_notice_text(notice, order[i])[0] != '\0')
			return mr_notice_text(notice, order[i]);
	return "";
}

bool mr_notice_is_step(const struct mr_notice *notice)
{
	const char *action = mr_notice_text(notice, MR_NOTICE_ACTION);

	return strncmp(action, "account-", 8) == 0 || strncmp(action, "source-", 7) == 0;
}

void mr_notice_repeat(struct mr_notice *notice, uint64_t repeated)
{
	notice->repeated = repeated;
	if (repeated > 0)
		(void)json_object_set_new(json_object_get(notice->root, "mailreeve"), "repeated",
					  json_integer((json_int_t)repeated));
}

uint64_t mr_notice_repeated(const struct mr_notice *notice)
{
	return notice->repeated;
}

char *mr_notice_line(const struct mr_notice *notice, size_t *n_r)
{
	char *text = json_dumps(notice->root, JSON_COMPACT);
	size_t n = text != NULL ? strlen(text) : 0;
	char *line = text != NULL ? realloc(text, n + 2) : NULL;

	*n_r = 0;
	if (line == NULL) {
		free(text);
		return NULL;
	}
	line[n] = '\n';
	line[n + 1] = '\0';
	*n_r = n + 1;
	return line;
}
