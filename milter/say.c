/*
 * Messages for people. Not the event log: see logwriter.c.
 */
#include "say.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

enum { SAY_MAX = 2048 };

static atomic_bool to_syslog;

void mr_say_go_to_background(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	atomic_store(&to_syslog, true);
	if (null < 0)
		return;
	(void)dup2(null, STDIN_FILENO);
	(void)dup2(null, STDOUT_FILENO);
	(void)dup2(null, STDERR_FILENO);
	if (null > STDERR_FILENO)
		close(null);
}

static int priority_of(enum mr_say_level level)
{
	switch (level) {
	case MR_SAY_ERROR:
		return LOG_ERR;
	case MR_SAY_WARNING:
		return LOG_WARNING;
	case MR_SAY_NOTICE:
		return LOG_NOTICE;
	}
	return LOG_ERR;
}

static void put(enum mr_say_level level, const char *prefix, char *text)
{
	char line[SAY_MAX + 32];
	int n;

	for (char *p = text; *p != '\0'; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = '?';
	if (atomic_load(&to_syslog)) {
		syslog(LOG_MAIL | priority_of(level), "%s", text);
		return;
	}
	n = snprintf(line, sizeof(line), "%s%s\n", prefix, text);
	/* Nobody can be told that standard error is broken. */
	if (n > 0 && write(STDERR_FILENO, line, (size_t)n) < 0)
		return;
}

void mr_say(enum mr_say_level level, const char *format, ...)
{
	char text[SAY_MAX];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	put(level, "mailreeved: ", text);
}

int mr_say_fault_text(const struct mr_fault *fault, char *text_r, size_t size)
{
	const char *mark = fault->level == MR_FAULT_WARNING ? "warning: " : "";
	const char *cure = fault->cure != NULL ? fault->cure : "";
	const char *between = cure[0] != '\0' ? "; " : "";

	if (fault->line == 0)
		return snprintf(text_r, size, "%s: %s%s%s%s", fault->file, mark, fault->what, between, cure);
	return snprintf(text_r, size, "%s:%u: %s%s%s%s", fault->file, fault->line, mark, fault->what, between, cure);
}

void mr_say_faults(const struct mr_faults *faults)
{
	char text[SAY_MAX];
	const struct mr_fault *fault;

	for (size_t i = 0; (fault = mr_faults_at(faults, i)) != NULL; i++) {
		(void)mr_say_fault_text(fault, text, sizeof(text));
		put(fault->level == MR_FAULT_WARNING ? MR_SAY_WARNING : MR_SAY_ERROR, "", text);
	}
}
