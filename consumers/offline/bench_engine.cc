#include "consumers/offline/bench_engine.h"

#include <algorithm>
#include <ctime>

#include "models/domain/random.h"
#include "state/formats/codecs.h"

namespace offerstream {
namespace {

constexpr std::uint64_t kMemory = 1ull << 40;  // nothing leaves memory: the store is not what is measured

std::int64_t Nanoseconds(clockid_t clock) {
  timespec t{};
  clock_gettime(clock, &t);
  return t.tv_sec * 1'000'000'000LL + t.tv_nsec;
}

}  // namespace

BenchTime BenchTime::Now() { return {Nanoseconds(CLOCK_THREAD_CPUTIME_ID), Nanoseconds(CLOCK_MONOTONIC)}; }

BenchEngine::BenchEngine(std::shared_ptr<const CampaignPlan> plan, std::shared_ptr<const EventMapping> mapping,
                         const AdoptedModels& models, const std::string& topic)
    : plan_(plan),
      store_(OpenMemoryStore()),
      state_(plan, *store_, 0, kMemory),
      fold_(plan, state_),
      decoder_(plan, std::move(mapping), true),
      encoder_(plan, {topic}),
      models_(models) {
  fold_.SetInputSalts({H64(topic)});
  (void)state_.LoadAll();  // an empty store: from here on absence needs no look into it
  Begin();
}

BenchEngine::~BenchEngine() = default;

void BenchEngine::Begin() {
  fold_.Begin(++seq_, SIZE_MAX);
  if (seq_ == 1) fold_.Adopt(models_);
  transaction_events_ = 0;
}

void BenchEngine::DecodeBatch(const BenchRecords& records, std::size_t from, std::size_t to) {
  decoded_.Clear();
  for (std::size_t i = from; i < to; ++i) {
    record_.key = records.Key(i);
    record_.null_key = false;
    record_.value = records.Value(i);
    record_.timestamp_ms = records.Time(i);
    record_.cause = {0, 0, static_cast<std::int64_t>(i), 0};
    decoder_.Decode(record_, decoded_);
  }
}

BenchAnswer BenchEngine::Decode(const BenchRecords& records, std::size_t from, std::size_t to) {
  BenchAnswer answer;
  for (std::size_t i = from; i < to; i += kBenchBatch) {
    DecodeBatch(records, i, std::min(to, i + kBenchBatch));
    for (const Decoded& record : decoded_.records) answer.bad += record.bad ? 1 : 0;
    for (const Event& event : decoded_.events) {
      answer.digest = answer.digest * 31 + event.event_hash + static_cast<std::uint64_t>(event.time);
    }
    answer.events += decoded_.events.size();
  }
  return answer;
}

void BenchEngine::FoldBatch(BenchAnswer& answer) {
  ids_.clear();
  hashes_.clear();
  for (const Event& event : decoded_.events) {
    ids_.push_back(event.customer_id);
    hashes_.push_back(event.customer_hash);
  }
  state_.Prefetch(ids_, hashes_);
  for (const Decoded& record : decoded_.records) {
    answer.bad += record.bad ? 1 : 0;
    for (std::uint32_t e = 0; e < record.size; ++e) fold_.Apply(decoded_.events[record.begin + e], output_);
  }
  answer.events += decoded_.events.size();
  transaction_events_ += decoded_.records.size();
  Emit(answer);
  if (transaction_events_ >= kBenchTransaction) Finish(answer);
}

void BenchEngine::Emit(BenchAnswer& answer) {
  text_.clear();
  for (std::size_t i = 0; i < output_.decision_count; ++i) {
    answer.offers += output_.decisions[i].has_offer ? 1 : 0;
    encoder_.EncodeDecision(output_.decisions[i], text_);
  }
  answer.decisions += output_.decision_count;
  answer.decision_bytes += text_.size();
  output_.decision_count = 0;
  for (std::size_t i = 0; i < output_.cap_count; ++i) {
    output_.caps[i].customer_id = output_.cap_customers[i];
    key_.clear();
    text_.clear();
    encoder_.EncodeCap(output_.caps[i], key_, text_);
  }
  answer.caps += output_.cap_count;
  output_.cap_count = 0;
}

void BenchEngine::EmitObservations(BenchAnswer& answer) {
  const auto& all = output_.observations.rows;
  const std::span<const std::uint32_t> order = order_.Of(all);
  for (std::size_t begin = 0, end = 0; begin < order.size(); begin = end) {
    const IdHash model = all[order[begin]].model;
    while (end < order.size() && all[order[end]].model == model) ++end;
    text_.clear();
    EncodeObservations(*plan_, output_.observations, order.subspan(begin, end - begin), text_);
    answer.observation_bytes += text_.size();
    ++answer.blocks;
    if (blocks_ != nullptr) blocks_->push_back(text_);
  }
  answer.observations += all.size();
}

void BenchEngine::Finish(BenchAnswer& answer) {
  if (transaction_events_ == 0) return;
  EmitObservations(answer);
  answer.timers += output_.fired.size();
  answer.digest = H64({answer.digest, output_.records.value(), output_.decided.value()});
  output_.Clear();
  state_.EndTransaction();
  Begin();
}

BenchAnswer BenchEngine::Fold(const BenchRecords& records, std::size_t from, std::size_t to) {
  BenchAnswer answer;
  for (std::size_t i = from; i < to; i += kBenchBatch) {
    DecodeBatch(records, i, std::min(to, i + kBenchBatch));
    FoldBatch(answer);
  }
  Finish(answer);
  return answer;
}

const Decision* BenchEngine::FoldOne(const BenchRecords& records, std::size_t at, BenchAnswer& answer) {
  DecodeBatch(records, at, at + 1);
  const std::uint64_t decided = answer.decisions;
  FoldBatch(answer);
  return answer.decisions > decided ? &output_.decisions[0] : nullptr;
}

}  // namespace offerstream
