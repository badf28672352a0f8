/*
 * Fuzz target: lib/core/window.h over memory that a damaged store may hold. An input is a form, a limit, the memory, and
 * then steps of 8 bytes: how much later, what is done, with how much.
 */
#include <string.h>

#include "core/window.h"
#include "fuzz.h"

enum { HOUR = 3600 * 1000, STEP_BYTES = 8, ITEMS = 6 };

static uint32_t take(const uint8_t *data)
{
	uint32_t value;

	memcpy(&value, data, sizeof(value));
	return value;
}

static uint64_t held(const struct mr_window *window, int64_t now_ms)
{
	const struct mr_amount nothing = { 0 };
	uint64_t fresh, count = mr_window_would(window, now_ms, &nothing, &fresh);

	/* A message of no size is alike to itself. */
	return window->form == MR_FORM_ALIKE ? count - 1 : count;
}

/* One step; the time after it. */
static int64_t step(const struct mr_window *window, int64_t now_ms, const uint8_t *data)
{
	uint32_t items[ITEMS], value = take(data + 4);
	struct mr_amount amount = { .number = value, .items = items, .item_count = value % (ITEMS + 1) };
	uint64_t fresh, count;

	for (uint32_t i = 0; i < ITEMS; i++)
		items[i] = value % 1000 + i * (1 + value % 7);
	now_ms += (int64_t)(take(data) >> 8) - 1000000;
	switch (data[0] % 4) {
	case 0:
		count = mr_window_would(window, now_ms, &amount, &fresh);
		MUST(fresh <= count && mr_window_would(window, now_ms, &amount, &fresh) == count);
		break;
	case 1:
		mr_window_add(window, now_ms, &amount);
		if (window->form == MR_FORM_COUNT || window->form == MR_FORM_BYTES)
			MUST(held(window, now_ms) >= amount.number);
		break;
	case 2:
		count = held(window, now_ms);
		mr_window_give_back(window, now_ms, &amount);
		MUST(held(window, now_ms) <= count);
		break;
	case 3:
		count = mr_window_refused(window, now_ms);
		MUST(mr_window_refuse(window, now_ms) > 0 && mr_window_refused(window, now_ms) >= count);
		break;
	}
	return now_ms;
}

/* Whatever there was: after a while the window is empty, and counts rightly. */
static void check_healed(const struct mr_window *window, int64_t now_ms)
{
	static const uint32_t items[] = { 5, 6, 7 };
	const struct mr_amount amount = { .number = 3, .items = items, .item_count = 3 };
	uint64_t fresh;

	held(window, now_ms); /* what claims to be of later than an hour from now goes here */
	now_ms += 3 * HOUR;
	MUST(held(window, now_ms) == 0 && mr_window_refused(window, now_ms) == 0);
	mr_window_add(window, now_ms, &amount);
	MUST(mr_window_would(window, now_ms, &amount, &fresh) ==
	     (window->form == MR_FORM_DISTINCT ? 3u : window->form == MR_FORM_ALIKE ? 2u : 6u));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum mr_metric_form forms[] = { MR_FORM_COUNT, MR_FORM_BYTES, MR_FORM_DISTINCT, MR_FORM_ALIKE };
	int64_t now = INT64_C(1795305600000), latest = now;
	struct mr_window window = { .length_ms = HOUR };

	if (size < 2)
		return 0;
	window.form = forms[data[0] % 4];
	window.size = mr_window_size(window.form, data[1] % 40);
	window.memory = calloc(1, window.size);
	MUST(window.memory != NULL);
	data += 2;
	size -= 2;
	memcpy(window.memory, data, size < window.size ? size : window.size);
	for (size_t at = window.size; at + STEP_BYTES <= size; at += STEP_BYTES) {
		now = step(&window, now, data + at);
		latest = now > latest ? now : latest;
	}
	check_healed(&window, latest);
	free(window.memory);
	return 0;
}
