/* The rows of metric.def. */
#include "model/metric.h"

static const struct mr_metric_row rows[] = {
#define MR_METRIC(NAME, name, FORM, words) { name, MR_FORM_##FORM, MR_REASON_RATES_##NAME, words },
#include "model/metric.def"
#undef MR_METRIC
};

const struct mr_metric_row *mr_metric_row(enum mr_metric metric)
{
	return &rows[metric];
}
