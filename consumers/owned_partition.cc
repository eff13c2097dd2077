#include "consumers/owned_partition.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "consumers/failpoint.h"
#include "consumers/log.h"
#include "consumers/position_text.h"
#include "consumers/wire/dead_letter.h"
#include "consumers/wire/receipt_encoder.h"
#include "models/deciding/label_resolver.h"
#include "models/domain/random.h"
#include "state/formats/codecs.h"

namespace offerstream {
namespace {

constexpr std::size_t kSweepMax = 20'000;           // customers whose timers fire by sweeping in one transaction
constexpr std::size_t kRecordBytesMax = 900'000;    // of any internal record; the client refuses 1,000,000
constexpr std::size_t kObservationsPerRecord = 1'000;
constexpr std::size_t kRecentPerTransaction = 16;

// Tags of records whose offsets matter after the commit.
std::uint32_t MetaTag(std::int32_t partition) { return static_cast<std::uint32_t>(partition) * 2 + 1; }
std::uint32_t JournalTag(std::int32_t partition) { return static_cast<std::uint32_t>(partition) * 2 + 2; }

/// Whether a model adopted under the plan `before` lives on under `plan`.
bool HasModel(const CampaignPlan& plan, const CampaignPlan& before, IdHash model) {
  if (model == CapsModel() || model == LiftModel()) return true;
  if (model == SegmentsModel()) return plan.segments.size() > 0 && SegmentNames(plan) == SegmentNames(before);
  if (model == ChurnOwner()) return plan.churn.on;
  for (std::size_t m = 0; m < plan.models(); ++m) {
    if (plan.ModelHash(ModelIndex(m)) == model) return true;
  }
  return std::any_of(plan.budgets.begin(), plan.budgets.end(), [&](const BudgetSpec& budget) { return budget.model == model; });
}

}  // namespace

OwnedPartition::OwnedPartition(const ShardEnvironment& environment, std::int32_t partition, RecoveredPartition recovered)
    : environment_(environment), partition_(partition), made_(std::move(recovered)) {
  OpenDecoders();
}

OwnedPartition::~OwnedPartition() = default;

void OwnedPartition::OpenDecoders() {
  decoders_.clear();
  for (std::size_t i = 0; i < environment_.config->events.size(); ++i) {
    decoders_.push_back(std::make_unique<EventDecoder>(made_.plan, environment_.mappings[i],
                                                       environment_.config->events[i].reject_key_mismatch));
  }
  encoder_ = std::make_unique<DecisionEncoder>(made_.plan, environment_.InputTopics());
}

Status OwnedPartition::ChangePlan(std::uint64_t memory_bytes) {
  assert(!open_ && made_.state->sizes().dirty == 0);
  PartitionMeta meta = made_.meta;
  const std::shared_ptr<const CampaignPlan> before = made_.plan;
  meta.account = made_.fold->account();
  meta.account.plan_epoch = environment_.plan->epoch;
  // What the new plan has not will never be offered again: waiting for it would be in vain.
  std::erase_if(meta.account.adopted, [&](const auto& one) { return !HasModel(*environment_.plan, *before, one.first); });
  meta.committed = meta.floor = made_.position;
  made_.fold.reset();
  Status opened{};
  made_ = OpenPartition(environment_, partition_, environment_.plan, meta, memory_bytes, opened);
  adopted_.reset();
  retired_channels_.reset();
  announced_ = backlog_ = false;
  OpenDecoders();
  return opened;
}

void OwnedPartition::Begin() {
  assert(!open_);
  open_ = true;
  events_ = 0;
  output_.Clear();
  digest_ = {};
  offsets_ = made_.position.offsets;
  journal_ = {};
  journal_.seq = made_.position.seq + 1;
  journal_.log_id = made_.meta.log_id;
  journal_.plan_epoch = made_.plan->epoch;
  journal_.sweep_max = kSweepMax;
  made_.fold->Begin(journal_.seq, kSweepMax);
}

bool OwnedPartition::MayAdopt(const AdoptedModels& models) const {
  const auto& before = made_.fold->account().adopted;
  const auto newer = [&](IdHash model, std::uint64_t version) {
    const auto known = before.find(model);
    return known == before.end() || known->second <= version;
  };
  std::size_t covered = 0;
  for (const auto& view : models.responses) {
    if (view == nullptr) continue;
    if (!newer(view->model, view->version)) return false;
    covered += before.contains(view->model) ? 1 : 0;
  }
  for (const auto& [model, view] : models.budgets) {
    if (!newer(model, view->version)) return false;
    covered += before.contains(model) ? 1 : 0;
  }
  const auto one = [&](const auto& view, std::string_view id) {
    if (view == nullptr) return true;
    covered += before.contains(H64(id)) ? 1 : 0;
    return newer(H64(id), view->version);
  };
  if (!one(models.caps, "caps") || !one(models.segments, "segments") || !one(models.lift, "lift") || !one(models.churn, "churn")) {
    return false;
  }
  return covered == before.size();
}

void OwnedPartition::Adopt(const std::shared_ptr<const AdoptedModels>& models) {
  assert(open_ && events_ == 0);
  if (models == nullptr || models == adopted_) return;
  adopted_ = models;
  const auto before = made_.fold->account().adopted;
  made_.fold->Adopt(*models);
  for (const auto& [model, version] : made_.fold->account().adopted) {
    const auto known = before.find(model);
    if (known == before.end() || known->second != version) journal_.adopted.emplace_back(model, version);
  }
}

void OwnedPartition::AdoptNothing() {
  assert(open_ && events_ == 0);
  PartitionAccount account = made_.fold->account();
  for (const auto& [model, version] : account.adopted) journal_.adopted.emplace_back(model, 0);
  account.adopted.clear();
  made_.fold->SetAccount(std::move(account));
}

void OwnedPartition::AdvanceClock(EventTime time) {
  assert(open_ && events_ == 0);
  journal_.clock = time;
  made_.fold->AdvanceClock(time, output_);
}

Status OwnedPartition::Fold(std::span<const Record* const> records, Outbox& outbox, ShardCounts& counts) {
  assert(open_);
  if (records.empty()) return {};
  if (PassFailpoint(Step::kFold)) return Fail(Code::kKafkaAborted, "failpoint fold");
  const std::uint16_t input = records.front()->cause.input;
  decoded_.Clear();
  ids_.clear();
  hashes_.clear();
  for (const Record* record : records) decoders_[input]->Decode(*record, decoded_);
  for (const Event& event : decoded_.events) {
    ids_.push_back(event.customer_id);
    hashes_.push_back(event.customer_hash);
  }
  made_.state->Prefetch(ids_, hashes_);
  for (std::size_t r = 0; r < records.size(); ++r) {
    const Record& record = *records[r];
    const Decoded& what = decoded_.records[r];
    ++counts.records;
    counts.record_bytes += record.value.size() + record.key.size();
    counts.key_mismatches += what.key_mismatch ? 1 : 0;
    counts.timestamps_from_record += what.timestamp_from_record ? 1 : 0;
    if (what.bad) {
      ++journal_.dead_letters;
      if (Status told = WriteDeadLetter(record, what, outbox, counts); !told) return told;
      continue;
    }
    for (std::uint32_t i = 0; i < what.size; ++i) {
      const std::size_t decisions = output_.decision_count;
      digest_.Add(decoded_.events[what.begin + i]);
      made_.fold->Apply(decoded_.events[what.begin + i], output_);
      ++events_;
      for (std::size_t d = decisions; d < output_.decision_count; ++d) counts.decided_record_times.push_back(record.timestamp_ms);
    }
  }
  const std::int64_t from = offsets_[input], to = records.back()->cause.offset + 1;
  offsets_[input] = to;
  if (!journal_.ranges.empty() && journal_.ranges.back().input == input) journal_.ranges.back().to = to;
  else journal_.ranges.push_back({input, from, to});
  journal_.records += records.size();
  return EmitFolded(outbox, counts);
}

Status OwnedPartition::WriteDeadLetter(const Record& record, const Decoded& what, Outbox& outbox, ShardCounts& counts) {
  const InputConfig& input = environment_.config->events[record.cause.input];
  ++counts.rejected[std::string(ReasonText(what.reason))];
  if (input.on_bad_record == OnBadRecord::kSkip) return {};
  if (input.on_bad_record == OnBadRecord::kFail) {
    return Fail(what.reason, fmt::format("{}[{}] offset {}: {} (on_bad_record: fail)", input.topic, partition_, record.cause.offset,
                                         what.detail));
  }
  const DeadLetter& letter = dead_letters_.Write(record, what, input.topic);
  headers_.clear();
  for (const Header& header : letter.headers) headers_.emplace_back(header.name, header.value);
  ++counts.dead_letters;
  return outbox.Append({.topic = DeadLettersOf(record.cause.input),
                        .partition = partition_ % environment_.dead_letter_partitions[record.cause.input],
                        .null_key = letter.null_key, .null_value = letter.null_value, .key = letter.key, .value = letter.value,
                        .headers = headers_, .timestamp_ms = letter.timestamp_ms});
}

/// Decisions and caps of what was folded since the last call; their views live as long as the decoded records.
Status OwnedPartition::EmitFolded(Outbox& outbox, ShardCounts& counts) {
  if (PassFailpoint(Step::kProduce)) return Fail(Code::kKafkaAborted, "failpoint produce");
  for (std::size_t i = 0; i < output_.decision_count; ++i) {
    const Decision& decision = output_.decisions[i];
    text_.clear();
    encoder_->EncodeDecision(decision, text_);
    const auto& headers = encoder_->Headers(decision);
    Status sent = outbox.Append({.topic = OutTopic::kDecisions, .partition = partition_, .key = decision.customer_id, .value = text_,
                                 .headers = headers});
    if (!sent) return sent;
    if (i + kRecentPerTransaction >= output_.decision_count) counts.recent.push_back(text_);
  }
  counts.decisions += output_.decision_count;
  journal_.decisions += output_.decision_count;
  output_.decision_count = 0;
  for (std::size_t i = 0; i < output_.cap_count; ++i) {
    CapChange& change = output_.caps[i];
    change.customer_id = output_.cap_customers[i];
    key_.clear();
    text_.clear();
    encoder_->EncodeCap(change, key_, text_);
    Status sent = outbox.Append({.topic = OutTopic::kCaps, .partition = partition_ % environment_.caps_partitions,
                                 .null_value = text_.empty(), .key = key_, .value = text_});
    if (!sent) return sent;
  }
  counts.caps += output_.cap_count;
  output_.cap_count = 0;
  return output_.erased.empty() ? Status{} : EmitReceipts(outbox, counts);
}

/// Channels of earlier plans: their caps may still be published, and a row opened under today's plan knows nothing of them.
const std::vector<std::string>& OwnedPartition::RetiredChannels() {
  if (retired_channels_) return *retired_channels_;
  std::set<std::string> retired;
  for (std::uint32_t epoch = 1; epoch < made_.plan->epoch && environment_.plan_of; ++epoch) {
    const auto plan = environment_.plan_of(epoch);
    if (!plan) {
      Log(LogLevel::kWarn, fmt::format("partition {}: {}; caps of channels it alone had stay after an erasure", partition_, plan.error().detail));
      break;
    }
    for (const ChannelSpec& channel : (*plan)->channels) retired.insert(channel.id);
  }
  for (const ChannelSpec& channel : made_.plan->channels) retired.erase(channel.id);
  return retired_channels_.emplace(retired.begin(), retired.end());
}

/// Of each erasure a receipt that names nobody, in the transaction that removes the row.
Status OwnedPartition::EmitReceipts(Outbox& outbox, ShardCounts& counts) {
  constexpr std::size_t kOwnRequestBytes = 38;   // "erase-" and 32 digits, as the interface gives them
  for (const ErasedCustomer& erased : output_.erased) {
    for (const std::string& channel : RetiredChannels()) {
      key_ = fmt::format("customer|{}|{}", erased.customer_id, channel);
      Status sent = outbox.Append({.topic = OutTopic::kCaps, .partition = partition_ % environment_.caps_partitions, .null_value = true, .key = key_});
      if (!sent) return sent;
    }
    const bool tells = erased.request_id.size() != kOwnRequestBytes && erased.request_id.find(erased.customer_id) != std::string::npos;
    key_ = environment_.hashing.Of(erased.customer_id);
    text_.clear();
    EncodeReceipt(erased, key_, tells ? environment_.hashing.Of(erased.request_id) : erased.request_id,
                  environment_.config->events[erased.cause.input].topic, journal_.seq, text_);
    Status sent = outbox.Append({.topic = OutTopic::kErasures, .partition = partition_ % environment_.erasure_partitions, .key = key_, .value = text_});
    if (!sent) return sent;
  }
  counts.erasures += output_.erased.size();
  output_.erased.clear();
  return {};
}

Status OwnedPartition::AppendModelRows(std::int32_t partition, IdHash model, std::span<const std::uint32_t> rows, Outbox& outbox) {
  text_.clear();
  EncodeObservations(*made_.plan, output_.observations, rows, text_);
  if (text_.size() > kRecordBytesMax && rows.size() > 1) {
    const std::size_t half = rows.size() / 2;
    if (Status first = AppendModelRows(partition, model, rows.first(half), outbox); !first) return first;
    return AppendModelRows(partition, model, rows.subspan(half), outbox);
  }
  const std::string key = fmt::format("{:016x}", model);
  return outbox.Append({.topic = OutTopic::kObservations, .partition = partition, .key = key, .value = text_});
}

/// One record a model (more when it would be large), in emission order within each.
Status OwnedPartition::AppendObservations(Outbox& outbox, ShardCounts& counts) {
  const auto& rows = output_.observations.rows;
  const std::span<const std::uint32_t> order = order_.Of(rows);
  for (std::size_t begin = 0; begin < order.size();) {
    const IdHash model = rows[order[begin]].model;
    std::size_t end = begin;
    while (end < order.size() && end - begin < kObservationsPerRecord && rows[order[end]].model == model) ++end;
    const auto partition = static_cast<std::int32_t>(model % static_cast<std::uint64_t>(environment_.observation_partitions));
    if (Status sent = AppendModelRows(partition, model, order.subspan(begin, end - begin), outbox); !sent) return sent;
    begin = end;
  }
  counts.observations += rows.size();
  return {};
}

/// The first transaction of a plan epoch keeps the plan's text in the changelog and tells it to the owners of the models:
/// they learn settings from the log alone. Every partition tells, so that no observation comes before its plan.
Status OwnedPartition::Announce(Outbox& outbox) {
  const CampaignPlan& plan = *made_.plan;
  if (announced_ || (made_.position.seq > 0 && made_.position.plan_epoch == plan.epoch)) return {};
  announced_ = true;
  const std::string key = PlanKey(plan.epoch);
  if (Status sent = outbox.Append({.topic = OutTopic::kProfiles, .partition = partition_, .key = key, .value = plan.text}); !sent) {
    return sent;
  }
  std::string control;
  EncodeControl(plan.epoch, plan.text, control);
  for (std::int32_t p = 0; p < environment_.observation_partitions; ++p) {
    if (Status sent = outbox.Append({.topic = OutTopic::kObservations, .partition = p, .key = key, .value = control}); !sent) return sent;
  }
  return {};
}

Status OwnedPartition::AppendShare(const ShareRequest& share, Outbox& outbox, ShardCounts& counts) {
  if (PassFailpoint(Step::kShare)) return Fail(Code::kKafkaAborted, "failpoint share");
  const PartitionAccount& account = made_.fold->account();
  FoldPosition position = made_.position;   // journal_offset: a lower bound of this transaction's record, hence of the next
  position.seq = journal_.seq;
  position.offsets = offsets_;
  position.max_event_time = account.max_event_time;
  position.watermark = account.watermark;
  position.frontier = account.frontier;
  position.plan_epoch = made_.plan->epoch;
  ShareRequest request = share;
  request.txn_events = events_;
  meta_ = made_.meta;
  made_.state->TakeShare(request, position, batch_, meta_);
  meta_.account = account;
  meta_.restoring = false;
  for (const StateRow& row : batch_.rows) {
    const std::string key = ProfileKey(batch_.Id(row));
    const std::string as_of = std::to_string(row.as_of);
    const std::array<std::pair<std::string_view, std::string_view>, 1> header = {{{"as_of", as_of}}};
    const bool gone = row.value_size == 0;
    OutRecord record{.topic = OutTopic::kProfiles, .partition = partition_, .null_value = gone, .key = key, .value = batch_.Value(row)};
    if (gone) record.headers = header;
    if (Status sent = outbox.Append(record); !sent) return sent;
  }
  counts.profile_rows += batch_.rows.size();
  text_.clear();
  EncodeMeta(meta_, text_);
  return outbox.Append({.topic = OutTopic::kProfiles, .partition = partition_, .key = kMetaKey, .value = text_, .tag = MetaTag(partition_)});
}

Status OwnedPartition::AppendJournal(Outbox& outbox) {
  const PartitionAccount& account = made_.fold->account();
  journal_.max_event_time = account.max_event_time;
  journal_.watermark = account.watermark;
  journal_.frontier = account.frontier;
  journal_.records_digest = digest_.digest.value();
  journal_.decisions_digest = output_.decided.value();
  journal_.facts.assign(std::make_move_iterator(output_.facts.begin()),
                        std::make_move_iterator(output_.facts.begin() + static_cast<std::ptrdiff_t>(output_.fact_count)));
  output_.fact_count = 0;
  journal_.turns.assign(std::make_move_iterator(output_.turns.begin()),
                        std::make_move_iterator(output_.turns.begin() + static_cast<std::ptrdiff_t>(output_.turn_count)));
  output_.turn_count = 0;
  const std::string key = std::to_string(journal_.seq);
  for (const std::string& piece : EncodeJournal(*made_.plan, journal_)) {
    Status sent = outbox.Append({.topic = OutTopic::kJournal, .partition = partition_, .key = key, .value = piece,
                                 .tag = JournalTag(partition_)});
    if (!sent) return sent;
  }
  return {};
}

Status OwnedPartition::Finish(const ShareRequest& share, Outbox& outbox, ShardCounts& counts) {
  assert(open_);
  backlog_ = !made_.fold->Sweep(output_);
  if (Status emitted = EmitFolded(outbox, counts); !emitted) return emitted;
  if (Status told = Announce(outbox); !told) return told;
  if (Status observed = AppendObservations(outbox, counts); !observed) return observed;
  if (Status shared = AppendShare(share, outbox, counts); !shared) return shared;
  return AppendJournal(outbox);
}

void OwnedPartition::AppendPositions(std::vector<InputPosition>& positions) const {
  const std::vector<std::int64_t>& offsets = open_ ? offsets_ : made_.position.offsets;
  if (expected_seq() == 0) return;   // nothing of this partition has ever been committed
  const std::string text = WritePositionText(expected_seq(), made_.meta.log_id);
  for (std::size_t i = 0; i < offsets.size(); ++i) {
    positions.push_back({static_cast<std::uint16_t>(i), partition_, offsets[i], text});
  }
}

Status OwnedPartition::Store(std::span<const Delivery> delivered) {
  assert(open_);
  for (const Delivery& delivery : delivered) {
    const bool changelog = delivery.tag == MetaTag(partition_), journal = delivery.tag == JournalTag(partition_);
    const std::int64_t before = changelog ? made_.meta.changelog_offset : journal ? made_.meta.committed.journal_offset : 0;
    if (delivery.offset < before) {
      return Fail(Code::kLogAndStateDisagree,
                  fmt::format("{} wrote transaction {} at offset {} but an earlier one lies at {}: it was cut or made anew",
                              changelog ? environment_.config->ProfilesTopic() : environment_.config->JournalTopic(), meta_.committed.seq,
                              delivery.offset, before));
    }
    if (changelog) meta_.changelog_offset = delivery.offset + 1;
    // Of several pieces the first says where the record begins; the next one's begins after it in any case.
    if (journal) meta_.committed.journal_offset = std::max(meta_.committed.journal_offset, delivery.offset);
  }
  meta_.applied_at_ms = environment_.clock->WallMs();
  if (Status written = environment_.store->Write(partition_, batch_, meta_); !written) return written;
  made_.state->ShareWritten(batch_, meta_);
  made_.state->EndTransaction();
  made_.meta = meta_;
  made_.position = meta_.committed;
  open_ = false;
  return {};
}

}  // namespace offerstream
