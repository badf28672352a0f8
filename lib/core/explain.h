/* Evidence in words, for people: event lines, mailreeve explain. PURE. */
#ifndef MR_CORE_EXPLAIN_H
#define MR_CORE_EXPLAIN_H

#include "base/buffer.h"
#include "model/channel.h"

/* "+5.9", "-3.0": nats with one digit behind the point. */
void mr_explain_nats(struct mr_buffer *b, float nats);
/* "recipients that this account never wrote to +5.9, more messages or recipients than ever before +1.9, ...": the
 * channels from the strongest down, at most most of them, none below 0.3 nats either way. */
void mr_explain_channels(struct mr_buffer *b, const float channel[MR_CHANNEL_COUNT], unsigned most);

#endif
