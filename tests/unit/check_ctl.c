/* The command line's texts and times, the event log read from its end, and those who look on. */
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../milter/ctl/blocklist.h"
#include "../../milter/ctl/eventfile.h"
#include "../../milter/ctl/print.h"
#include "../../milter/watch.h"
#include "harness.h"

START_TEST(spans)
{
	ck_assert_int_eq(mr_span_read("90s"), 90);
	ck_assert_int_eq(mr_span_read("2h30m"), 9000);
	ck_assert_int_eq(mr_span_read("1w"), 604800);
	ck_assert_int_eq(mr_span_read("0s"), 0);
	static const char *const bad[] = { "", "5", "h", "5 h", "-5m", "5x", "99999999999999999999s", "999999w", "1h2" };
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(mr_span_read(bad[i]) == -1, "%s", bad[i]);
	ck_assert_int_eq(mr_since_read("3h"), 10800);
	ck_assert_int_gt(mr_since_read("2001-02-03"), 0);
	ck_assert_int_eq(mr_since_read("2199-01-01"), -1);
	ck_assert_int_eq(mr_since_read("yesterday"), -1);
	ck_assert_int_eq(mr_when_read("1970-01-02T00:00:01.500Z"), 86401);
	ck_assert_int_eq(mr_when_read("1970-01-02"), -1);
}
END_TEST

START_TEST(numbers)
{
	char room[MR_WHEN_MAX];

	ck_assert_str_eq(mr_number(0, room), "0");
	ck_assert_str_eq(mr_number(999, room), "999");
	ck_assert_str_eq(mr_number(1000, room), "1,000");
	ck_assert_str_eq(mr_number(-1234567, room), "-1,234,567");
	ck_assert_str_eq(mr_number(-123, room), "-123");
	ck_assert_str_eq(mr_bytes(35e6, room), "35 MB");
	ck_assert_str_eq(mr_bytes(999, room), "999 bytes");
	ck_assert_str_eq(mr_bytes(1500, room), "1.5 kB");
}
END_TEST

/* What a format makes of rows, an array as JSON. now: 2026-11-22T00:00:00Z. */
static const char *
block_list(const char *format, const char *rows)
{
	static char text[4096];
	json_t *list = json_loads(rows, 0, NULL);
	FILE *out = fmemopen(text, sizeof(text), "w");

	memset(text, 0, sizeof(text));
	ck_assert(list != NULL && out != NULL);
	ck_assert_int_eq(mr_blocklist_print(out, format, list, 1795305600), 0);
	fclose(out);
	json_decref(list);
	return text;
}

START_TEST(lists_for_packet_filters)
{
	static const char *const rows =
		"[{\"source\":\"203.0.113.9/32\",\"until\":null},{\"source\":\"203.0.113.0/24\",\"until\":\"2026-11-22T00:01:00.000Z\"},"
		"{\"source\":\"2001:db8::/47\",\"until\":null},{\"source\":\"2001:db8:1::/48\",\"until\":null},"
		"{\"source\":\"2001:db8:2::/48\",\"until\":null},{\"source\":\"198.51.100.7/32\",\"until\":\"2026-12-31T00:00:00.000Z\"},"
		"{\"source\":\"192.0.2.1/32\",\"until\":\"2026-11-21T23:59:59.000Z\"},{\"source\":\"192.0.2.2/32\",\"until\":\"soon\"},"
		"{\"source\":\"joe\"},{\"source\":\"1.2.3/8\"},{\"source\":\"1.2.3.4/33\"},{\"source\":\"1.2.3.4\"},"
		"{\"source\":\"1.2.3.4/8x\"},{\"source\":\"1.2.3.4/\"},{\"source\":7},{},7,null]";
	const char *text = block_list("cidr", rows);

	ck_assert_str_eq(text, "198.51.100.7/32\n203.0.113.0/24\n2001:db8::/47\n2001:db8:2::/48\n");
	text = block_list("nft", rows);
	ck_assert_ptr_nonnull(strstr(text, "add element inet mailreeve blocked4 {\n\t198.51.100.7/32 timeout 3369600s,\n"
					   "\t203.0.113.0/24 timeout 60s\n}\nadd element inet mailreeve blocked6 {\n"
					   "\t2001:db8::/47,\n\t2001:db8:2::/48\n}\n"));
	text = block_list("ipset", rows);
	/* More than ipset can count is cut to what it can. */
	ck_assert_ptr_nonnull(strstr(text, "add mailreeve4.new 198.51.100.7/32 timeout 2147483\n"));
	ck_assert_ptr_nonnull(strstr(text, "add mailreeve6.new 2001:db8::/47 timeout 0\n"));
	text = block_list("nft", "[]");
	ck_assert_ptr_null(strstr(text, "add element"));
	ck_assert_ptr_nonnull(strstr(text, "flush set inet mailreeve blocked6\n"));
	ck_assert_str_eq(block_list("cidr", "[{\"source\":\"0.0.0.0/0\"},{\"source\":\"10.0.0.0/8\"},{\"source\":\"::/0\"}]"),
			 "0.0.0.0/0\n::/0\n");
	ck_assert_ptr_nonnull(strstr(block_list("ipset", "[{\"source\":\"::/0\"}]"),
				     "add mailreeve6.new ::/1 timeout 0\nadd mailreeve6.new 8000::/1 timeout 0\n"));
}
END_TEST

START_TEST(texts)
{
	char room[64], small[16];

	setlocale(LC_ALL, "C.UTF-8");
	ck_assert_str_eq(mr_safe("plain b\xc3\xbc" "cher", room, sizeof(room)), "plain b\xc3\xbc" "cher");
	ck_assert_str_eq(mr_safe("a\x1b[31m\x7f\n", room, sizeof(room)), "a\\u001b[31m\\u007f\\u000a");
	ck_assert_str_eq(mr_safe("x\xe2\x80\xae" "y\xc2\x9b", room, sizeof(room)), "x\\u202ey\\u009b");
	ck_assert_str_eq(mr_safe("\xff\xc0\x80\xed\xa0\x80", room, sizeof(room)), "\\xff\\xc0\\x80\\xed\\xa0\\x80");
	ck_assert_uint_lt(strlen(mr_safe("a long text that does not fit", small, sizeof(small))), sizeof(small));
	ck_assert_uint_lt(strlen(mr_safe("\x1b\x1b\x1b\x1b\x1b\x1b", small, sizeof(small))), sizeof(small));
	setlocale(LC_ALL, "C");
	ck_assert_str_eq(mr_safe("b\xc3\xbc", room, sizeof(room)), "b\\u00fc");
}
END_TEST

/* ---- The event log ---- */

struct reading {
	long next;   /* the number that is to come */
	long stop_at;
};

static size_t
length_of(long number)
{
	return (size_t)(number * 7919 % 3000) + 1;
}

static bool
take(void *context, const char *line, size_t n)
{
	struct reading *reading = context;
	long number = strtol(line, NULL, 10);

	ck_assert_int_eq(number, reading->next--);
	ck_assert_uint_eq(n, length_of(number) + 11);
	ck_assert(memchr(line, '\n', n) == NULL);
	return number != reading->stop_at;
}

static void
write_lines(const char *path, long from, long to)
{
	FILE *out = fopen(path, "w");

	ck_assert_ptr_nonnull(out);
	for (long i = from; i <= to; i++)
		fprintf(out, "%010ld %0*d\n", i, (int)length_of(i), 0);
	fclose(out);
}

START_TEST(backwards)
{
	char path[] = "/tmp/mailreeve-check-XXXXXX", older[sizeof(path) + 2];
	struct reading reading = { .next = 5000 };
	int fd = mkstemp(path);

	ck_assert_int_ge(fd, 0);
	close(fd);
	snprintf(older, sizeof(older), "%s.1", path);
	write_lines(older, 1, 2000);
	write_lines(path, 2001, 5000);
	ck_assert_int_eq(mr_eventfile_read(path, take, &reading), 0);
	ck_assert_int_eq(reading.next, 0);
	reading = (struct reading){ .next = 5000, .stop_at = 4321 };
	ck_assert_int_eq(mr_eventfile_read(path, take, &reading), 0);
	ck_assert_int_eq(reading.next, 4320);
	unlink(older);
	reading = (struct reading){ .next = 5000 };
	ck_assert_int_eq(mr_eventfile_read(path, take, &reading), 0);
	ck_assert_int_eq(reading.next, 2000);
	unlink(path);
	ck_assert_int_eq(mr_eventfile_read(path, take, &reading), -1);
}
END_TEST

/* ---- Those who look on ---- */

START_TEST(nobody_looks)
{
	static struct mr_watch *watch; /* has no end */
	const char *lines;
	uint64_t lost;

	ck_assert_int_eq(mr_watch_new(&watch), 0);
	mr_watch_put(watch, "{}\n", 3);
	ck_assert_uint_eq(mr_watch_take(watch, &lines, &lost), 0);
	mr_watch_set_watchers(watch, 1);
	mr_watch_put(watch, "{}\n", 3);
	ck_assert_uint_eq(mr_watch_take(watch, &lines, &lost), 3);
	ck_assert_uint_eq(lost, 0);
	ck_assert_uint_eq(mr_watch_take(watch, &lines, &lost), 0);
}
END_TEST

START_TEST(full_watch)
{
	static struct mr_watch *watch; /* has no end */
	static char line[8192];
	const char *lines;
	uint64_t lost = 0, put = 0, told;

	memset(line, 'x', sizeof(line));
	line[sizeof(line) - 1] = '\n';
	ck_assert_int_eq(mr_watch_new(&watch), 0);
	mr_watch_set_watchers(watch, 1);
	for (int i = 0; i < 100; i++)
		mr_watch_put(watch, line, sizeof(line));
	put = mr_watch_take(watch, &lines, &told) / sizeof(line);
	ck_assert_uint_gt(told, 0);
	ck_assert_uint_eq(put + told, 100);
	mr_watch_put(watch, line, sizeof(line));
	ck_assert_uint_eq(mr_watch_take(watch, &lines, &lost), sizeof(line));
	ck_assert_uint_eq(lost, 0);
}
END_TEST

/* Whatever is offered comes whole and in order, or is counted. */
START_TEST(slow_watcher)
{
	struct mr_watcher *watcher = mr_watcher_new(NULL, NULL);
	static char room[1 << 20];
	unsigned long seen = 0, lost = 0, next = 0;
	size_t held = 0;
	int ends[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
	for (unsigned long i = 0; i < 20000; i++) {
		char line[256];
		int n = snprintf(line, sizeof(line), "{\"event\":%lu,\"x\":\"%0*d\"}\n", i, (int)(i % 200 + 1), 0);

		mr_watcher_offer(watcher, line, (size_t)n, 0);
		ck_assert(mr_watcher_send(watcher, ends[0]));
		if (i % 3000 != 2999)
			continue;
		/* The reader wakes up. */
		for (ssize_t got; (got = read(ends[1], room + held, sizeof(room) - held)) > 0 || mr_watcher_has_more(watcher);) {
			held += got > 0 ? (size_t)got : 0;
			ck_assert(mr_watcher_send(watcher, ends[0]));
			ck_assert_uint_lt(held, sizeof(room));
		}
		char *line_end, *at = room;
		for (; (line_end = memchr(at, '\n', held - (size_t)(at - room))) != NULL; at = line_end + 1) {
			unsigned long number;

			if (sscanf(at, "{\"lost\":%lu}", &number) == 1) {
				lost += number;
				next += number;
			} else {
				ck_assert_int_eq(sscanf(at, "{\"event\":%lu,", &number), 1);
				ck_assert_uint_eq(number, next);
				next++;
				seen++;
			}
		}
		held -= (size_t)(at - room);
		memmove(room, at, held);
	}
	ck_assert_uint_gt(lost, 0);
	ck_assert_uint_gt(seen, 0);
	close(ends[1]);
	mr_watcher_offer(watcher, "{}\n", 3, 0);
	ck_assert(!mr_watcher_send(watcher, ends[0]));
	close(ends[0]);
	mr_watcher_free(&watcher);
}
END_TEST

START_TEST(choosy_watcher)
{
	static const char lines[] =
	    "{\"event\":{},\"user\":{\"name\":\"a@x.example\"},\"rule\":{\"id\":\"relay\"}}\n"
	    "{\"event\":{},\"user\":{\"name\":\"b@x.example\"},\"rule\":{\"id\":\"relay\"}}\n"
	    "not JSON\n"
	    "{\"event\":{},\"mailreeve\":{\"account\":\"a@x.example\",\"would\":[\"hijack\"]}}\n";
	static const struct {
		const char *account, *rule;
		size_t count;
	} cases[] = { { "a@x.example", NULL, 2 }, { NULL, "relay", 2 }, { "b@x.example", "hijack", 0 }, { NULL, "hijack", 1 } };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct mr_watcher *watcher = mr_watcher_new(cases[i].account, cases[i].rule);
		char room[1024];
		size_t count = 0;
		ssize_t n;
		int ends[2];

		ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
		mr_watcher_offer(watcher, lines, sizeof(lines) - 1, 0);
		ck_assert(mr_watcher_send(watcher, ends[0]));
		n = read(ends[1], room, sizeof(room));
		for (ssize_t k = 0; k < n; k++)
			count += room[k] == '\n';
		ck_assert_uint_eq(count, cases[i].count);
		close(ends[0]);
		close(ends[1]);
		mr_watcher_free(&watcher);
	}
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("ctl");
	TCase *tests = tcase_create("ctl");

	tcase_set_timeout(tests, 60);
	tcase_add_test(tests, spans);
	tcase_add_test(tests, numbers);
	tcase_add_test(tests, lists_for_packet_filters);
	tcase_add_test(tests, texts);
	tcase_add_test(tests, backwards);
	tcase_add_test(tests, nobody_looks);
	tcase_add_test(tests, full_watch);
	tcase_add_test(tests, slow_watcher);
	tcase_add_test(tests, choosy_watcher);
	suite_add_tcase(suite, tests);
	return mr_run_suite(suite);
}
