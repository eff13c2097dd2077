// What others may see of a worker: copies made at each commit, under a lock (decision_worker.cc has the loop).
#include <algorithm>
#include <iterator>

#include "consumers/decision_worker.h"

namespace offerstream {
namespace {

constexpr std::size_t kRecentMax = 1000;

/// Counts by [offer * channels + channel] of one plan as another numbers them; what that has not is left out.
void Renumber(const CampaignPlan& from, const CampaignPlan& to, std::vector<std::uint64_t>& selections) {
  std::vector<std::uint64_t> renumbered(to.offers.size() * to.channels.size(), 0);
  for (std::size_t i = 0; i < selections.size() && !from.channels.empty(); ++i) {
    const std::size_t o = i / from.channels.size();
    if (o >= from.offers.size()) break;
    const auto offer = to.offer_by_hash.find(from.offers[o].hash);
    const auto channel = to.channel_by_hash.find(from.channels[i % from.channels.size()].hash);
    if (offer == to.offer_by_hash.end() || channel == to.channel_by_hash.end()) continue;
    renumbered[std::size_t{offer->second.value} * to.channels.size() + channel->second.value] += selections[i];
  }
  selections = std::move(renumbered);
}

}  // namespace

void DecisionWorker::CountLatency(std::int64_t now_ms) {
  for (const std::int64_t record_ms : counts_.decided_record_times) {
    if (record_ms <= 0) continue;
    const double ms = static_cast<double>(std::max<std::int64_t>(0, now_ms - record_ms));
    const auto* bound = std::lower_bound(std::begin(kLatencyBoundsMs), std::end(kLatencyBoundsMs), ms);
    ++totals_.event_to_decision_ms[static_cast<std::size_t>(bound - std::begin(kLatencyBoundsMs))];
    totals_.event_to_decision_sum_ms += ms;
  }
  counts_.decided_record_times.clear();
}

void DecisionWorker::Publish() {
  last_publish_ms_ = environment_.clock->SteadyMs();
  totals_.records = counts_.records;
  totals_.record_bytes = counts_.record_bytes;
  totals_.key_mismatches = counts_.key_mismatches;
  totals_.timestamps_from_record = counts_.timestamps_from_record;
  totals_.rejected = counts_.rejected;
  totals_.dead_letters = counts_.dead_letters;
  totals_.decisions = counts_.decisions;
  totals_.caps = counts_.caps;
  totals_.observations = counts_.observations;
  totals_.profile_rows = counts_.profile_rows;
  totals_.partitions.clear();
  for (const auto& [p, owned] : partitions_) {
    const PartitionState::Sizes sizes = owned->state().sizes();
    const PartitionAccount& account = owned->fold().account();
    PartitionView& view = totals_.partitions.emplace_back();
    view.partition = p;
    view.ready = true;
    view.seq = owned->position().seq;
    view.offsets = owned->position().offsets;
    view.topics = environment_.InputTopics();
    view.lag = source_.Lag(p);
    view.tail_events = sizes.tail_events;
    view.profiles_cached = sizes.cached;
    view.profiles_dirty = sizes.dirty;
    view.timers = sizes.timers;
    view.resident_bytes = sizes.resident_bytes;
    view.watermark = account.watermark;
    view.max_event_time = account.max_event_time;
    view.counters = before_[p];
    view.counters.Add(owned->fold().counters());
  }
  for (const std::int32_t p : missing_) {
    PartitionView& view = totals_.partitions.emplace_back();
    view.partition = p;
    view.restore_remaining = remaining_;
  }
  const std::lock_guard lock(mutex_);
  view_ = totals_;
  for (std::string& json : counts_.recent) {
    if (recent_.size() < kRecentMax) recent_.push_back(std::move(json));
    else recent_[recent_next_] = std::move(json);
    recent_next_ = (recent_next_ + 1) % kRecentMax;
  }
  counts_.recent.clear();
  committed_counts_.recent.clear();
}

/// The folds' counters as of the last commit survive the folds.
void DecisionWorker::KeepCounters() {
  for (const PartitionView& view : totals_.partitions) {
    if (view.ready) before_[view.partition] = view.counters;
  }
}

/// Of a fold that goes, because its partition gets another plan.
void DecisionWorker::KeepCountersOf(const OwnedPartition& partition) {
  FoldCounters counters = partition.fold().counters();
  Renumber(*partition.plan(), *environment_.plan, counters.selections);
  before_[partition.partition()].Add(counters);
}

void DecisionWorker::SetPlan(std::shared_ptr<const CampaignPlan> plan) {
  for (auto& [p, counters] : before_) Renumber(*environment_.plan, *plan, counters.selections);
  environment_.plan = std::move(plan);
}

ShardView DecisionWorker::View() const {
  const std::lock_guard lock(mutex_);
  return view_;
}

std::vector<std::string> DecisionWorker::RecentDecisions() const {
  const std::lock_guard lock(mutex_);
  if (recent_.size() < kRecentMax) return recent_;
  std::vector<std::string> ordered(recent_.begin() + static_cast<std::ptrdiff_t>(recent_next_), recent_.end());
  ordered.insert(ordered.end(), recent_.begin(), recent_.begin() + static_cast<std::ptrdiff_t>(recent_next_));
  return ordered;
}

void DecisionWorker::Ask(Question question) {
  const std::lock_guard lock(mutex_);
  questions_.push_back(std::move(question));
}

void DecisionWorker::Answer() {
  std::vector<Question> questions;
  {
    const std::lock_guard lock(mutex_);
    questions.swap(questions_);
  }
  for (const Question& question : questions) question(*this);
}

}  // namespace offerstream
