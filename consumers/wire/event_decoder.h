// Record -> normalised events, by a mapping, without a DOM. The only place that knows JSON on the way in.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "consumers/seams/record.h"
#include "models/domain/campaign_plan.h"
#include "models/domain/event.h"
#include "models/domain/status.h"

namespace offerstream {

class EventMapping;  // event_mapping.h

/// What a record became: events (usually one; a mapping may emit more; none for kinds it ignores), or the reason it is
/// a bad record.
struct Decoded {
  std::uint32_t begin = 0, size = 0;  ///< range in DecodedBatch.events
  bool bad = false;
  Code reason = Code::kDecode;
  std::string detail{};  ///< sentence for the dead letter, no personal data; empty when good
  bool key_mismatch = false, timestamp_from_record = false;
};

/// Decoded records with their events and everything the events' views point to. Reused: Clear() keeps capacity.
struct DecodedBatch {
  std::vector<Decoded> records{};
  std::vector<Event> events{};
  /// Where the names of products are kept by hash, for reports; null (live): names stay at the edge.
  std::map<IdHash, std::string>* product_names = nullptr;
  void Clear();
  // Storage behind the views, owned by the decoder's implementation.
  std::vector<std::unique_ptr<std::string>> texts{};
  std::size_t texts_used = 0;
  std::vector<std::unique_ptr<std::vector<AttributeUpdate>>> attributes{};
  std::size_t attributes_used = 0;
};

/// Decodes records of one input. Allocation-free after warm-up. One thread.
class EventDecoder {
 public:
  EventDecoder(std::shared_ptr<const CampaignPlan> plan, std::shared_ptr<const EventMapping> mapping,
               bool reject_key_mismatch);
  ~EventDecoder();
  /// Appends one Decoded to `batch`. Never fails as a whole: a bad record is a value.
  void Decode(const Record& record, DecodedBatch& batch);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// H64-based decision id of the design: (topic, partition, offset, placement).
DecisionId MakeDecisionId(std::string_view topic, std::int32_t partition, std::int64_t offset, std::size_t placement);

}  // namespace offerstream
