#include "consumers/wire/receipt_encoder.h"

#include <iterator>

#include <fmt/format.h>

#include "metrics/health.h"
#include "models/domain/event_time.h"

namespace offerstream {

void EncodeReceipt(const ErasedCustomer& erased, std::string_view hash, std::string_view request, std::string_view topic, TxnSeq seq,
                   std::string& text) {
  fmt::format_to(std::back_inserter(text),
                 "{{\"schema\":\"1-0-0\",\"customer\":\"{}\",\"request_id\":{},\"time\":\"{}\","
                 "\"cause\":{{\"topic\":{},\"partition\":{},\"offset\":{}}},\"transaction\":{},\"known\":{},"
                 "\"removed\":{{\"profile\":{},\"exposures\":{},\"timers\":{},\"impressions\":{},\"events\":{},\"attributes\":{},"
                 "\"caps\":{},\"segment_place\":{}}}}}",
                 hash, JsonText(request), FormatTime(erased.time), JsonText(topic), erased.cause.partition, erased.cause.offset, seq,
                 erased.known, erased.known ? 1 : 0, erased.exposures, erased.timers, erased.impressions, erased.events,
                 erased.attributes, erased.caps, erased.place ? 1 : 0);
}

}  // namespace offerstream
