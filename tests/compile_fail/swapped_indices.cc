// An offer's index where a channel's is meant.
// error: could not convert
#include "models/domain/ids.h"

namespace offerstream {

int Channel(ChannelIndex channel) { return channel.value; }

int Use() {
  [[maybe_unused]] const OfferIndex offer(1);
  const ChannelIndex channel(2);
#ifdef MISUSE
  return Channel(channel) + Channel(offer);
#else
  return Channel(channel);
#endif
}

}  // namespace offerstream
