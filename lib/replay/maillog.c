/* Mail logs to facts: see mr_log_line_read in mailreeve.h. */
#include "mailreeve.h"

int mr_log_line_read(const char *line, size_t length, int64_t source_ms, char **fact_r)
{
	(void)line;
	(void)length;
	(void)source_ms;
	*fact_r = NULL;
	return 0;
}
