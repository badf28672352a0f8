/* Reads a labelled set as lab_set.py writes it. Called by lab.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "lab.h"

enum { SLOTS = 1 << 16 };

struct index {
	struct lab_set *set;
	int slot[SLOTS];
	uint64_t domains[64]; /* of the accounts: ours */
	size_t domain_count;
};

static void *must(void *p)
{
	if (p == NULL) {
		fputs("lab: no memory\n", stderr);
		exit(2);
	}
	return p;
}

static uint64_t hash_of(const char *text)
{
	return mr_habit_hash(mr_str_of(text));
}

static const char *domain_of(const char *address)
{
	const char *at = strrchr(address, '@');

	return at == NULL ? address : at + 1;
}

static int find(const struct index *x, uint64_t hash)
{
	for (size_t at = hash % SLOTS;; at = (at + 1) % SLOTS) {
		if (x->slot[at] < 0)
			return -1;
		if (x->set->accounts[x->slot[at]].hash == hash)
			return x->slot[at];
	}
}

static bool is_domain(const struct index *x, const char *address)
{
	uint64_t hash = hash_of(domain_of(address));

	for (size_t i = 0; i < x->domain_count; i++)
		if (x->domains[i] == hash)
			return true;
	return false;
}

static void add_account(struct index *x, char **word, int words)
{
	struct lab_set *set = x->set;
	struct lab_account *a = &set->accounts[set->account_count];
	size_t at = 0;

	*a = (struct lab_account){ .name = word[1],
				   .kind = word[2],
				   .hash = hash_of(word[1]),
				   .first = atoll(word[3]),
				   .last = atoll(word[4]),
				   .last_false = -1000000 };
	if (words >= 9) {
		a->theft = word[5];
		a->history = word[6];
		a->start = atoll(word[7]);
	}
	for (at = a->hash % SLOTS; x->slot[at] >= 0;)
		at = (at + 1) % SLOTS;
	x->slot[at] = (int)set->account_count++;
	if (strchr(word[1], '@') != NULL && !is_domain(x, word[1]) && x->domain_count < 64)
		x->domains[x->domain_count++] = hash_of(domain_of(word[1]));
}

static uint64_t network_of(const char *ip)
{
	char text[64];
	char *dot;

	snprintf(text, sizeof(text), "%s", ip);
	dot = strrchr(text, '.');
	if (dot != NULL)
		*dot = '\0';
	return hash_of(text);
}

static void add_event(struct index *x, char **word, int words)
{
	struct lab_set *set = x->set;
	struct lab_event *e = &set->events[set->event_count++];
	const char *account = word[3], *from = word[4], *country = word[6];

	*e = (struct lab_event){ .id = atoll(word[1]),
				 .t = atoll(word[2]),
				 .account = find(x, hash_of(account)),
				 .network = network_of(word[5]),
				 .ours = strcmp(country, "ZZ") == 0,
				 .size = atoll(word[8]),
				 .refused = (size_t)atoll(word[9]),
				 .spam = word[10][0] == '1',
				 .authenticated = word[11][0] == '1',
				 .label = word[12],
				 .stolen = strcmp(word[12], "legit") != 0,
				 .to_first = set->hash_count };
	if (e->account < 0) {
		fprintf(stderr, "lab: event of %s, which is no account\n", account);
		exit(2);
	}
	if (!e->ours) {
		e->asn = (uint32_t)atoll(word[7]);
		e->country = (uint16_t)((unsigned char)country[0] << 8 | (unsigned char)country[1]);
	}
	e->sender = strcmp(from, "<>") == 0 ? 0 : hash_of(from);
	e->sender_own = strcmp(from, account) == 0;
	e->sender_own_domain = strcmp(domain_of(from), domain_of(account)) == 0;
	e->client = strcmp(word[13], "-") == 0 ? 0 : hash_of(word[13]);
	for (int i = 14; i < words && e->to_count < LAB_RECIPIENTS; i++, e->to_count++) {
		uint64_t hash = hash_of(word[i]);
		set->to_accounts[set->hash_count] = find(x, hash);
		set->hashes[set->hash_count++] = hash;
		e->beyond = e->beyond || !is_domain(x, word[i]);
	}
}

static char *read_text(const char *path, size_t *n_r)
{
	FILE *file = fopen(path, "rb");
	char *text;

	if (file == NULL || fseek(file, 0, SEEK_END) != 0) {
		perror(path);
		exit(2);
	}
	*n_r = (size_t)ftell(file);
	rewind(file);
	text = must(malloc(*n_r + 1));
	if (fread(text, 1, *n_r, file) != *n_r)
		exit(2);
	text[*n_r] = '\0';
	fclose(file);
	return text;
}

static int split(char *line, char **word, int most)
{
	int n = 0;

	for (char *p = line; *p != '\0' && n < most;) {
		word[n++] = p;
		p += strcspn(p, " ");
		if (*p == ' ')
			*p++ = '\0';
	}
	return n;
}

struct lab_set *lab_set_read(const char *path)
{
	static char *word[LAB_RECIPIENTS + 16];
	struct lab_set *set = must(calloc(1, sizeof(*set)));
	struct index *x = must(calloc(1, sizeof(*x)));
	size_t n, lines = 0, blanks = 0;
	const char *base = strrchr(path, '/');

	snprintf(set->label, sizeof(set->label), "%s", base == NULL ? path : base + 1);
	set->text = read_text(path, &n);
	for (size_t i = 0; i < n; i++) {
		lines += set->text[i] == '\n';
		blanks += set->text[i] == ' ';
	}
	set->accounts = must(calloc(lines + 1, sizeof(*set->accounts)));
	set->events = must(calloc(lines + 1, sizeof(*set->events)));
	set->hashes = must(calloc(blanks + 1, sizeof(*set->hashes)));
	set->to_accounts = must(calloc(blanks + 1, sizeof(*set->to_accounts)));
	x->set = set;
	memset(x->slot, 0xff, sizeof(x->slot));
	for (char *line = set->text, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
		*end = '\0';
		int words = split(line, word, LAB_RECIPIENTS + 16);
		if (words >= 5 && word[0][0] == 'A')
			add_account(x, word, words);
		else if (words >= 14)
			add_event(x, word, words);
	}
	free(x);
	return set;
}

void lab_set_free(struct lab_set *set)
{
	free(set->accounts);
	free(set->events);
	free(set->hashes);
	free(set->to_accounts);
	free(set->text);
	free(set);
}
