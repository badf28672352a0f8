/* What hard limits count, by name: the rows of metric.def. Thread-safe: constants only. */
#ifndef MR_MODEL_METRIC_H
#define MR_MODEL_METRIC_H

#include "model/vocabulary.h"

enum mr_metric {
#define MR_METRIC(NAME, name, FORM, words) MR_METRIC_##NAME,
#include "model/metric.def"
#undef MR_METRIC
	MR_METRIC_COUNT
};

/* How something is counted in a time. */
enum mr_metric_form { MR_FORM_COUNT, MR_FORM_BYTES, MR_FORM_DISTINCT, MR_FORM_ALIKE };

struct mr_metric_row {
	const char *name;
	enum mr_metric_form form;
	enum mr_reason reason;
	const char *words;
};

const struct mr_metric_row *mr_metric_row(enum mr_metric metric);

#endif
