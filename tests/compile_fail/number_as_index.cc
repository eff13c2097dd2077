// A bare number where an index is meant.
// error: could not convert
#include "models/domain/ids.h"

namespace offerstream {

int Offer(OfferIndex offer) { return offer.value; }

int Use() {
#ifdef MISUSE
  return Offer(3);
#else
  return Offer(OfferIndex(3));
#endif
}

}  // namespace offerstream
