/* The signals of screening: model/signal.def as an enumeration and a table. Thread-safe. */
#ifndef MR_MODEL_SIGNAL_H
#define MR_MODEL_SIGNAL_H

#include "model/metric.h"
#include "model/vocabulary.h"

enum mr_signal {
#define MR_SIGNAL(name, text, form, of, fallback, words) MR_SIGNAL_##name,
#include "model/signal.def"
#undef MR_SIGNAL
	MR_SIGNAL_COUNT
};

enum mr_signal_of { MR_SIGNAL_OF_SOURCE, MR_SIGNAL_OF_LOGIN, MR_SIGNAL_OF_PAIR, MR_SIGNAL_OF_INSIDE };

struct mr_signal_row {
	const char *name, *fallback, *words;
	enum mr_metric_form form;
	enum mr_signal_of of;
	enum mr_reason reason;
};

const struct mr_signal_row *mr_signal_row(enum mr_signal signal);

#endif
