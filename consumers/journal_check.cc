#include "consumers/journal_check.h"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "consumers/owned_partition.h"
#include "consumers/position_text.h"
#include "consumers/snapshot_feed.h"
#include "models/domain/random.h"
#include "state/formats/codecs.h"

namespace offerstream {
namespace {

constexpr std::uint64_t kMemoryBytes = 8ull << 30;   // profiles never leave: the store is in memory anyway

/// Keeps what a transaction writes instead of writing it.
class KeepingOutbox final : public Outbox {
 public:
  std::vector<std::string> journal{}, decisions{};

  Status Begin() override { return {}; }
  Status Append(const OutRecord& record) override {
    if (record.topic == OutTopic::kJournal) journal.emplace_back(record.value);
    if (record.topic == OutTopic::kDecisions) decisions.emplace_back(record.value);
    return {};
  }
  Status SendPositions(std::span<const InputPosition>) override { return {}; }
  Outcome Commit(Error&) override { return Outcome::kCommitted; }
  Status Recycle() override { return {}; }
  std::span<const Delivery> Delivered() const override { return {}; }
};

std::string FactsBytes(const CampaignPlan& plan, const EventFacts& facts) {
  std::string bytes;
  ByteWriter out(bytes);
  facts.Save(plan, out);
  return bytes;
}

std::string TurnBytes(const TurnFact& turn) {
  std::string bytes;
  ByteWriter out(bytes);
  out.U64(turn.customer);
  SaveCoordinates(turn.move, out);
  out.F32(turn.buys);
  out.U32(turn.segment);
  return bytes;
}

/// The first event whose facts differ, in words.
std::string FirstDifference(const CampaignPlan& plan, const Config& config, const JournalRecord& was, const JournalRecord& is) {
  const auto name = [&](const Cause& cause) {
    return fmt::format("{}[{}] offset {}", config.events[cause.input].topic, cause.partition, cause.offset);
  };
  for (std::size_t i = 0; i < std::max(was.facts.size(), is.facts.size()); ++i) {
    if (i >= was.facts.size()) return "event " + name(is.facts[i].cause) + " has facts now and had none";
    if (i >= is.facts.size()) return "event " + name(was.facts[i].cause) + " had facts and has none now";
    if (was.facts[i].cause != is.facts[i].cause) return "event " + name(std::min(was.facts[i].cause, is.facts[i].cause)) + " has facts only once";
    if (FactsBytes(plan, was.facts[i].facts) != FactsBytes(plan, is.facts[i].facts)) return "event " + name(was.facts[i].cause) + " has other facts";
  }
  if (was.records_digest != is.records_digest) return "its records are others";
  if (was.turns.size() != is.turns.size()) return fmt::format("{} customers had their turn and {} have it now", was.turns.size(), is.turns.size());
  for (std::size_t i = 0; i < was.turns.size(); ++i) {
    if (TurnBytes(was.turns[i]) != TurnBytes(is.turns[i])) return fmt::format("customer {:016x} was told otherwise at its turn", was.turns[i].customer);
  }
  if (was.decisions_digest != is.decisions_digest) return "its decisions have another digest, their facts are equal";
  return fmt::format("watermark {} and frontier {} instead of {} and {}", is.watermark, is.frontier, was.watermark, was.frontier);
}

}  // namespace

JournalCheck::JournalCheck(ShardEnvironment environment) : environment_(std::move(environment)) {
  environment_.adopt = true;
  environment_.plan_of = [this](std::uint32_t epoch) -> Result<std::shared_ptr<const CampaignPlan>> {
    const auto text = plan_texts_.find(epoch);
    if (text == plan_texts_.end()) return Fail(Code::kNotFound, fmt::format("no plan text of epoch {} in the logs", epoch));
    auto plan = ParsePlan(text->second, epoch);
    if (!plan || !full_) return plan;
    auto full = std::make_shared<CampaignPlan>(**plan);
    full->compact_decisions = false;
    return full;
  };
}

Status JournalCheck::ReadPlans() {
  const std::string topic = environment_.config->ProfilesTopic();
  // Every partition tells of the epochs it has been in, and may have missed some.
  for (std::int32_t p = 0; p < environment_.partitions; ++p) {
    auto bounds = environment_.logs->Bounds(topic, p);
    if (!bounds) return tl::unexpected(bounds.error());
    Status read = ReadLogRange(*environment_.logs, topic, p, bounds->low, bounds->high, 0, kLogPatienceMs, [&](const Record& record) {
      if (const std::uint32_t epoch = EpochOfKey(record.key); epoch > 0) plan_texts_[epoch] = record.value;
      return true;
    });
    if (!read) return read;
  }
  if (plan_texts_.empty()) return Fail(Code::kNotFound, topic + " holds no plan: nothing has run yet");
  return {};
}

Status JournalCheck::EachJournal(std::int32_t partition, const std::function<Status(const Journal&)>& each) {
  const std::string topic = environment_.config->JournalTopic();
  auto bounds = environment_.logs->Bounds(topic, partition);
  if (!bounds) return tl::unexpected(bounds.error());
  auto plan = environment_.plan_of(plan_texts_.rbegin()->first);
  if (!plan) return tl::unexpected(plan.error());
  JournalReader reader;
  Journal next;
  TxnSeq due = 1;
  Status failed{};
  const auto add = [&](const Record& piece) -> Result<bool> {
    next.pieces.emplace_back(piece.value);
    // Facts name offers and attributes as the plan has them that they were written under.
    if (const std::uint32_t epoch = PeekJournalEpoch(piece.value); epoch > 0 && epoch != (*plan)->epoch) plan = environment_.plan_of(epoch);
    if (!plan) return tl::unexpected(plan.error());
    return reader.Add(**plan, piece.value, next.record);
  };
  Status read = ReadLogRange(*environment_.logs, topic, partition, bounds->low, bounds->high, 0, kLogPatienceMs, [&](const Record& piece) {
    const Result<bool> whole = add(piece);
    if (!whole) {
      failed = tl::unexpected(whole.error());
    } else if (*whole && next.record.seq != due) {
      failed = Fail(Code::kGateFailed, fmt::format("{}[{}] has transaction {} where {} is due{}", topic, partition, next.record.seq, due,
                                                   due == 1 ? "; its beginning is no longer retained" : ""));
    } else if (*whole) {
      failed = each(next);
      ++due;
      next.pieces.clear();
    }
    return failed.has_value();
  });
  return failed ? read : failed;
}

Status JournalCheck::ReadJournal(std::int32_t partition) {
  Beginning& begin = beginnings_[static_cast<std::size_t>(partition)];
  begin.offsets.assign(environment_.config->events.size(), -1);
  Status read = EachJournal(partition, [&](const Journal& journal) -> Status {
    if (!begin.log_id.known()) begin.log_id = journal.record.log_id;
    for (const JournalRecord::Range& range : journal.record.ranges) {
      if (begin.offsets[range.input] < 0) begin.offsets[range.input] = range.from;
    }
    for (const auto& [model, version] : journal.record.adopted) {
      if (version > 0) wanted_[version].insert(model);
    }
    return {};
  });
  for (std::int64_t& offset : begin.offsets) offset = std::max<std::int64_t>(0, offset);
  return read;
}

void JournalCheck::Capture(const LearningFold& fold, std::uint64_t version) {
  std::string bytes;
  for (const PublishedModel& model : fold.All(version)) {
    if (!wanted_[version].contains(model.model)) continue;
    fold.Save(model.model, bytes);
    snapshots_[{model.model, version}] = {model.id, bytes};
  }
}

/// The learning fold over one observations partition, stopped at every version somebody adopted.
Status JournalCheck::DeriveSnapshots(std::int32_t partition) {
  const std::string topic = environment_.config->ObservationsTopic();
  auto bounds = environment_.logs->Bounds(topic, partition);
  if (!bounds) return tl::unexpected(bounds.error());
  std::unique_ptr<LearningFold> fold;
  std::shared_ptr<const CampaignPlan> plan;
  ObservationBatch rows;
  Status failed{};
  auto due = wanted_.begin();
  const auto capture = [&](std::uint64_t next) {
    for (; due != wanted_.end() && due->first <= next && failed; ++due) {
      if (fold != nullptr) Capture(*fold, due->first);
    }
  };
  Status read = ReadLogRange(*environment_.logs, topic, partition, 0, bounds->high, 0, kLogPatienceMs, [&](const Record& record) {
    capture(static_cast<std::uint64_t>(record.cause.offset));
    if (!failed) return false;
    if (PeekObservationRecord(record.value) == ObservationRecordType::kControl) {
      const auto control = DecodeControl(record.value);
      if (!control || (plan != nullptr && control->epoch <= plan->epoch)) return true;
      auto parsed = ParsePlan(std::string(control->text), control->epoch);
      if (!parsed) {
        failed = tl::unexpected(parsed.error());
        return false;
      }
      plan = *parsed;
      if (fold == nullptr) fold = std::make_unique<LearningFold>(plan);
      else fold->Configure(plan);
      return true;
    }
    rows.Clear();
    failed = plan == nullptr ? Status(Fail(Code::kGateFailed, "observations before any plan")) : DecodeObservations(*plan, record.value, rows);
    for (const Observation& row : rows.rows) fold->Apply(row, rows.Features(row), static_cast<std::uint64_t>(record.cause.offset));
    return failed.has_value();
  });
  if (!failed) return failed;
  if (!read) return read;
  capture(static_cast<std::uint64_t>(bounds->high));
  return failed;
}

Status JournalCheck::Prepare() {
  if (Status read = ReadPlans(); !read) return read;
  beginnings_.resize(static_cast<std::size_t>(environment_.partitions));
  for (std::int32_t p = 0; p < environment_.partitions; ++p) {
    if (Status read = ReadJournal(p); !read) return read;
  }
  for (std::int32_t p = 0; p < environment_.observation_partitions; ++p) {
    if (Status derived = DeriveSnapshots(p); !derived) return derived;
  }
  return {};
}

Result<std::shared_ptr<const AdoptedModels>> JournalCheck::Models(const Adopted& adopted, TxnSeq seq, AdoptedModels& models) const {
  const auto index = IndexModels(*environment_.plan);
  for (const auto& [model, version] : adopted) {
    if (version == 0) continue;
    const auto snapshot = snapshots_.find({model, version});
    if (snapshot == snapshots_.end()) {
      return Fail(Code::kGateFailed, fmt::format("transaction {} adopted version {} of model {:016x}, which the observations do not give",
                                                 seq, version, model));
    }
    // A snapshot is what the plan of the one who adopts it makes of it.
    const auto read = LearningFold::Read(*environment_.plan, snapshot->second.first, version, snapshot->second.second);
    if (!read) return tl::unexpected(read.error());
    // Whatever was adopted counts, older ones after a step back too.
    if (read->caps) models.caps.reset();
    if (read->segments) models.segments.reset();
    if (read->lift) models.lift.reset();
    if (read->churn) models.churn.reset();
    if (read->budget) models.budgets.erase(model);
    if (const auto place = index.find(model); place != index.end() && place->second < models.responses.size()) models.responses[place->second].reset();
    PlaceModel(*read, index, models);
  }
  return std::make_shared<const AdoptedModels>(models);
}

/// One partition on its way from its first transaction to its last.
struct JournalCheck::Refold {
  std::int32_t partition = 0;
  PartitionMeta meta{};
  std::vector<std::unique_ptr<LogCursor>> inputs{};
  std::unique_ptr<LogCursor> published{};
  std::int64_t published_end = 0;
  std::unique_ptr<OwnedPartition> owned{};
  KeepingOutbox outbox{};
  AdoptedModels models{};
  Adopted carried{};   // over a change of the plan, to be in use from its first transaction on
  ShardCounts counts{};
};

/// The partition under the plan of this epoch, the first time or after another.
Status JournalCheck::OpenPlan(Refold& refold, std::uint32_t epoch) {
  if (refold.owned != nullptr && environment_.plan->epoch == epoch) return {};
  auto plan = environment_.plan_of(epoch);
  if (!plan) return tl::unexpected(plan.error());
  environment_.plan = *plan;
  Status opened{};
  if (refold.owned == nullptr) {
    refold.meta.committed.plan_epoch = refold.meta.account.plan_epoch = epoch;
    refold.meta.floor = refold.meta.committed;
    refold.owned = std::make_unique<OwnedPartition>(environment_, refold.partition,
                                                    OpenPartition(environment_, refold.partition, *plan, refold.meta, kMemoryBytes, opened));
  } else {
    opened = refold.owned->ChangePlan(kMemoryBytes);
  }
  refold.models = {};
  refold.models.responses.resize((*plan)->models());
  // What was adopted before decides from now on as the new plan reads it; the journal says only what changes after that.
  const auto& before = refold.owned->fold().account().adopted;
  refold.carried.assign(before.begin(), before.end());
  return opened;
}

/// Makes a transaction again, as the journal says: what it adopted, its clock, its records in their order.
Status JournalCheck::CheckTransaction(Refold& refold, const Journal& journal) {
  const JournalRecord& record = journal.record;
  if (Status opened = OpenPlan(refold, record.plan_epoch); !opened) return opened;
  OwnedPartition& owned = *refold.owned;
  refold.outbox.journal.clear();
  refold.outbox.decisions.clear();
  owned.Begin();
  if (std::any_of(record.adopted.begin(), record.adopted.end(), [](const auto& one) { return one.second == 0; })) {
    owned.AdoptNothing();
    refold.carried.clear();
    refold.models = {};
    refold.models.responses.resize(environment_.plan->models());
  }
  Adopted adopted = std::exchange(refold.carried, {});
  adopted.insert(adopted.end(), record.adopted.begin(), record.adopted.end());
  if (!adopted.empty()) {
    auto models = Models(adopted, record.seq, refold.models);
    if (!models) return tl::unexpected(models.error());
    owned.Adopt(*models);
  }
  if (record.clock != kNever) owned.AdvanceClock(record.clock);
  for (const JournalRecord::Range& range : record.ranges) {
    Status folded{};
    Status read = refold.inputs[range.input]->AdvanceTo(range.to, [&](const Record& event) {
      const Record* const one = &event;
      folded = owned.Fold({&one, 1}, refold.outbox, refold.counts);
      return folded.has_value();
    });
    if (!folded) return folded;
    if (!read) return read;
  }
  ShareRequest share;
  share.all = true;
  share.rows_max = share.bytes_max = SIZE_MAX;
  if (Status finished = owned.Finish(share, refold.outbox, refold.counts); !finished) return finished;
  if (Status stored = owned.Store({}); !stored) return stored;
  refold.counts.recent.clear();
  refold.counts.decided_record_times.clear();
  return {};
}

/// kGateFailed with the first difference between what was made again and what the logs hold.
Status JournalCheck::ComparePublished(Refold& refold, const Journal& journal) {
  const auto differs = [&](const std::string& what) {
    return Fail(Code::kGateFailed, fmt::format("partition {}, transaction {}: {}", refold.partition, journal.record.seq, what));
  };
  if (refold.outbox.journal != journal.pieces) {
    JournalReader reader;
    JournalRecord now;
    for (const std::string& piece : refold.outbox.journal) (void)reader.Add(*environment_.plan, piece, now);
    return differs(FirstDifference(*environment_.plan, *environment_.config, journal.record, now));
  }
  for (const std::string& json : refold.outbox.decisions) {
    std::optional<std::string> was;
    Status read = refold.published->AdvanceTo(refold.published_end, [&](const Record& decision) {
      was = decision.value;
      return false;
    });
    if (!read) return read;
    if (was != json) return differs(fmt::format("published {} but the logs give {}", was.value_or("nothing"), json));
  }
  return {};
}

Status JournalCheck::CheckPartition(std::int32_t partition, JournalVerdict& verdict, const std::function<bool(std::string_view)>& each) {
  const Beginning& begin = beginnings_[static_cast<std::size_t>(partition)];
  if (!begin.log_id.known()) return {};
  const Config& config = *environment_.config;
  const std::unique_ptr<StateStore> store = OpenMemoryStore();
  environment_.store = store.get();
  Refold refold;
  refold.partition = partition;
  refold.meta.log_id = begin.log_id;
  refold.meta.committed.offsets = begin.offsets;
  for (std::uint16_t i = 0; i < config.events.size(); ++i) {
    refold.inputs.push_back(std::make_unique<LogCursor>(*environment_.logs, config.events[i].topic, partition, begin.offsets[i], i, kLogPatienceMs));
  }
  auto published = environment_.logs->Bounds(config.decisions_topic, partition);
  if (!published) return tl::unexpected(published.error());
  refold.published_end = published->high;
  refold.published = std::make_unique<LogCursor>(*environment_.logs, config.decisions_topic, partition, 0, 0, kLogPatienceMs);
  bool enough = false;
  Status read = EachJournal(partition, [&](const Journal& journal) -> Status {
    if (Status made = CheckTransaction(refold, journal); !made) return made;
    ++verdict.transactions;
    verdict.records += journal.record.records;
    verdict.decisions += refold.outbox.decisions.size();
    if (!each) return ComparePublished(refold, journal);
    for (const std::string& json : refold.outbox.decisions) {
      enough = enough || !each(json);
    }
    return enough ? Status(Fail(Code::kNotFound)) : Status{};   // stops the reading
  });
  if (enough) return {};
  if (!read && !each && read.error().code == Code::kGateFailed) {
    verdict.difference = read.error().detail;
    return {};
  }
  return read;
}

Result<JournalVerdict> JournalCheck::Run() {
  JournalVerdict verdict;
  verdict.snapshots = snapshots_.size();
  for (std::int32_t p = 0; p < environment_.partitions && verdict.difference.empty(); ++p) {
    if (Status checked = CheckPartition(p, verdict, {}); !checked) return tl::unexpected(checked.error());
  }
  return verdict;
}

Status JournalCheck::Decisions(std::int32_t partition, const std::function<bool(std::string_view json)>& each) {
  full_ = true;
  JournalVerdict verdict;
  Status done = CheckPartition(partition, verdict, each);
  full_ = false;
  return done;
}

}  // namespace offerstream
