/*
 * Address sets against a naive model: an address is in when some added prefix holds it and no exception
 * does. Random prefixes are drawn from a small corner of the address space so that they nest, touch and
 * overlap; the addresses asked for lie on and beside the edges of every prefix.
 */
#include "base/prefixset.h"

#include <string.h>

#include "base/error.h"
#include "harness.h"

enum { MODEL_MAX = 64 };

struct model {
	struct mr_prefix included[MODEL_MAX];
	struct mr_prefix excepted[MODEL_MAX];
	size_t included_count;
	size_t excepted_count;
};

static unsigned random_state;

static unsigned
next_random(unsigned below)
{
	random_state = random_state * 1664525u + 1013904223u;
	return (random_state >> 8) % below;
}

static struct mr_prefix
prefix_of(const char *text)
{
	struct mr_prefix prefix;
	const char *why;

	ck_assert_msg(mr_prefix_parse(mr_str_of(text), &prefix, &why) == 0, "%s is a prefix", text);
	return prefix;
}

static bool
has(const struct mr_prefixset *set, const char *text)
{
	struct mr_ip ip;

	ck_assert_msg(mr_ip_parse(mr_str_of(text), &ip) == 0, "%s is an address", text);
	return mr_prefixset_has(set, &ip);
}

static void
add(struct mr_prefixset_builder *builder, const char *text)
{
	struct mr_prefix prefix = prefix_of(text);

	ck_assert_int_eq(mr_prefixset_add(builder, &prefix), 0);
}

static void
except(struct mr_prefixset_builder *builder, const char *text)
{
	struct mr_prefix prefix = prefix_of(text);

	ck_assert_int_eq(mr_prefixset_except(builder, &prefix), 0);
}

/* Frees the builder. */
static struct mr_prefixset *
built(struct mr_prefixset_builder *builder)
{
	struct mr_prefixset *set;

	ck_assert_int_eq(mr_prefixset_build(builder, &set), 0);
	mr_prefixset_builder_free(&builder);
	ck_assert_ptr_null(builder);
	return set;
}

START_TEST(nothing_is_in_the_empty_set)
{
	struct mr_prefixset *set = built(mr_prefixset_builder_new());
	struct mr_ip unknown = { .family = MR_IP_UNKNOWN };

	ck_assert(mr_prefixset_is_empty(set));
	ck_assert(mr_prefixset_is_empty(NULL));
	ck_assert(!has(set, "192.0.2.1"));
	ck_assert(!has(set, "::"));
	ck_assert(!has(NULL, "192.0.2.1"));
	ck_assert(!mr_prefixset_has(set, &unknown));
	mr_prefixset_free(&set);
	ck_assert_ptr_null(set);
	mr_prefixset_free(&set);
}
END_TEST

START_TEST(families_are_apart)
{
	struct mr_prefixset_builder *builder = mr_prefixset_builder_new();
	struct mr_ip unknown = { .family = MR_IP_UNKNOWN };

	add(builder, "::/0");
	struct mr_prefixset *set = built(builder);
	ck_assert(has(set, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"));
	ck_assert(has(set, "::"));
	ck_assert(!has(set, "192.0.2.1"));
	ck_assert(!has(set, "::ffff:192.0.2.1"));
	mr_prefixset_free(&set);

	builder = mr_prefixset_builder_new();
	add(builder, "0.0.0.0/0");
	set = built(builder);
	ck_assert(has(set, "0.0.0.0"));
	ck_assert(has(set, "255.255.255.255"));
	ck_assert(has(set, "::ffff:192.0.2.1"));
	ck_assert(!has(set, "::c000:201"));
	ck_assert(!mr_prefixset_has(set, &unknown));
	mr_prefixset_free(&set);
}
END_TEST

START_TEST(exceptions_win_in_any_order)
{
	struct mr_prefixset_builder *builder = mr_prefixset_builder_new();

	except(builder, "10.1.2.0/24");
	add(builder, "10.0.0.0/8");
	add(builder, "10.1.2.3");
	except(builder, "2001:db8:0:ffff::/64");
	add(builder, "2001:db8::/32");
	struct mr_prefixset *set = built(builder);
	ck_assert(has(set, "10.1.1.255"));
	ck_assert(!has(set, "10.1.2.0"));
	ck_assert(!has(set, "10.1.2.3"));
	ck_assert(!has(set, "10.1.2.255"));
	ck_assert(has(set, "10.1.3.0"));
	ck_assert(has(set, "2001:db8:0:fffe:ffff:ffff:ffff:ffff"));
	ck_assert(!has(set, "2001:db8:0:ffff::"));
	ck_assert(!has(set, "2001:db8:0:ffff:ffff:ffff:ffff:ffff"));
	ck_assert(has(set, "2001:db8:1::"));
	mr_prefixset_free(&set);
}
END_TEST

START_TEST(all_can_be_excepted)
{
	struct mr_prefixset_builder *builder = mr_prefixset_builder_new();

	add(builder, "0.0.0.0/1");
	add(builder, "128.0.0.0/1");
	add(builder, "::/0");
	except(builder, "0.0.0.0/0");
	except(builder, "::/1");
	except(builder, "8000::/1");
	struct mr_prefixset *set = built(builder);
	ck_assert(mr_prefixset_is_empty(set));
	mr_prefixset_free(&set);
}
END_TEST

START_TEST(sets_are_added)
{
	struct mr_prefixset_builder *builder = mr_prefixset_builder_new();

	add(builder, "192.0.2.0/24");
	add(builder, "2001:db8::/32");
	except(builder, "192.0.2.1");
	struct mr_prefixset *first = built(builder);

	builder = mr_prefixset_builder_new();
	ck_assert_int_eq(mr_prefixset_add_set(builder, NULL), 0);
	ck_assert_int_eq(mr_prefixset_add_set(builder, first), 0);
	add(builder, "198.51.100.0/24");
	except(builder, "2001:db8::/48");
	struct mr_prefixset *set = built(builder);
	mr_prefixset_free(&first);
	ck_assert(has(set, "192.0.2.0"));
	ck_assert(!has(set, "192.0.2.1"));
	ck_assert(has(set, "192.0.2.2"));
	ck_assert(has(set, "198.51.100.7"));
	ck_assert(!has(set, "2001:db8::1"));
	ck_assert(has(set, "2001:db8:1::"));
	mr_prefixset_free(&set);
}
END_TEST

/* The builder can go on after a build, and the set that was built does not change. */
START_TEST(built_sets_stay)
{
	struct mr_prefixset_builder *builder = mr_prefixset_builder_new();
	struct mr_prefixset *early;

	add(builder, "192.0.2.0/24");
	ck_assert_int_eq(mr_prefixset_build(builder, &early), 0);
	add(builder, "198.51.100.0/24");
	struct mr_prefixset *late = built(builder);
	ck_assert(has(early, "192.0.2.1"));
	ck_assert(!has(early, "198.51.100.1"));
	ck_assert(has(late, "192.0.2.1"));
	ck_assert(has(late, "198.51.100.1"));
	mr_prefixset_free(&early);
	mr_prefixset_free(&late);
}
END_TEST

static bool
model_has(const struct model *model, const struct mr_ip *ip)
{
	for (size_t i = 0; i < model->excepted_count; i++) {
		if (mr_prefix_contains(&model->excepted[i], ip))
			return false;
	}
	for (size_t i = 0; i < model->included_count; i++) {
		if (mr_prefix_contains(&model->included[i], ip))
			return true;
	}
	return false;
}

/* Clears what lies behind length; with ones, sets it. */
static struct mr_ip
with_tail(struct mr_ip ip, unsigned length, bool ones)
{
	unsigned bits = ip.family == MR_IP_V4 ? 32 : 128;

	for (unsigned bit = length; bit < bits; bit++) {
		unsigned char mask = (unsigned char)(0x80u >> bit % 8);
		ip.bytes[bit / 8] = (unsigned char)(ones ? ip.bytes[bit / 8] | mask : ip.bytes[bit / 8] & ~mask);
	}
	return ip;
}

/* The neighbour above (step 1) or below (step 255); goes round at the ends. */
static struct mr_ip
stepped(struct mr_ip ip, unsigned step)
{
	unsigned bytes = ip.family == MR_IP_V4 ? 4 : 16;

	for (unsigned i = bytes; i > 0; i--) {
		ip.bytes[i - 1] = (unsigned char)(ip.bytes[i - 1] + step);
		if (ip.bytes[i - 1] != (step == 1 ? 0 : 255))
			break;
	}
	return ip;
}

/* Most bits are equal from prefix to prefix: only a few at places that matter to a 64-bit or 128-bit
 * comparison vary. */
static struct mr_prefix
random_prefix(bool v4)
{
	static const unsigned v6_bytes[] = { 0, 7, 8, 15 };
	struct mr_prefix prefix = { .ip = { .family = v4 ? MR_IP_V4 : MR_IP_V6 } };

	if (v4) {
		prefix.ip.bytes[0] = (unsigned char)(next_random(4) * 85);
		prefix.ip.bytes[3] = (unsigned char)next_random(256);
		prefix.length = next_random(4) == 0 ? next_random(33) : 24 + next_random(9);
	} else {
		for (size_t i = 0; i < 4; i++)
			prefix.ip.bytes[v6_bytes[i]] = (unsigned char)(next_random(2) * 255);
		prefix.ip.bytes[v6_bytes[next_random(4)]] = (unsigned char)next_random(256);
		prefix.length = next_random(2) == 0 ? 120 + next_random(9) : next_random(129);
	}
	if (prefix.length == 0 && next_random(10) != 0)
		prefix.length = 1;
	prefix.ip = with_tail(prefix.ip, prefix.length, false);
	return prefix;
}

static void
compare_at(const struct mr_prefixset *set, const struct model *model, struct mr_ip ip)
{
	char text[MR_IP_TEXT_MAX];

	if (mr_prefixset_has(set, &ip) == model_has(model, &ip))
		return;
	mr_ip_format(&ip, text);
	ck_abort_msg("%s: set and model differ, %zu prefixes, %zu exceptions", text, model->included_count,
	    model->excepted_count);
}

static void
compare_around(const struct mr_prefixset *set, const struct model *model, const struct mr_prefix *prefix)
{
	struct mr_ip first = prefix->ip;
	struct mr_ip last = with_tail(first, prefix->length, true);

	compare_at(set, model, first);
	compare_at(set, model, last);
	compare_at(set, model, stepped(first, 255));
	compare_at(set, model, stepped(last, 1));
}

static void
compare_random_set(void)
{
	struct model model = { .included_count = 0 };
	struct mr_prefixset_builder *builder = mr_prefixset_builder_new();
	size_t count = 1 + next_random(MODEL_MAX);

	for (size_t i = 0; i < count; i++) {
		struct mr_prefix prefix = random_prefix(next_random(2) == 0);
		if (next_random(3) == 0) {
			model.excepted[model.excepted_count++] = prefix;
			ck_assert_int_eq(mr_prefixset_except(builder, &prefix), 0);
		} else {
			model.included[model.included_count++] = prefix;
			ck_assert_int_eq(mr_prefixset_add(builder, &prefix), 0);
		}
	}
	struct mr_prefixset *set = built(builder);
	for (size_t i = 0; i < model.included_count; i++)
		compare_around(set, &model, &model.included[i]);
	for (size_t i = 0; i < model.excepted_count; i++)
		compare_around(set, &model, &model.excepted[i]);
	for (int i = 0; i < 100; i++) {
		struct mr_prefix prefix = random_prefix(i % 2 == 0);
		compare_at(set, &model, prefix.ip);
	}
	mr_prefixset_free(&set);
}

START_TEST(sets_are_the_model)
{
	random_state = (unsigned)_i * 2654435761u + 1;
	for (int round = 0; round < 400; round++)
		compare_random_set();
}
END_TEST

/* Every even address of 10.0.0.0/12 and every even /64 of a network: nothing touches, nothing merges. */
START_TEST(many_prefixes)
{
	enum { MANY = 100000 };
	struct mr_prefixset_builder *builder = mr_prefixset_builder_new();
	struct mr_prefix v4 = { .ip = { .family = MR_IP_V4, .bytes = { 10 } }, .length = 32 };
	struct mr_prefix v6 = { .ip = { .family = MR_IP_V6, .bytes = { 0x20, 0x01 } }, .length = 64 };

	for (unsigned i = 0; i < MANY; i++) {
		/* An odd multiplier modulo a power of 2 visits every number, out of order. */
		unsigned value = i * 40503u % 131072u * 2;
		v4.ip.bytes[1] = v6.ip.bytes[5] = (unsigned char)(value >> 16);
		v4.ip.bytes[2] = v6.ip.bytes[6] = (unsigned char)(value >> 8);
		v4.ip.bytes[3] = v6.ip.bytes[7] = (unsigned char)value;
		if (mr_prefixset_add(builder, &v4) != 0 || mr_prefixset_add(builder, &v6) != 0)
			ck_abort_msg("number %u cannot be added", i);
	}
	struct mr_prefixset *set = built(builder);
	for (unsigned i = 0; i < MANY; i++) {
		unsigned value = i * 40503u % 131072u * 2;
		v4.ip.bytes[1] = v6.ip.bytes[5] = (unsigned char)(value >> 16);
		v4.ip.bytes[2] = v6.ip.bytes[6] = (unsigned char)(value >> 8);
		v4.ip.bytes[3] = v6.ip.bytes[7] = (unsigned char)value;
		v6.ip.bytes[15] = (unsigned char)i;
		if (!mr_prefixset_has(set, &v4.ip) || !mr_prefixset_has(set, &v6.ip))
			ck_abort_msg("number %u is lost", i);
		v4.ip.bytes[3] |= 1;
		v6.ip.bytes[7] |= 1;
		if (mr_prefixset_has(set, &v4.ip) || mr_prefixset_has(set, &v6.ip))
			ck_abort_msg("the neighbour of number %u is in", i);
	}
	mr_prefixset_free(&set);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("prefixset");
	TCase *tests = tcase_create("prefixset");

	tcase_set_timeout(tests, 120);
	tcase_add_test(tests, nothing_is_in_the_empty_set);
	tcase_add_test(tests, families_are_apart);
	tcase_add_test(tests, exceptions_win_in_any_order);
	tcase_add_test(tests, all_can_be_excepted);
	tcase_add_test(tests, sets_are_added);
	tcase_add_test(tests, built_sets_stay);
	tcase_add_loop_test(tests, sets_are_the_model, 0, 10);
	tcase_add_test(tests, many_prefixes);
	suite_add_tcase(suite, tests);
	return mr_run_suite(suite);
}
