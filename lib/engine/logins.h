/* Logins that are tried, as facts: see mr_engine_login_allow and _report in mailreeve.h. Private to the room and to replay/. */
#ifndef MR_ENGINE_LOGINS_H
#define MR_ENGINE_LOGINS_H

#include "engine/engine.h"
#include "model/fact.h"

/* connection: its address, and what is known of the place. fact_id: echoed in the lines; absent: none. */
void mr_logins_allow(struct mr_engine *engine, int64_t now_ms, const struct mr_attempt *attempt,
		     const struct mr_connection *connection, struct mr_str fact_id, bool fact_id_is_number,
		     struct mr_login_answer *answer_r);
void mr_logins_report(struct mr_engine *engine, int64_t now_ms, const struct mr_attempt *attempt,
		      const struct mr_connection *connection, struct mr_str fact_id, bool fact_id_is_number);

#endif
