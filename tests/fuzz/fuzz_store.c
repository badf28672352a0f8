/*
 * Fuzz target: what the store loads. The first byte says how the rest is used:
 *   0: as one stored value; byte 1 is its kind, byte 2 the length of its key; its checksum is made right
 *   1, 2: as changes to a good orders.mdb or records.mdb: 3 bytes of offset and a byte to write, again and again
 *   3, 4: as the whole orders.mdb or records.mdb
 * The store must open over whatever it is, keep the frozen account of the file that was not touched, and still work.
 */
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "fuzz.h"
#include "store/durable.h"
#include "store/format.h"
#include "store/store.h"

enum { FILE_MOST = 1 << 20 };

static const char *const file_names[2] = { "orders.mdb", "records.mdb" };
static char folder[64];
static struct {
	uint8_t bytes[FILE_MOST];
	size_t n;
} good[2];

/* ---- One value ---- */

static uint64_t mix_word(uint64_t sum, const uint8_t *bytes, size_t n)
{
	uint64_t word = 0;

	memcpy(&word, bytes, n);
	sum = (sum ^ word) * UINT64_C(0x9e3779b97f4a7c15);
	return sum ^ sum >> 29;
}

static uint64_t mix(uint64_t start, const uint8_t *bytes, size_t n)
{
	uint64_t sum[4] = { start ^ n, start + 1, start + 2, start + 3 };
	size_t at = 0;

	for (size_t words = n / 8; at < words; at++) {
		size_t lane = at < words / 4 * 4 ? at % 4 : 0;

		sum[lane] = mix_word(sum[lane], bytes + at * 8, 8);
	}
	sum[0] = mix_word(sum[0], bytes + at * 8, n % 8);
	for (int i = 1; i < 4; i++)
		sum[0] = mix_word(sum[0], (const uint8_t *)&sum[i], 8);
	return sum[0];
}

static void seal(const uint8_t *key, size_t key_n, uint8_t *value, size_t n)
{
	unsigned version = value[4] | (unsigned)value[5] << 8;
	uint64_t sum = mix(mix(version + 1u, key, key_n), value + 8, n - 8);
	uint32_t check = (uint32_t)(sum ^ sum >> 32);

	memcpy(value, &check, sizeof(check));
	value[6] = value[7] = 0;
}

static void must_be_account(const struct mr_account *account)
{
	MUST(account->standing.state <= MR_ACCOUNT_FROZEN && account->kind <= MR_ACCOUNT_SENDER && account->known <= 1);
	MUST(memchr(account->standing.event_id, '\0', sizeof(account->standing.event_id)) != NULL);
}

static void read_value(const uint8_t *data, size_t size)
{
	union {
		struct mr_account account;
		struct mr_source source;
		struct mr_order order;
		struct mr_window_view window;
	} r;
	const void *view;
	size_t at, n, key_n = size > 1 ? data[1] : 0;
	uint8_t *value;
	int err = MR_ERR_SYNTAX;

	if (size < 2 + key_n)
		return;
	n = size - 2 - key_n;
	value = malloc(n + 1);
	MUST(value != NULL);
	memcpy(value, data + 2 + key_n, n);
	if (n >= 8)
		seal(data + 2, key_n, value, n);
	switch (data[0] % 6) {
	case 0:
		err = mr_format_read_account(data + 2, key_n, value, n, &r.account);
		if (err == 0)
			must_be_account(&r.account);
		break;
	case 1: err = mr_format_read_source(data + 2, key_n, value, n, &r.source); break;
	case 2:
		err = mr_format_read_order(data + 2, key_n, value, n, &r.order);
		if (err == 0)
			MUST(!mr_str_has_control(mr_str_of(r.order.subject)) && !mr_str_has_control(mr_str_of(r.order.reason)));
		break;
	case 3:
		err = mr_format_read_window(data + 2, key_n, value, n, &r.window);
		if (err == 0)
			MUST((const uint8_t *)r.window.data + r.window.size == value + n);
		break;
	case 4:
		err = mr_format_read_site(data + 2, key_n, value, n, &at, &view, &n);
		break;
	default: err = mr_format_read_note(data + 2, key_n, value, n, &view, &n); break;
	}
	MUST(err == 0 || err == MR_ERR_SYNTAX || err == MR_ERR_REFUSED);
	free(value);
}

/* ---- Whole files ---- */

static const char *path_of(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static void clean(void)
{
	DIR *all = opendir(folder);
	struct dirent *entry;

	MUST(all != NULL);
	while ((entry = readdir(all)) != NULL)
		unlinkat(dirfd(all), entry->d_name, 0);
	closedir(all);
}

static void put_file(int file, const uint8_t *bytes, size_t n)
{
	FILE *out = fopen(path_of(file_names[file]), "wb");

	MUST(out != NULL && fwrite(bytes, 1, n, out) == n && fclose(out) == 0);
	MUST(chmod(path_of(file_names[file]), 0600) == 0);
}

static struct mr_store *open_store(void)
{
	struct mr_store_options options = { .accounts = 100, .sources = 100, .windows = 1 << 16 };
	struct mr_store *store = NULL;
	char why[256];
	int err = mr_lmdb_open(folder, false, 1 << 16, why, &options.durable);

	MUST(memchr(why, '\0', sizeof(why)) != NULL);
	if (err == 0)
		err = mr_store_open(&options, why, &store);
	MUST(err == 0 || why[0] != '\0');
	return store;
}

static struct mr_account *hold_joe(struct mr_store *store, bool create)
{
	struct mr_key key;

	mr_store_key(store, MR_KEY_ACCOUNT, 0, MR_STR("joe"), &key);
	return mr_store_account_get(store, &key, MR_ACCOUNT_LOGIN, MR_STR("joe"), 1, create, NULL);
}

static void freeze_joe(struct mr_store *store)
{
	struct mr_order order = { .kind = MR_ORDER_FREEZE };
	struct mr_account *account = hold_joe(store, true), copy;

	MUST(account != NULL);
	account->standing.state = MR_ACCOUNT_FROZEN;
	account->known = 1;
	copy = *account;
	mr_store_account_done(store, account, true);
	MUST(mr_store_order_wait(store, &order, &copy, NULL) == 0);
}

static void make_good_files(void)
{
	struct mr_store *store;

	snprintf(folder, sizeof(folder), "%s/mr-fuzz.XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	MUST(mkdtemp(folder) != NULL);
	store = open_store();
	MUST(store != NULL);
	freeze_joe(store);
	MUST(mr_store_note_set(store, MR_STR("clock"), "1", 1) == 0);
	mr_store_close(&store);
	for (int file = 0; file < 2; file++) {
		FILE *in = fopen(path_of(file_names[file]), "rb");

		MUST(in != NULL);
		good[file].n = fread(good[file].bytes, 1, FILE_MOST, in);
		fclose(in);
	}
}

static void remove_folder(void)
{
	clean();
	rmdir(folder);
}

static bool see_order(void *context, const struct mr_order *order)
{
	MUST(order->number > 0 && memchr(order->subject, '\0', sizeof(order->subject)) != NULL);
	return ++*(unsigned *)context < 100;
}

static bool see_account(void *context, const struct mr_account *account)
{
	must_be_account(account);
	return ++*(unsigned *)context < 1000;
}

static void open_over(int file, const uint8_t *bytes, size_t n)
{
	struct mr_store *store;
	struct mr_account *joe;
	unsigned seen = 0;

	clean();
	put_file(1 - file, good[1 - file].bytes, good[1 - file].n);
	put_file(file, bytes, n);
	store = open_store();
	if (store == NULL)
		return; /* a later format, by its own word */
	mr_store_orders(store, see_order, &seen);
	mr_store_accounts(store, MR_ACCOUNT_NORMAL, see_account, &seen);
	joe = hold_joe(store, false);
	if (joe != NULL)
		mr_store_account_done(store, joe, false);
	freeze_joe(store);
	MUST(mr_store_flush(store) == 0);
	mr_store_close(&store);
}

static void open_changed(int file, const uint8_t *data, size_t size)
{
	static uint8_t bytes[FILE_MOST];

	memcpy(bytes, good[file].bytes, good[file].n);
	for (; size >= 4; data += 4, size -= 4)
		bytes[((size_t)data[0] << 16 | (size_t)data[1] << 8 | data[2]) % good[file].n] = data[3];
	open_over(file, bytes, good[file].n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (folder[0] == '\0') {
		make_good_files();
		atexit(remove_folder);
	}
	if (size < 1)
		return 0;
	if (data[0] == 0)
		read_value(data + 1, size - 1);
	else if (data[0] <= 2)
		open_changed(data[0] - 1, data + 1, size - 1);
	else if (data[0] <= 4)
		open_over(data[0] - 3, data + 1, size - 1);
	return 0;
}
