// Re-derives a live run from its logs alone: models from the observations at the versions the journal adopted, decisions
// from the events with those models; every journal record and every published decision must come out byte for byte.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "consumers/shard_environment.h"
#include "models/learning_fold.h"
#include "state/formats/journal.h"

namespace offerstream {

/// What a check has seen, and the first thing that differs (empty: nothing does).
struct JournalVerdict {
  std::uint64_t transactions = 0, records = 0, decisions = 0, snapshots = 0;
  std::string difference{};
};

/// One thread. Needs the journal from its first transaction, and everything it refers to still retained. Journals are read
/// twice, one transaction in memory at a time; the adopted snapshots are kept.
class JournalCheck {
 public:
  /// `environment`: configuration, mappings, logs, clock, shape; plan, store and models are the check's own.
  explicit JournalCheck(ShardEnvironment environment);

  /// Reads plans and journals and re-derives the adopted snapshots.
  Status Prepare();
  /// Re-folds every partition.
  Result<JournalVerdict> Run();
  /// Re-folds one partition and hands over every decision made (as JSON with full detail), until `each` says false.
  Status Decisions(std::int32_t partition, const std::function<bool(std::string_view json)>& each);

 private:
  struct Journal {
    JournalRecord record{};
    std::vector<std::string> pieces{};   // as written
  };
  /// Where a partition begins; no log id: it has no transaction.
  struct Beginning {
    LogId log_id{};
    std::vector<std::int64_t> offsets{};   // by input
  };
  /// Hands over one partition's transactions in order, until `each` fails.
  Status EachJournal(std::int32_t partition, const std::function<Status(const Journal&)>& each);
  Status ReadPlans();
  Status ReadJournal(std::int32_t partition);
  Status DeriveSnapshots(std::int32_t partition);
  void Capture(const LearningFold& fold, std::uint64_t version);
  struct Refold;
  Status OpenPlan(Refold& refold, std::uint32_t epoch);
  Status CheckTransaction(Refold& refold, const Journal& journal);
  Status ComparePublished(Refold& refold, const Journal& journal);
  Status CheckPartition(std::int32_t partition, JournalVerdict& verdict, const std::function<bool(std::string_view)>& each);
  using Adopted = std::vector<std::pair<IdHash, std::uint64_t>>;
  Result<std::shared_ptr<const AdoptedModels>> Models(const Adopted& adopted, TxnSeq seq, AdoptedModels& models) const;

  ShardEnvironment environment_;
  bool full_ = false;                                    // decisions with full detail instead of the journal's bytes
  std::map<std::uint32_t, std::string> plan_texts_;
  std::vector<Beginning> beginnings_;                    // by events partition
  std::map<std::uint64_t, std::set<IdHash>> wanted_;     // version -> models adopted at it
  std::map<std::pair<IdHash, std::uint64_t>, std::pair<std::string, std::string>> snapshots_;   // (model, version) -> id, bytes
};

}  // namespace offerstream
