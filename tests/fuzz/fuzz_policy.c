/*
 * Fuzz target: the text of a policy, and saved text (lib/mailreeve.h, section Policy).
 *
 * An input that begins with "MRTEXT1" is saved text as it is. Any other is files, with the byte 0x1e between them: the
 * policy, then others that begin with their name and a newline.
 *
 * What must hold: a policy or an error fault, never both, never none; faults are plain text; the saved text gives the
 * same faults again.
 */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"
#include "mailreeve.h"

static const int64_t now_ms = 1795305600000;

static void put(int fd, const void *bytes, size_t n)
{
	MUST(write(fd, bytes, n) == (ssize_t)n);
}

static void put_block(int fd, const void *bytes, size_t n)
{
	uint64_t length = n;

	put(fd, &length, sizeof(length));
	put(fd, bytes, n);
}

/* Writes the input as saved text. */
static void put_files(int fd, const uint8_t *data, size_t size)
{
	const char *p = (const char *)data, *end = p + size;
	const char *stop = memchr(p, 0x1e, size);

	put(fd, "MRTEXT1\n", 8);
	put_block(fd, "policy.conf", 11);
	put_block(fd, "policy.conf", 11);
	put_block(fd, p, (size_t)((stop ? stop : end) - p));
	while (stop) {
		const char *name = stop + 1, *name_end = memchr(name, '\n', (size_t)(end - name));

		if (!name_end)
			return;
		stop = memchr(name, 0x1e, (size_t)(end - name));
		if (stop && stop < name_end)
			return;
		put_block(fd, name, (size_t)(name_end - name));
		put_block(fd, name_end + 1, (size_t)((stop ? stop : end) - name_end) - 1);
	}
}

static void check_plain(const char *text)
{
	for (; *text; text++)
		MUST((unsigned char)*text >= 0x20 && *text != 0x7f);
}

static void check_faults(const struct mr_faults *faults, int err)
{
	const struct mr_fault *fault;
	size_t count = mr_faults_count(faults, MR_FAULT_WARNING), i = 0;

	MUST((mr_faults_count(faults, MR_FAULT_ERROR) > 0) == (err != 0));
	for (; (fault = mr_faults_at(faults, i)) != NULL; i++) {
		MUST(*fault->id && *fault->what && *fault->cure);
		check_plain(fault->what);
		check_plain(fault->cure);
	}
	MUST(i == count && count <= 201);
}

static struct mr_faults *build(struct mr_policy_text *text)
{
	struct mr_policy *policy = NULL;
	struct mr_faults *faults = NULL;
	int err = mr_policy_build(text, now_ms, NULL, &policy, &faults);
	const char *value;

	MUST(err == 0 || err == -7);
	MUST((policy != NULL) == (err == 0) && faults != NULL);
	check_faults(faults, err);
	if (policy)
		MUST(mr_policy_get_text(policy, "milter", &value) == 0 && value != NULL);
	mr_policy_drop(&policy);
	return faults;
}

static void check_again(const struct mr_policy_text *text, const struct mr_faults *faults)
{
	int fd = memfd_create("again", MFD_CLOEXEC);
	struct mr_policy_text *again = NULL;
	struct mr_faults *others;
	const struct mr_fault *a, *b;

	MUST(fd >= 0 && mr_policy_text_save(text, fd) == 0);
	MUST(mr_policy_text_restore(fd, &again) == 0);
	others = build(again);
	for (size_t i = 0; (a = mr_faults_at(faults, i)) != NULL; i++) {
		b = mr_faults_at(others, i);
		MUST(b && a->line == b->line && strcmp(a->what, b->what) == 0 && strcmp(a->file, b->file) == 0);
	}
	mr_faults_free(&others);
	mr_policy_text_free(&again);
	close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = memfd_create("input", MFD_CLOEXEC);
	struct mr_policy_text *text = NULL;
	struct mr_faults *faults;

	MUST(fd >= 0);
	if (size >= 8 && memcmp(data, "MRTEXT1", 7) == 0)
		put(fd, data, size);
	else
		put_files(fd, data, size);
	if (mr_policy_text_restore(fd, &text) == 0) {
		faults = build(text);
		check_again(text, faults);
		mr_faults_free(&faults);
		mr_policy_text_free(&text);
	}
	close(fd);
	return 0;
}
