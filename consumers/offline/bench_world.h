// The workload of `offerstream bench`: one bank's plan, customers and events, all from a seed, as the bytes a producer
// would send.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "models/domain/campaign_plan.h"
#include "models/domain/decision.h"
#include "models/domain/random.h"
#include "models/domain/status.h"
#include "models/model_view.h"

namespace offerstream {

/// Size and skew of the workload.
struct BenchWorkload {
  std::size_t customers = 200'000;
  std::uint64_t events = 300'000;  ///< measured; four a customer come before
  std::uint64_t seed = 1;
  std::string topic = "events";  ///< decisions are named after it
  bool zipf = false;             ///< customers by Zipf 1.1 instead of uniformly
  bool every_event = true;       ///< a decision on every event; else on requests, clicks and conversions
};

/// The configuration of the workload: 20 offers of one channel each, 6 channels, 64 features.
std::string BenchConfigText(const BenchWorkload& workload);
/// The plan of that text, through the reader every configuration goes through. kConfiguration when the text is refused.
Result<std::shared_ptr<const CampaignPlan>> BenchPlan(const BenchWorkload& workload);

/// Views of all models (40 heads with full covariance, four segments, a cap curve) as a learning fold publishes them
/// after a few hundred drawn observations each. A function of plan and seed. About a second.
AdoptedModels BenchModels(const std::shared_ptr<const CampaignPlan>& plan, std::uint64_t seed);

/// Records back to back in memory: value, key and event time of each. Read-only once filled.
class BenchRecords {
 public:
  /// Room for so many records of about 320 bytes.
  void Reserve(std::size_t records);
  void Add(std::string_view key, std::string_view value, EventTime time);
  std::size_t size() const { return times_.size(); }
  std::string_view Key(std::size_t i) const { return Slice(2 * i); }
  std::string_view Value(std::size_t i) const { return Slice(2 * i + 1); }
  EventTime Time(std::size_t i) const { return times_[i]; }
  std::size_t bytes() const { return arena_.size(); }

 private:
  std::string_view Slice(std::size_t part) const {
    const std::size_t begin = part == 0 ? 0 : ends_[part - 1];
    return std::string_view(arena_).substr(begin, ends_[part] - begin);
  }
  std::string arena_{};
  std::vector<std::size_t> ends_{};
  std::vector<EventTime> times_{};
};

/// Writes the events: 70 % impressions, 20 % requests, 8 % clicks, 2 % conversions, five a day and customer. An
/// impression shows what was last decided for the customer while it is valid, and is somebody else's campaign
/// otherwise; answers follow what was shown. One thread.
class BenchEvents {
 public:
  BenchEvents(std::shared_ptr<const CampaignPlan> plan, const BenchWorkload& workload);
  /// Customer `i` introduces itself: traits of everybody come before all else.
  std::size_t customers() const { return customers_.size(); }
  void Introduce(std::size_t customer, BenchRecords& out);
  /// The next event.
  void Next(BenchRecords& out);
  /// What was decided on the event before: may be shown by a later one.
  void Decided(const Decision& decision);

 private:
  struct Customer {
    DecisionId decided = 0, shown = 0;
    EventTime valid_until = kNever;
    OfferIndex offer{}, shown_offer{};
  };
  std::size_t Draw();
  void Head(std::string_view type, std::size_t customer);
  void Foot(std::size_t customer, BenchRecords& out);
  void Reference(OfferIndex offer, DecisionId decision);

  std::shared_ptr<const CampaignPlan> plan_;
  bool zipf_;
  Draws draws_;
  std::vector<Customer> customers_;
  std::vector<double> zipf_sums_{};
  EventTime now_;
  double now_part_ = 0, step_;
  std::uint64_t serial_ = 0;
  std::size_t current_ = 0;
  std::string value_{}, id_{};
};

/// "c-0000012345".
void BenchCustomerId(std::size_t customer, std::string& out);

}  // namespace offerstream
