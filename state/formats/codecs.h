// Internal byte formats, each framed with format, version, length and checksum. Grammars in FORMAT.md.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "models/domain/campaign_plan.h"
#include "models/domain/customer_profile.h"
#include "models/domain/observation.h"
#include "models/domain/status.h"
#include "state/marks.h"

namespace offerstream {

/// A customer's row: profile with open exposures, ids as hashes; `as_of` stands outside the compared body. Appends.
void EncodeProfile(const CampaignPlan& plan, const CustomerProfile& profile, TxnSeq as_of, std::string& out);
/// Fills an empty profile. What the plan no longer knows (channels, offers, attributes) is left out. kCorrupt,
/// kFormatTooNew.
Status DecodeProfile(const CampaignPlan& plan, std::string_view bytes, CustomerProfile& profile);
/// The row's bytes without as_of: equal for equal customers.
std::string_view ProfileBody(std::string_view bytes);
/// The row of an erased customer in the store: nothing but the transaction that erased it. Appends.
void EncodeTombstone(TxnSeq as_of, std::string& out);
/// Reads as_of and the earliest timer without decoding the rest; also tells a tombstone from a profile. kCorrupt,
/// kFormatTooNew.
struct RowPeek {
  TxnSeq as_of = 0;
  EventTime next_due = INT64_MAX;
  bool gone = false;            ///< the customer was erased in transaction as_of
};
Result<RowPeek> PeekProfile(std::string_view bytes);

/// All observations of one model in one transaction: one record (features as non-zeros). `model` selects the rows.
void EncodeObservations(const CampaignPlan& plan, const ObservationBatch& batch, std::span<const std::uint32_t> rows,
                        std::string& out);
/// Appends the rows to `batch`. Ids the plan does not know become kNone.
Status DecodeObservations(const CampaignPlan& plan, std::string_view bytes, ObservationBatch& batch);
/// A control record: the plan text of an epoch, sent to every observations partition.
void EncodeControl(std::uint32_t epoch, std::string_view plan_text, std::string& out);
struct ControlRecord {
  std::uint32_t epoch = 0;
  std::string_view text{};
};
Result<ControlRecord> DecodeControl(std::string_view bytes);
enum class ObservationRecordType { kObservations, kControl, kDamaged };
ObservationRecordType PeekObservationRecord(std::string_view bytes);

/// A model snapshot as it lies on the models topic and in the store.
void EncodeModel(std::string_view id, std::uint64_t version, std::string_view body, std::string& out);
struct StoredModel {
  std::string_view id{};
  std::uint64_t version = 0;
  std::string_view body{};
};
Result<StoredModel> DecodeModel(std::string_view bytes);

/// A partition's meta record (FORMAT.md, "Meta"). Decoding fails with kCorrupt or kFormatTooNew.
void EncodeMeta(const PartitionMeta& meta, std::string& out);
Result<PartitionMeta> DecodeMeta(std::string_view bytes);

}  // namespace offerstream
