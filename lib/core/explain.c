/* See explain.h. Called by the engine. */
#include "core/explain.h"

#include <stdbool.h>

void mr_explain_nats(struct mr_buffer *b, float nats)
{
	bool negative = nats < 0;
	int64_t tenths;

	if (negative)
		nats = -nats;
	tenths = nats < 1e6f ? (int64_t)(nats * 10.0f + 0.5f) : 10000000;
	mr_buffer_byte(b, negative ? '-' : '+');
	mr_buffer_int(b, tenths / 10);
	mr_buffer_byte(b, '.');
	mr_buffer_byte(b, (char)('0' + tenths % 10));
}

static float weight(float nats)
{
	return nats < 0 ? -nats : nats;
}

void mr_explain_channels(struct mr_buffer *b, const float channel[MR_CHANNEL_COUNT], unsigned most)
{
	bool told[MR_CHANNEL_COUNT] = { false };

	for (unsigned n = 0; n < most; n++) {
		size_t best = MR_CHANNEL_COUNT;

		for (size_t i = 0; i < MR_CHANNEL_COUNT; i++)
			if (!told[i] && weight(channel[i]) >= 0.3f &&
			    (best == MR_CHANNEL_COUNT || weight(channel[i]) > weight(channel[best])))
				best = i;
		if (best == MR_CHANNEL_COUNT)
			return;
		told[best] = true;
		mr_buffer_text(b, n == 0 ? "" : ", ");
		mr_buffer_text(b, mr_channel_row((enum mr_channel)best)->words);
		mr_buffer_byte(b, ' ');
		mr_explain_nats(b, channel[best]);
	}
}
