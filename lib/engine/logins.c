/* Logins that a milter never sees: told by the login feed and by logs. See mailreeve.h. */
#include "engine/engine.h"

void mr_engine_login_allow(struct mr_engine *engine, int64_t now_ms, const struct mr_login_info *info,
			   struct mr_login_answer *answer_r)
{
	(void)engine;
	(void)now_ms;
	(void)info;
	*answer_r = (struct mr_login_answer){ .status = 0 };
}

void mr_engine_login_report(struct mr_engine *engine, int64_t now_ms, const struct mr_login_info *info)
{
	(void)engine;
	(void)now_ms;
	(void)info;
}

void mr_engine_set_geo(struct mr_engine *engine, struct mr_geo *geo)
{
	(void)engine;
	mr_geo_free(&geo);
}
