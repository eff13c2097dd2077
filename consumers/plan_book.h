// The plan epochs of an application as far as an instance knows them, and how a new one gets its number.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "consumers/seams/publisher.h"
#include "consumers/shard_environment.h"

namespace offerstream {

/// An epoch has one text, whoever activates it: a number is claimed in the log of profile partition 0, and the first claim of a
/// number has it. Who comes second takes the next. PlanOf may be called from any thread, the rest from one.
class PlanBook {
 public:
  /// `environment` (configuration, store, logs, partitions) and `publisher` (to the profiles topic) outlive the book.
  PlanBook(const ShardEnvironment& environment, Publisher& publisher);

  /// The plan to start with. A file that was not changed since this instance activated it activates nothing: what others have put
  /// in force since then holds. A changed one gets the number of the newest epoch when it has that text, else the next.
  Result<std::shared_ptr<const CampaignPlan>> Begin(const CampaignPlan& own);
  /// The epoch of the file's plan, now to be activated: claimed unless the newest epoch has that text already.
  Result<std::shared_ptr<const CampaignPlan>> Number(const CampaignPlan& own);
  /// The plan of an epoch; reads what other instances have published when it is not known.
  Result<std::shared_ptr<const CampaignPlan>> PlanOf(std::uint32_t epoch);
  /// Another instance's plan, met in the logs.
  Status Keep(const CampaignPlan& plan);
  /// The file's plan is in force, or superseded, from now on: kept for Begin.
  Status KeepOwn(const CampaignPlan& own);

 private:
  Status Learn(std::uint32_t epoch, std::string_view text);
  Status ReadClaims();
  Status ReadPublished();

  const ShardEnvironment& environment_;
  Publisher& publisher_;
  std::int64_t claims_next_ = 0;   // of profile partition 0: read up to here
  std::mutex mutex_;
  std::map<std::uint32_t, std::string> texts_;   // guarded by mutex_
};

}  // namespace offerstream
