// Any bytes as a record: the decoder answers with events or a reason, and the good event after it is read as ever.
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "consumers/config/config.h"
#include "consumers/wire/event_decoder.h"
#include "consumers/wire/event_format.h"
#include "consumers/wire/event_mapping.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace offerstream;
  static const auto plan = ParseConfig(DefaultConfigText(), "default").config->plan;
  static EventDecoder segment(plan, LoadMapping("segment").mapping, true),
      cloud(plan, LoadMapping("cloudevents").mapping, false);
  static DecodedBatch batch;
  for (EventDecoder* decoder : {&segment, &cloud}) {
    batch.Clear();
    Record record;
    record.value = std::string_view(reinterpret_cast<const char*>(data), size);
    record.timestamp_ms = 1772359200000;
    decoder->Decode(record, batch);
    record.value =
        R"({"specversion":"1.0","id":"g","subject":"u1","type":"com.example.offer.requested","data":{"messageId":"g","userId":"u1","type":"page"}})";
    decoder->Decode(record, batch);
    assert(batch.records.size() == 2 && !batch.records[1].bad && batch.records[1].size == 1);
    const Decoded& first = batch.records[0];
    assert(!first.bad || first.size == 0);
    for (std::uint32_t i = 0; i < first.size; ++i) {
      const Event& event = batch.events[first.begin + i];
      assert(!event.event_id.empty() && event.event_id.size() <= kIdBytesMax + 2 &&
             event.customer_id.size() <= kIdBytesMax);
      assert(event.time >= 0 && event.propensity >= 0 && event.propensity <= 1);
    }
  }
  return 0;
}
