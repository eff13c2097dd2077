#include "consumers/offline/bench_memory.h"

#include <malloc.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <numeric>
#include <string>
#include <vector>

#include "consumers/offline/bench_world.h"
#include "models/decision_fold.h"
#include "models/domain/random.h"
#include "state/formats/codecs.h"
#include "state/partition_state.h"

namespace offerstream {
namespace {

constexpr EventTime kStart = 1'772'323'200'000, kDay = 86'400'000;
constexpr std::size_t kEventsPerTransaction = 20'000;

/// Resident bytes of this process; 0 when unknown.
std::uint64_t Resident() {
  malloc_trim(0);
  std::FILE* file = std::fopen("/proc/self/statm", "r");
  if (file == nullptr) return 0;
  unsigned long long total = 0, resident = 0;
  const int read = std::fscanf(file, "%llu %llu", &total, &resident);
  std::fclose(file);
  return read == 2 ? resident * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE)) : 0;
}

/// Customers on their way; events are made in place, because only the memory they leave behind is wanted.
class Life {
 public:
  explicit Life(const std::shared_ptr<const CampaignPlan>& plan)
      : plan_(plan), store_(OpenMemoryStore()), state_(plan, *store_, 0, 1ull << 40), fold_(plan, state_) {
    (void)state_.LoadAll();
    fold_.Begin(++seq_, SIZE_MAX);
  }

  /// All customers in [from, to), in an order that is not theirs, live through a month.
  void Bring(std::size_t from, std::size_t to) {
    order_.resize(to - from);
    std::iota(order_.begin(), order_.end(), from);
    for (std::size_t i = order_.size(); i > 1; --i) std::swap(order_[i - 1], order_[draws_.Below(i)]);
    constexpr std::array<EventKind, 11> kYouth = {
        EventKind::kProfile,    EventKind::kImpression, EventKind::kTransaction, EventKind::kImpression,
        EventKind::kClick,      EventKind::kEngagement, EventKind::kImpression,  EventKind::kTransaction,
        EventKind::kImpression, EventKind::kConversion, EventKind::kImpression};
    constexpr std::array<EventKind, 5> kLater = {EventKind::kEngagement, EventKind::kTransaction,
                                                 EventKind::kEngagement, EventKind::kTransaction,
                                                 EventKind::kEngagement};
    for (const EventKind kind : kYouth) Everybody(kind);
    now_ += 40 * kDay;
    do {  // in pieces: what the timers tell must not become a heap of its own
      fold_.Begin(++seq_, kEventsPerTransaction);
      fold_.AdvanceClock(now_, out_);
      out_.Clear();
    } while (!fold_.Sweep(out_));
    fold_.Begin(++seq_, SIZE_MAX);
    for (const EventKind kind : kLater) Everybody(kind);
  }

  PartitionState& state() { return state_; }

 private:
  void Everybody(EventKind kind) {
    for (const std::size_t customer : order_) {
      BenchCustomerId(customer, id_);
      Event event;
      event.kind = kind;
      event.time = now_ += 1 + static_cast<EventTime>(draws_.Below(100)) / 50;
      event.customer_id = id_;
      event.customer_hash = H64(id_);
      event.event_hash = H64({++serial_});
      event.event_id = "e";
      event.cause.offset = static_cast<std::int64_t>(serial_);
      event.offer = OfferIndex(draws_.Below(plan_->offers.size()));
      event.channel = plan_->offers[event.offer.value].channels.front();
      event.has_value = kind == EventKind::kTransaction || kind == EventKind::kConversion;
      event.value = static_cast<Money>(draws_.Below(10'000));
      event.direction = event.has_value ? (draws_.Below(2) == 0 ? Direction::kIn : Direction::kOut) : Direction::kNone;
      if (kind == EventKind::kProfile) event.attributes = Traits();
      fold_.Apply(event, out_);
      out_.Clear();
      if (serial_ % kEventsPerTransaction == 0) {
        state_.EndTransaction();
        fold_.Begin(++seq_, SIZE_MAX);
      }
    }
  }

  std::span<const AttributeUpdate> Traits() {
    traits_.clear();
    for (std::size_t a = 0; a < 7 && a < plan_->attributes.size(); ++a) {
      const bool number = plan_->attributes[a].type == AttributeType::kNumber;
      AttributeValue value{number ? AttributeValue::Type::kNumber : AttributeValue::Type::kText,
                           number ? draws_.Normal() : 0.0, 0};
      if (!number)
        value.text = plan_->attributes[a].level_hashes[draws_.Below(plan_->attributes[a].level_hashes.size())];
      traits_.push_back({AttributeIndex(a), value});
    }
    return traits_;
  }

  std::shared_ptr<const CampaignPlan> plan_;
  std::unique_ptr<StateStore> store_;
  PartitionState state_;
  DecisionFold fold_;
  FoldOutput out_{};
  Draws draws_{7, 7, 7, Purpose::kSimulation};
  EventTime now_ = kStart;
  TxnSeq seq_ = 0;
  std::uint64_t serial_ = 0;
  std::vector<std::size_t> order_{};
  std::vector<AttributeUpdate> traits_{};
  std::string id_{};
};

}  // namespace

Result<BenchMemory> MeasureBenchMemory(const std::shared_ptr<const CampaignPlan>& plan, std::size_t customers) {
  // Nobody decides here: open exposures are counted apart.
  auto silent = std::make_shared<CampaignPlan>(*plan);
  silent->decide.trigger_kinds = 0;
  Life life(silent);
  life.Bring(0, customers);
  const std::uint64_t half = Resident(), half_counted = life.state().sizes().resident_bytes;
  life.Bring(customers, 2 * customers);
  const std::uint64_t whole = Resident(), whole_counted = life.state().sizes().resident_bytes;
  if (half == 0 || whole == 0) return Fail(Code::kIo, "cannot read /proc/self/statm");
  BenchMemory memory;
  memory.customers = customers;
  memory.resident_bytes = static_cast<double>(static_cast<std::int64_t>(whole - half)) / static_cast<double>(customers);
  memory.accounted_bytes =
      static_cast<double>(static_cast<std::int64_t>(whole_counted - half_counted)) / static_cast<double>(customers);
  constexpr std::size_t kSampled = 1'000;
  std::string row, id;
  std::size_t sampled = 0;
  for (; sampled < kSampled && sampled < customers; ++sampled) {
    BenchCustomerId(sampled, id);
    const CustomerProfile* profile = life.state().Find(id, H64(id));
    if (profile != nullptr) EncodeProfile(*silent, *profile, 1, row);
  }
  memory.row_bytes = static_cast<double>(row.size()) / static_cast<double>(sampled);
  return memory;
}

}  // namespace offerstream
