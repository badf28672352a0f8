/*
 * Reload: read, check, and only then swap. A policy with errors changes nothing.
 */
#include "reload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "clock.h"
#include "policyfile.h"
#include "say.h"

enum { DETAIL_MAX = 400, FAULTS_TOLD = 100, JSON_MAX = 60 << 10 };

static void refused(struct mr_engine *engine, const char *file, int err, struct mr_reload *reload)
{
	size_t errors = reload->faults != NULL ? mr_faults_count(reload->faults, MR_FAULT_ERROR) : 0;
	const struct mr_fault *first = NULL;
	char detail[DETAIL_MAX];
	int n;

	reload->status = MR_RELOAD_REFUSED;
	reload->generation = mr_engine_generation(engine);
	for (size_t i = 0; reload->faults != NULL && (first = mr_faults_at(reload->faults, i)) != NULL; i++)
		if (first->level == MR_FAULT_ERROR)
			break;
	if (first != NULL)
		n = mr_say_fault_text(first, detail, sizeof(detail));
	else
		n = snprintf(detail, sizeof(detail), "%s cannot be read: %s", file, mr_err_text(err));
	if (errors > 1 && n > 0 && (size_t)n < sizeof(detail))
		(void)snprintf(detail + n, sizeof(detail) - (size_t)n, " (and %zu more)", errors - 1);
	mr_engine_say(engine, reload->checked_ms, MR_SAID_POLICY_REFUSED, detail, 0);
	mr_say(MR_SAY_ERROR, "the policy %s was not put in force, generation %llu stays: %s", file,
	       (unsigned long long)reload->generation,
	       errors > 0 ? "correct the lines above and reload again" : detail);
}

static void loaded(struct mr_engine *engine, const char *file, struct mr_policy *policy, struct mr_reload *reload)
{
	size_t warnings = mr_faults_count(reload->faults, MR_FAULT_WARNING);
	char detail[DETAIL_MAX];

	reload->status = warnings > 0 ? MR_RELOAD_WARNINGS : MR_RELOAD_DONE;
	reload->generation = mr_engine_set_policy(engine, policy);
	(void)snprintf(detail, sizeof(detail), "generation %llu, %zu warnings", (unsigned long long)reload->generation,
		       warnings);
	mr_engine_say(engine, reload->checked_ms, MR_SAID_POLICY_LOADED, detail, 0);
	mr_say(MR_SAY_NOTICE, "the policy %s is in force: %s", file, detail);
}

void mr_reload_run(struct mr_engine *engine, const char *file, const struct mr_settings *current,
		   struct mr_reload *reload_r)
{
	struct mr_policy_text *text = NULL;
	struct mr_policy *policy = NULL;
	int err;

	*reload_r = (struct mr_reload){ .text_fd = -1, .checked_ms = mr_clock_ms() };
	err = mr_policyfile_load(file, reload_r->checked_ms, &text, &policy, &reload_r->faults);
	if (reload_r->faults != NULL)
		mr_say_faults(reload_r->faults);
	if (err == 0 && mr_settings_read(policy, &reload_r->settings) != 0) {
		mr_policy_drop(&policy);
		err = -1;
	}
	if (err != 0) {
		mr_policy_text_free(&text);
		refused(engine, file, err, reload_r);
		return;
	}
	(void)mr_settings_say_postponed(current, &reload_r->settings);
	reload_r->text_fd = mr_policyfile_save(text);
	mr_policy_text_free(&text);
	loaded(engine, file, policy, reload_r);
}

static const char *word_of(enum mr_reload_status status)
{
	switch (status) {
	case MR_RELOAD_DONE:
	case MR_RELOAD_WARNINGS:
		return "loaded";
	case MR_RELOAD_REFUSED:
		return "refused";
	}
	return "refused";
}

static json_t *faults_json(const struct mr_faults *faults, size_t most)
{
	json_t *list = json_array();
	const struct mr_fault *fault;

	for (size_t i = 0; i < most && faults != NULL && (fault = mr_faults_at(faults, i)) != NULL; i++)
		json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:i, s:s, s:s}", "level",
						      fault->level == MR_FAULT_ERROR ? "error" : "warning", "id",
						      fault->id, "file", fault->file, "line", (int)fault->line, "what",
						      fault->what, "cure", fault->cure != NULL ? fault->cure : ""));
	return list;
}

static char *reload_json(const struct mr_reload *reload, size_t most)
{
	size_t errors = 0, warnings = 0;
	json_t *answer;
	char *text;

	if (reload->faults != NULL) {
		errors = mr_faults_count(reload->faults, MR_FAULT_ERROR);
		warnings = mr_faults_count(reload->faults, MR_FAULT_WARNING) - errors;
	}
	answer = json_pack("{s:s, s:I, s:I, s:I, s:o}", "result", word_of(reload->status), "generation",
			   (json_int_t)reload->generation, "errors", (json_int_t)errors, "warnings",
			   (json_int_t)warnings, "faults", faults_json(reload->faults, most));
	text = answer != NULL ? json_dumps(answer, JSON_COMPACT) : NULL;
	json_decref(answer);
	return text;
}

char *mr_reload_json(const struct mr_reload *reload)
{
	size_t most = FAULTS_TOLD;
	char *text = reload_json(reload, most);

	while (text != NULL && strlen(text) > JSON_MAX && most > 0) {
		free(text);
		most /= 2;
		text = reload_json(reload, most);
	}
	return text;
}

void mr_reload_clear(struct mr_reload *reload)
{
	if (reload->text_fd >= 0)
		close(reload->text_fd);
	mr_faults_free(&reload->faults);
	mr_settings_clear(&reload->settings);
	reload->text_fd = -1;
}
