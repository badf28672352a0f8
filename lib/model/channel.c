/* The rows of channel.def. */
#include "model/channel.h"

static const struct mr_channel_row rows[] = {
#define MR_CHANNEL(NAME, name, words) { name, words },
#include "model/channel.def"
#undef MR_CHANNEL
};

const struct mr_channel_row *mr_channel_row(enum mr_channel channel)
{
	return &rows[channel];
}
