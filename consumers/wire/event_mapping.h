// A mapping file, read and checked: where each field of an event comes from.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "consumers/config/config.h"
#include "consumers/config/yaml_document.h"
#include "consumers/wire/event_format.h"
#include "models/domain/event.h"

namespace offerstream {

/// Where in a record: a JSON Pointer (RFC 6901) into the event, or a CloudEvents attribute ("ce_id").
struct FieldPath {
  bool envelope = false;  ///< CloudEvents attribute `keys[0]`
  std::vector<std::string> keys{};
  friend auto operator<=>(const FieldPath&, const FieldPath&) = default;
};

/// How a time is written.
enum class TimeForm : std::uint8_t { kRfc3339, kEpochMs, kEpochS };

/// How one field is filled. Sources are tried in this order: constant, row, from.
struct FieldRule {
  bool given = false;
  std::vector<FieldPath> from{};  ///< the first one present (and not null) wins
  std::optional<std::string> constant{};
  std::optional<std::string> row{};            ///< template; {n} is the record's offset (files: the row, from 0)
  std::map<std::string, std::string> names{};  ///< enum: text -> text, before anything else looks at it
  std::optional<std::string> standard{};       ///< default: when absent or not in `names`
  std::optional<std::string> is{};             ///< truth values: whether the text equals this
  std::optional<std::string> contains{};       ///< attributes, truth values: whether the text contains this
  std::vector<FieldPath> sum{};                ///< attributes: numbers added up; unknown when one of them is none
  double factor = 1, plus = 0;                 ///< attributes: number * factor + plus
  bool logarithm = false;                      ///< attributes: ln(1 + that); unknown below 0
  /// The number is reckoned, not read.
  bool Reckoned() const { return !sum.empty() || factor != 1 || plus != 0 || logarithm; }
  bool negative = false;                       ///< amounts: below zero is allowed
  std::optional<FieldPath> times{};            ///< amounts: multiplied by this field
  std::vector<TimeForm> forms{};               ///< times
  std::string format{};                        ///< times: a form of their own (strftime)
  std::optional<EventTime> start{};            ///< times: start + step * (field or row)
  Duration step = 0;
  std::optional<FieldPath> original{}, sent{}, received{};  ///< times: Segment's clock-skew rule
};

/// When a part of a mapping applies: one test of one field.
struct FieldCondition {
  enum class Test : std::uint8_t { kIs, kIn, kPresent, kAbsent, kStartsWith, kContains };
  FieldPath path{};
  Test test = Test::kIs;
  bool negated = false;
  std::vector<std::string> values{};
};

/// One event made from a record.
struct EventTemplate {
  std::optional<FieldCondition> when{};
  std::array<FieldRule, kFields> fields{};      ///< by Field
  std::map<std::string, FieldRule> outcomes{};  ///< by outcome id
};

/// Which attributes are read and from where; only those the plan declares are kept.
struct AttributeRules {
  std::vector<FieldPath> bases{};  ///< objects that hold them, the first with the name wins; root by default
  bool all = false;                ///< include: ["*"]
  std::vector<std::string> include{}, exclude{};  ///< names
  std::vector<std::string> missing{};             ///< texts that mean "not known"
  bool numbers_auto = false;                  ///< numbers: auto; a text that is no number is not known, not a mistake
  std::map<std::string, FieldRule> fields{};  ///< attributes with a source of their own
};

/// Form of CSV files.
struct CsvForm {
  char delimiter = ',', quote = '"';
  bool header = true;
  std::vector<std::string> columns{};  ///< names when there is no header
  std::vector<std::string> lists{};    ///< columns that hold lists as programs print them: [[-55, 'Deposit', 20.5]]
};

/// A list of which every item becomes an event; one that is no list or has more items than the mapping allows is refused.
struct ListRule {
  FieldPath list{}, beyond{};  ///< beyond: the item that must not be there
};

/// One test of a mapping file: a record and what it becomes.
struct MappingTest {
  std::string name{};
  Place place{};
  std::string input{};  ///< JSON
  std::string error{};  ///< the reason a bad record gets; empty: good
  struct Expected {
    Place place{};
    std::map<std::string, std::string> fields{};
  };
  std::vector<Expected> events{};
};

/// A whole mapping; immutable once loaded, shared by decoders.
class EventMapping {
 public:
  std::string name{};  ///< preset or path, for messages
  bool csv = false, cloudevents = false;
  CsvForm csv_form{};
  EventTemplate main{};
  std::vector<EventTemplate> emits{};  ///< fields not given are the main event's
  std::vector<ListRule> lists{};       ///< taken apart by emits
  std::vector<FieldCondition> skip{};  ///< a record for which one holds becomes no event
  AttributeRules attributes{};
  std::vector<MappingTest> tests{};
  /// Seed: rows of a file have no order, so a replay deals them anew. Kept in memory meanwhile.
  std::optional<std::uint64_t> shuffle{};
};

/// A mapping, or every mistake of its file.
struct LoadedMapping {
  std::shared_ptr<const EventMapping> mapping{};  ///< null when there are errors
  std::vector<ConfigError> errors{};
};
/// `name`: a preset or a path (Config resolves it). Never throws.
LoadedMapping LoadMapping(const std::string& name);
/// The same from text.
LoadedMapping ParseMapping(const std::string& text, const std::string& name);

/// "/a/b~1c" -> {a, b/c}; "ce_id" -> envelope id. False when it is neither.
bool ParseFieldPath(const std::string& text, FieldPath& out);

/// A YAML value as JSON: plain numbers, true, false and null as such, everything else as text.
std::string YamlAsJson(const YamlNode& node);

/// Appends a text as a JSON string with its quotes.
void AppendJsonText(std::string_view text, std::string& out);

}  // namespace offerstream
