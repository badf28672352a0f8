/* See signal.h. */
#include "model/signal.h"

static const struct mr_signal_row rows[MR_SIGNAL_COUNT] = {
#define MR_SIGNAL(name, text, form, of, fallback, words)                                                               \
	[MR_SIGNAL_##name] = { text, fallback, words, MR_FORM_##form, MR_SIGNAL_OF_##of, MR_REASON_SCREEN_##name },
#include "model/signal.def"
#undef MR_SIGNAL
};

const struct mr_signal_row *mr_signal_row(enum mr_signal signal)
{
	return &rows[signal];
}
