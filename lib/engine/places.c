/* See places.h. Called by session.c, conduct.c and logins.c. */
#include "engine/places.h"

#include <string.h>

#include "core/location.h"
#include "engine/sending.h"

static struct mr_geo *hold_geo(struct mr_engine *engine)
{
	struct mr_geo *geo;

	pthread_mutex_lock(&engine->geo_lock);
	geo = engine->geo != NULL ? mr_geo_hold(engine->geo) : NULL;
	pthread_mutex_unlock(&engine->geo_lock);
	return geo;
}

void mr_engine_set_geo(struct mr_engine *engine, struct mr_geo *geo)
{
	struct mr_geo *before;

	pthread_mutex_lock(&engine->geo_lock);
	before = engine->geo;
	engine->geo = geo;
	pthread_mutex_unlock(&engine->geo_lock);
	mr_geo_free(&before);
}

void mr_places_find(struct mr_engine *engine, struct mr_connection *c, struct mr_geo_place *place_r)
{
	struct mr_geo *geo = hold_geo(engine);

	*place_r = (struct mr_geo_place){ .asn = 0 };
	if (geo == NULL)
		return;
	if (c->client_ip.family != MR_IP_UNKNOWN)
		mr_geo_find(geo, &c->client_ip, place_r);
	mr_geo_free(&geo);
	if (c->country.n == 0 && place_r->country[0] != '\0')
		c->country = mr_str_of(place_r->country);
	if (c->asn < 0 && place_r->asn > 0) {
		c->asn = place_r->asn;
		if (place_r->as_name[0] != '\0')
			c->as_name = mr_str_of(place_r->as_name);
	}
	if (!c->located && place_r->located) {
		c->located = true;
		c->latitude = place_r->latitude;
		c->longitude = place_r->longitude;
	}
}

void mr_places_use(const struct mr_visitor *v, struct mr_history_use *use_r)
{
	const struct mr_connection *c = v->connection;

	*use_r = (struct mr_history_use){ .now_ms = v->state_ms, .country = mr_sending_country_of(c),
					  .located = c->located, .latitude = c->latitude, .longitude = c->longitude };
	if (!mr_ip_is_loopback(&c->client_ip))
		use_r->network = (uint32_t)mr_sending_network(&c->client_ip);
	if (c->asn > 0)
		use_r->asn = (uint32_t)c->asn;
	use_r->ours = mr_ip_is_private(&c->client_ip) || mr_prefixset_has(v->policy->hijack.own_networks, &c->client_ip);
	use_r->shared = mr_territory_has(&v->policy->geo.shared, use_r->country, use_r->asn);
}
