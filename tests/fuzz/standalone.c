/*
 * A main() for fuzz targets without libFuzzer: plays every seed, and what is left of it when it is cut off anywhere.
 * So the seeds, and whatever once broke a target and was added to them, stay tested in make check with any compiler.
 *
 * Usage: fuzz_NAME [FILE|FOLDER]...   without arguments: srcdir/tests/fuzz/seeds/NAME
 */
#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "fuzz.h"

enum { SEED_MAX = 1 << 20, CUTS_MAX = 256 };

static unsigned seeds;

static void play(const char *path)
{
	FILE *file = fopen(path, "rb");
	uint8_t *bytes = malloc(SEED_MAX);
	size_t n, step;

	if (file == NULL || bytes == NULL) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		exit(1);
	}
	n = fread(bytes, 1, SEED_MAX, file);
	fclose(file);
	step = n / CUTS_MAX + 1;
	for (size_t cut = 0; cut < n; cut += step) {
		/* a copy of its own size, so that a sanitizer sees the first byte that is read behind the end */
		uint8_t *part = malloc(cut > 0 ? cut : 1);

		if (part == NULL)
			exit(1);
		memcpy(part, bytes, cut);
		LLVMFuzzerTestOneInput(part, cut);
		free(part);
	}
	LLVMFuzzerTestOneInput(bytes, n);
	free(bytes);
	seeds++;
}

static void play_all(const char *path)
{
	struct stat status;
	struct dirent *entry;
	char name[4096];
	DIR *folder;

	if (stat(path, &status) == 0 && !S_ISDIR(status.st_mode)) {
		play(path);
		return;
	}
	folder = opendir(path);
	if (folder == NULL) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		exit(1);
	}
	while ((entry = readdir(folder)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
		play(name);
	}
	closedir(folder);
}

int main(int argc, char **argv)
{
	const char *source = getenv("srcdir"), *target = strstr(argv[0], "fuzz_");
	char path[4096];

	for (int i = 1; i < argc; i++)
		play_all(argv[i]);
	if (argc == 1) {
		while (target != NULL && strstr(target + 1, "fuzz_") != NULL)
			target = strstr(target + 1, "fuzz_");
		snprintf(path, sizeof(path), "%s/tests/fuzz/seeds/%s", source != NULL ? source : ".",
			 target != NULL ? target + strlen("fuzz_") : "");
		play_all(path);
	}
	printf("%u seeds played\n", seeds);
	return seeds > 0 ? 0 : 1;
}
