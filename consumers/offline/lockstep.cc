#include "consumers/offline/lockstep.h"

#include <algorithm>
#include <set>

#include "models/deciding/label_resolver.h"
#include "models/domain/random.h"
#include "state/partition_state.h"

namespace offerstream {
namespace {

// With a store behind: events between two writes, and how many a restart might have to repeat (here only a pace).
constexpr std::uint64_t kEventsPerWrite = 20'000;
constexpr std::uint64_t kTailEvents = 1'000'000;

/// One decision fold with its customers and its scratch.
struct Shard {
  Shard(std::shared_ptr<const CampaignPlan> plan, StateStore& s, std::int32_t p, std::uint64_t memory)
      : store(s), partition(p), state(plan, s, p, memory), fold(std::move(plan), state) {}
  StateStore& store;
  std::int32_t partition;
  PartitionState state;
  DecisionFold fold;
  FoldOutput out{};
};

/// Where a timer's rows are: for merging several shards' sweeps into one order.
struct FiredRows {
  FiredTimer timer{};
  std::uint32_t row_end = 0;
  std::uint32_t shard = 0;
};

}  // namespace

struct Lockstep::Impl {
  Impl(std::shared_ptr<const CampaignPlan> p, LockstepOptions o, LockstepSink s)
      : plan(std::move(p)), options(std::move(o)), sink(std::move(s)) {
    if (options.store == nullptr) {
      own_store = OpenMemoryStore();
      options.store = own_store.get();
    }
    std::vector<IdHash> salts;
    for (const std::string& topic : options.topics) salts.push_back(H64(topic));
    for (std::size_t i = 0; i < std::max<std::size_t>(1, options.shards); ++i) {
      shards.push_back(std::make_unique<Shard>(plan, *options.store, static_cast<std::int32_t>(i),
                                               options.memory_bytes / std::max<std::size_t>(1, options.shards)));
      shards.back()->fold.SetInputSalts(salts);
      shards.back()->fold.ShareLeases(shards.front()->fold);   // one holder, however many shards
      shards.back()->fold.Follow(options.follow);
    }
    for (std::size_t k = 0; k < std::max<std::size_t>(1, options.observation_partitions); ++k) learners.emplace_back(plan);
    adopted.responses.resize(plan->models());
    for (std::size_t m = 0; m < plan->models(); ++m) model_of[plan->ModelHash(ModelIndex(m))] = m;
    Begin();
  }

  std::shared_ptr<const CampaignPlan> plan;
  LockstepOptions options;
  LockstepSink sink;
  std::unique_ptr<StateStore> own_store{};
  std::vector<std::unique_ptr<Shard>> shards{};
  std::vector<LearningFold> learners{};
  std::map<IdHash, std::size_t> model_of{};
  AdoptedModels adopted{};
  TxnSeq seq = 0;
  std::uint64_t observed = 0, published = 0, since_write = 0;   // observations learned; of them contained in a round
  EventTime now = kNever, last_round = kNever;
  bool frozen = false;
  std::set<IdHash> born{};
  std::vector<FiredRows> fired{};
  std::vector<const CapChange*> told{};
  std::vector<std::uint32_t> learned{};   // rows of each shard's output already learned

  Shard& ShardOf(IdHash customer) { return *shards[customer % shards.size()]; }

  void Begin() {
    ++seq;
    for (auto& shard : shards) shard->fold.Begin(seq, SIZE_MAX);
  }

  void Learn(const Observation& row, const ObservationBatch& batch, const Event& event) {
    // Every partition tells a birth once, and only the first counts: one birth whatever the number of shards.
    if (row.kind == ObservationKind::kBirth && !born.insert(row.model).second) return;
    if (row.kind == ObservationKind::kMature && sink.label) sink.label(row, batch.Features(row), event);
    if (sink.observation) sink.observation(row);
    learners[row.model % learners.size()].Apply(row, batch.Features(row), observed);
    ++observed;
  }

  void LearnRows(const FoldOutput& out, std::uint32_t from, std::uint32_t to, const Event& event) {
    for (std::uint32_t r = from; r < to; ++r) Learn(out.observations.rows[r], out.observations, event);
  }

  /// All shards fire what is due at this event's watermark; their rows are learned in (due, customer) order.
  void SweepAll(const Event& event) {
    fired.clear();
    for (std::uint32_t s = 0; s < shards.size(); ++s) {
      FoldOutput& out = shards[s]->out;
      shards[s]->fold.AdvanceClock(event.time, out);
      for (std::size_t i = 0; i < out.fired.size(); ++i) {
        const bool last = i + 1 == out.fired.size();
        const auto end = last ? static_cast<std::uint32_t>(out.observations.rows.size()) : out.fired[i + 1].row_begin;
        fired.push_back({out.fired[i], end, s});
      }
    }
    std::stable_sort(fired.begin(), fired.end(), [](const FiredRows& a, const FiredRows& b) {
      return std::pair(a.timer.due, a.timer.customer) < std::pair(b.timer.due, b.timer.customer);
    });
    for (const FiredRows& f : fired) LearnRows(shards[f.shard]->out, f.timer.row_begin, f.row_end, event);
    learned.clear();
    for (auto& shard : shards) learned.push_back(static_cast<std::uint32_t>(shard->out.observations.rows.size()));
  }

  /// Cap changes of all shards in (time, customer) order; one customer's stay in theirs.
  void TellCaps() {
    if (!sink.cap) return;
    told.clear();
    for (const auto& shard : shards) {
      for (std::size_t c = 0; c < shard->out.cap_count; ++c) told.push_back(&shard->out.caps[c]);
    }
    std::stable_sort(told.begin(), told.end(), [](const CapChange* a, const CapChange* b) {
      return std::pair(a->time, a->customer_id) < std::pair(b->time, b->customer_id);
    });
    for (const CapChange* change : told) sink.cap(*change);
  }

  void Round() {
    last_round = now;
    if (observed == published) return;
    published = observed;
    for (LearningFold& learner : learners) {
      for (PublishedModel& model : learner.Publish(observed)) Take(std::move(model));
    }
    if (!plan->learning.adopt) return;
    Begin();
    for (auto& shard : shards) shard->fold.Adopt(adopted);
  }

  void Take(PublishedModel model) {
    if (frozen && !model.budget) return;   // what is known stands still, money goes on
    if (model.response) {
      const auto at = model_of.find(model.model);
      if (at != model_of.end()) adopted.responses[at->second] = std::move(model.response);
    }
    if (model.caps) adopted.caps = std::move(model.caps);
    if (model.segments) adopted.segments = std::move(model.segments);
    if (model.churn) adopted.churn = std::move(model.churn);
    if (model.budget) adopted.budgets[model.model] = std::move(model.budget);
    if (model.lift && model.model == LiftModel()) adopted.lift = std::move(model.lift);
    else if (model.lift) adopted.campaign_lifts[model.model] = std::move(model.lift);
  }

  bool RoundIsDue() const {
    if (observed == published) return false;
    return observed - published >= plan->learning.snapshot_observations || last_round == kNever ||
           now - last_round >= plan->learning.snapshot_every;
  }

  Status Write(bool all) {
    since_write = 0;
    for (auto& shard : shards) {
      StateBatch batch;
      PartitionMeta meta;
      ShareRequest share;
      share.all = all;
      share.tail_events_max = kTailEvents;
      share.txn_events = kEventsPerWrite;
      if (all) share.rows_max = share.bytes_max = SIZE_MAX;
      FoldPosition position;
      position.seq = seq;
      position.watermark = shard->fold.account().watermark;
      position.frontier = shard->fold.account().frontier;
      position.max_event_time = shard->fold.account().max_event_time;
      shard->state.TakeShare(share, position, batch, meta);
      meta.account = shard->fold.account();
      if (Status status = shard->store.Write(shard->partition, batch, meta); !status) return status;
      shard->state.ShareWritten(batch, meta);
      shard->state.EndTransaction();
    }
    Begin();
    return {};
  }
};

Lockstep::Lockstep(std::shared_ptr<const CampaignPlan> plan, LockstepOptions options, LockstepSink sink)
    : impl_(std::make_unique<Impl>(std::move(plan), std::move(options), std::move(sink))) {}
Lockstep::~Lockstep() = default;

void Lockstep::Apply(const Event& event) {
  Impl& self = *impl_;
  self.now = std::max(self.now, event.time);
  if (self.RoundIsDue()) self.Round();
  const bool alone = self.shards.size() == 1;
  if (!alone) self.SweepAll(event);
  Shard& shard = self.ShardOf(event.customer_hash);
  const auto from = alone ? 0u : self.learned[event.customer_hash % self.shards.size()];
  const std::uint64_t repeats = shard.fold.counters().duplicates;
  shard.fold.Apply(event, shard.out);
  self.LearnRows(shard.out, from, static_cast<std::uint32_t>(shard.out.observations.rows.size()), event);
  for (std::size_t d = 0; d < shard.out.decision_count && self.sink.decision; ++d) self.sink.decision(shard.out.decisions[d]);
  self.TellCaps();
  if (self.sink.event && shard.fold.counters().duplicates == repeats) self.sink.event(event);
  for (auto& s : self.shards) s->out.Clear();
  // A store that fails ends the process by itself; in memory nothing can fail.
  if (self.own_store == nullptr && ++self.since_write >= kEventsPerWrite) (void)self.Write(false);
}

void Lockstep::Freeze() { impl_->frozen = true; }

Status Lockstep::Finish() {
  impl_->Round();
  return impl_->own_store == nullptr ? impl_->Write(true) : Status{};
}

const AdoptedModels& Lockstep::models() const { return impl_->adopted; }

std::vector<ModelReport> Lockstep::Reports() const {
  std::vector<ModelReport> all;
  for (const LearningFold& learner : impl_->learners) {
    for (ModelReport& report : learner.Reports()) all.push_back(std::move(report));
  }
  std::sort(all.begin(), all.end(), [](const ModelReport& a, const ModelReport& b) { return a.id < b.id; });
  return all;
}

std::vector<std::pair<std::string, std::string>> Lockstep::Snapshots() const {
  std::vector<std::pair<std::string, std::string>> all;
  for (const LearningFold& learner : impl_->learners) {
    for (const PublishedModel& model : learner.All(impl_->observed)) {
      std::string bytes;
      learner.Save(model.model, bytes);
      all.emplace_back(model.id, std::move(bytes));
    }
  }
  std::sort(all.begin(), all.end());
  return all;
}

FoldCounters Lockstep::counters() const {
  FoldCounters sum;
  for (const auto& shard : impl_->shards) sum.Add(shard->fold.counters());
  return sum;
}

std::uint64_t Lockstep::observations() const { return impl_->observed; }

const CustomerProfile* Lockstep::Find(std::string_view id, IdHash hash) const {
  return impl_->ShardOf(hash).state.Find(id, hash);
}

Status Lockstep::EachCustomer(const std::function<void(const CustomerProfile&)>& visit) {
  std::vector<std::string> ids;   // of all shards in one order: sums over customers do not depend on the cut
  for (auto& shard : impl_->shards) {
    const Status status = shard->state.Dump([&](std::string_view id, std::string_view) { ids.emplace_back(id); });
    if (!status) return status;
  }
  std::sort(ids.begin(), ids.end());
  for (const std::string& id : ids) {
    const CustomerProfile* profile = Find(id, H64(id));
    if (profile != nullptr) visit(*profile);
  }
  return {};
}

const Segmenter* Lockstep::Segments() const {
  for (const LearningFold& learner : impl_->learners) {
    if (const Segmenter* owner = learner.SegmentOwner(); owner != nullptr) return owner;
  }
  return nullptr;
}

}  // namespace offerstream
