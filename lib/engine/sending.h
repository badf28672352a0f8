/* A session's message in the form that the detector and the source records want. Private to the room. */
#ifndef MR_ENGINE_SENDING_H
#define MR_ENGINE_SENDING_H

#include "core/hijack.h"
#include "engine/session.h"

/* Slices point into the session. */
void mr_sending_make(struct mr_session *session, struct mr_sending *sending_r);
/* The key of the source record of the prefix of length bits (0..32 or 0..128) that ip is in. */
void mr_sending_prefix_key(const struct mr_engine *engine, const struct mr_ip *ip, unsigned length,
			   struct mr_key *key_r);
/* The record of the client's network, begun when it is new, its shard locked (mr_store_source_done). NULL: the client has no
 * address, or none that says anything (loopback), or there is no room. */
struct mr_source *mr_sending_source(struct mr_session *session, int64_t now_ms, struct mr_key *key_r, bool *fresh_r);
/* The session's account was frozen: its source lends suspicion from now on. */
void mr_sending_lend(struct mr_session *session, const struct mr_sending *sending);
/* The account was thawed as harmless: what sources lend because of it is taken back, as far as it is still known. */
void mr_sending_forgive(struct mr_engine *engine, const struct mr_key *account, int64_t now_ms);

/* An address as it is kept in a source record: IPv4 mapped into IPv6, bits behind length zero. length: 0..32 or 0..128;
 * returns the bits of the record that count. */
unsigned mr_sending_prefix(const struct mr_ip *ip, unsigned length, unsigned char address_r[16]);
/* The hash of a client's network (/24, /48), as habits keep it; 0: unknown. */
uint64_t mr_sending_network(const struct mr_ip *ip);
/* The same for the prefix that is one source: an IPv4 address, an IPv6 /64. */
unsigned mr_sending_source_prefix(const struct mr_ip *ip, unsigned char address_r[16]);
/* Two letters, first << 8 | second; 0: unknown. */
uint16_t mr_sending_country(const struct mr_session *session);
uint16_t mr_sending_country_of(const struct mr_connection *connection);
/* The prefix of a source record. */
void mr_sending_prefix_of(const struct mr_source *source, struct mr_prefix *prefix_r);

#endif
