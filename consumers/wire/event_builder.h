// From the fields found in a record to normalised events: ids against the plan, times, amounts, attributes.
#pragma once

#include <array>
#include <memory>
#include <string_view>
#include <vector>

#include "consumers/seams/record.h"
#include "consumers/wire/event_decoder.h"
#include "consumers/wire/event_mapping.h"
#include "consumers/wire/path_tree.h"
#include "models/domain/campaign_plan.h"

namespace offerstream {

/// An event kind as a mapping names it, as a number; "delivery_failed" is kFailedDelivery, an unknown name is ignore.
std::uint8_t KindCode(std::string_view name);
inline constexpr std::uint8_t kFailedDelivery = 0xfe;
/// Header of a record without value: the id of the request to erase, told again in the receipt.
inline constexpr std::string_view kRequestHeader = "offerstream-request";

/// Compiled from a mapping and a plan; knows no JSON. Allocation-free after warm-up. One thread.
class EventBuilder {
 public:
  EventBuilder(std::shared_ptr<const CampaignPlan> plan, std::shared_ptr<const EventMapping> mapping,
               bool reject_key_mismatch);

  /// The paths to fill a FieldTable by, for the decoder.
  const PathTree& paths() const { return paths_; }
  PathTree& paths() { return paths_; }
  /// Makes events of a record's fields and appends them to `batch`; `decoded` tells which, or why it is a bad record.
  void Build(const Record& record, const FieldTable& fields, DecodedBatch& batch, Decoded& decoded);
  /// The delete event of a record without value: its key's customer is erased. Its id is that of the header kRequestHeader.
  void BuildDelete(const Record& record, DecodedBatch& batch, Decoded& decoded);

 private:
  // A rule with its paths resolved to slots.
  struct CompiledRule {
    const FieldRule* rule = nullptr;
    std::vector<std::uint16_t> slots{}, sum{};
    std::uint16_t times = PathTree::kNone, original = PathTree::kNone, sent = PathTree::kNone,
                  received = PathTree::kNone;
    TextTable names{};  // enum, by text -> index into `values`
    std::vector<std::string> values{};
    std::vector<std::uint8_t> kinds{};  // of `values`, for the kind rule
    bool plain = false;                 // only `from`: nothing to translate
  };
  struct CompiledList {
    std::uint16_t list = PathTree::kNone, beyond = PathTree::kNone;
  };
  struct CompiledCondition {
    const FieldCondition* condition = nullptr;
    std::uint16_t slot = PathTree::kNone;
  };
  struct CompiledTemplate {
    bool conditional = false;
    CompiledCondition when{};
    std::array<CompiledRule, kFields> fields{};
    std::vector<std::pair<std::uint8_t, CompiledRule>> outcomes{};  // by outcome bit
  };
  struct CompiledAttribute {
    AttributeIndex attribute{};
    AttributeType type = AttributeType::kNumber;
    CompiledRule source{};
  };
  // Why a record is bad; the sentence is static text.
  struct Refusal {
    Code code = Code::kSchema;
    std::string_view sentence{};
  };

  CompiledRule Compile(const FieldRule& rule);
  CompiledCondition Compile(const FieldCondition& condition);
  CompiledTemplate Compile(const EventTemplate& event, const EventTemplate& main);
  void CompileAttributes();

  FieldValue Value(const CompiledRule& rule, const Record& record, const FieldTable& fields,
                   std::string& scratch) const;
  AttributeValue Reckon(const CompiledRule& rule, const FieldValue& value, const FieldTable& fields) const;
  bool CheckLists(const FieldTable& fields);
  bool Holds(const CompiledCondition& condition, const FieldTable& fields) const;
  bool OneEvent(const CompiledTemplate& event, const Record& record, const FieldTable& fields, std::size_t emit,
                DecodedBatch& batch, Decoded& decoded);
  bool Identify(const CompiledTemplate& event, const Record& record, const FieldTable& fields, std::size_t emit,
                DecodedBatch& batch, Event& out, Decoded& decoded);
  bool Time(const CompiledRule& rule, const Record& record, const FieldTable& fields, EventTime& out, Decoded& decoded);
  bool ParseTime(const FieldRule& rule, const FieldValue& value, EventTime& out) const;
  bool References(const CompiledTemplate& event, const Record& record, const FieldTable& fields, const DecodedBatch& batch,
                  Event& out);
  bool Amounts(const CompiledTemplate& event, const Record& record, const FieldTable& fields, Event& out);
  bool Attributes(const Record& record, const FieldTable& fields, DecodedBatch& batch, Event& out);
  bool Refuse(Code code, std::string_view sentence) {
    refusal_ = {code, sentence};
    return false;
  }

  std::shared_ptr<const CampaignPlan> plan_;
  std::shared_ptr<const EventMapping> mapping_;
  bool reject_key_mismatch_;
  PathTree paths_{};
  CompiledTemplate main_{};
  std::vector<CompiledTemplate> emits_{};
  std::vector<CompiledList> lists_{};
  std::vector<CompiledCondition> skip_{};
  std::vector<CompiledAttribute> attributes_{};
  TextTable offers_{}, channels_{}, products_{}, campaigns_{}, placements_{};
  TextTable missing_{};
  std::string scratch_[3]{};
  Refusal refusal_{};
};

/// Decimal money in major units as minor units, half away from zero; false when it is no number or too large.
bool ParseMoney(std::string_view text, Money& out);

}  // namespace offerstream
