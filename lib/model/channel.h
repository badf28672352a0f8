/* The channels of evidence, by name: the rows of channel.def. Thread-safe: constants only. */
#ifndef MR_MODEL_CHANNEL_H
#define MR_MODEL_CHANNEL_H

enum mr_channel {
#define MR_CHANNEL(NAME, name, words) MR_CHANNEL_##NAME,
#include "model/channel.def"
#undef MR_CHANNEL
	MR_CHANNEL_COUNT
};

struct mr_channel_row {
	const char *name;
	const char *words;
};

const struct mr_channel_row *mr_channel_row(enum mr_channel channel);

#endif
