#include "consumers/commands/init.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <set>

#include "consumers/config/config.h"
#include "consumers/config/yaml_document.h"
#include "consumers/wire/mapping_check.h"
#include "consumers/wire/table_profile.h"

namespace offerstream {

namespace {

namespace fs = std::filesystem;
// More levels than this is a name or a number of its own, not a category.
constexpr std::size_t kDraftLevelsMax = 20;
constexpr std::size_t kDraftFeaturesMax = 64;

std::string Short(double value) { return fmt::format("{:.4g}", value); }

// Alone it ranks the answers so well that somebody should ask whether it was known beforehand; so well that it was not.
constexpr double kSuspicious = 0.75, kTellsAll = 0.95;

std::string LowerCase(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

// A name under which tables keep what is known only afterwards.
bool Afterwards(const std::string& name) {
  const std::string lower = LowerCase(name);
  for (const char* word : {"duration", "length_of_call", "closed", "completed", "cancelled", "refund", "ended", "outcome_time"}) {
    if (lower.find(word) != std::string::npos) return true;
  }
  return false;
}

// A name under which tables number their rows.
bool Identity(std::string name) {
  name = LowerCase(std::move(name));
  return name == "id" || name == "index" || name == "rownumber" || name.ends_with("_id") || name.ends_with(" id") ||
         name.ends_with("invoiceno");
}

class Draft {
 public:
  Draft(const TableProfile& table, std::string source) : table_(table), source_(std::move(source)) {
    for (std::size_t i = 0; i < table_.columns.size(); ++i) Consider(i);
  }

  std::string Config() const {
    std::string text = fmt::format(
        "# Drafted from {} ({} rows looked at). Read it, correct it, then: offerstream check -c offerstream.yaml\n"
        "version: 1\n"
        "app: {{ id: draft }}\n"
        "events: [ {{ topic: events, mapping: mapping.yaml }} ]\n"
        "channels:\n"
        "  default: {{ cap: {{ window: 7d, start: 20, max: 20, learn: false }} }}\n"
        "offers:                                  # what was offered in this table; name it and its value\n"
        "  - {{ id: offer, channels: [default], value: 1 }}\n"
        "decide: {{ on: [{}] }}\n"
        "experiment: {{ holdout: 0, random: 0 }}\n"
        "consent: {{ channels_from: none }}\n"
        "features:\n",
        source_, table_.rows, Kind() == "transaction" ? "transaction" : "");
    text += attributes_.empty() ? "  attributes: []\n" : "  attributes:\n" + attributes_;
    text += left_out_;
    text += "  profile: []\n  time: false\n  segment: false\n  channel: false\n  ordinal: false\n";
    text += fmt::format("  max: {}\nsegments: {{ features: [] }}\n", kDraftFeaturesMax);
    return text;
  }

  std::string Mapping() const {
    std::string text = fmt::format(
        "# Drafted from {}. What each row means is a guess: correct it, then: offerstream mapping test -c "
        "offerstream.yaml\n"
        "version: 1\nformat: {}\n",
        source_, table_.csv ? "csv" : "json");
    if (table_.csv && table_.delimiter != ',')
      text += fmt::format("delimiter: \"{}\"\n", table_.delimiter == '\t' ? "\\t" : std::string(1, table_.delimiter));
    text += "fields:\n  event_id:    { row: \"row-{n}\" }\n";
    text += table_.customer >= 0 ? fmt::format("  customer_id: {{ from: {} }}\n", Pointer(table_.customer))
                                 : "  customer_id: { row: \"customer-{n}\" }   # no column names the customer\n";
    text += "  time:        " + TimeRule();
    text += fmt::format("  kind:        {{ const: {} }}\n", Kind());
    if (Kind() == "impression") text += "  offer_id:    { const: offer }\n  channel:     { const: default }\n";
    if (Kind() == "transaction")
      text += fmt::format("  value:       {{ from: {}, negative: true }}\n", Pointer(table_.amount));
    if (table_.answer >= 0) {
      text += fmt::format(
          "  outcomes:                                  # guessed; other columns with two values: {}\n"
          "    conversion: {{ from: {}, is: {} }}\n",
          others_.empty() ? "none" : others_, Pointer(table_.answer), YamlScalar(table_.answer_yes));
    }
    if (!fields_.empty()) text += "attributes:\n  numbers: auto\n  fields:\n" + fields_;
    const bool yes = table_.answer >= 0 && Column(table_.answer).first == table_.answer_yes;
    text += fmt::format("tests:\n  - name: the first row\n    input: {}\n    expect: {{ kind: {}{} }}\n",
                        table_.first_row, Kind(),
                        table_.answer >= 0 && !Column(table_.answer).first.empty()
                            ? fmt::format(", outcomes: {{ conversion: \"{}\" }}", yes)
                            : "");
    return text;
  }

  std::string Kind() const {
    return table_.answer >= 0 ? "impression" : table_.amount >= 0 ? "transaction" : "profile";
  }
  std::size_t features() const { return used_; }
  /// What to look at before believing the draft, a sentence each.
  const std::vector<std::string>& warnings() const { return warnings_; }

 private:
  const TableColumn& Column(int index) const { return table_.columns[static_cast<std::size_t>(index)]; }
  std::string Pointer(int index) const { return YamlScalar(Column(index).pointer); }

  std::string TimeRule() const {
    if (table_.time < 0)
      return "{ start: 2026-01-01T00:00:00Z, step: 60s }   # no column is a time: rows in order, a minute apart\n";
    const std::string from = Pointer(table_.time);
    if (table_.time_format.empty()) return fmt::format("{{ from: {} }}\n", from);
    if (table_.time_format.starts_with("epoch"))
      return fmt::format("{{ from: {}, as: [{}] }}\n", from, table_.time_format);
    return fmt::format("{{ from: {}, format: {} }}\n", from, YamlScalar(table_.time_format));
  }

  void LeaveOut(const TableColumn& column, std::string_view why) {
    left_out_ += fmt::format("    # left out: {} ({})\n", YamlScalar(column.name), why);
  }

  void Consider(std::size_t i) {
    const int index = static_cast<int>(i);
    const TableColumn& column = table_.columns[i];
    if (index == table_.customer || index == table_.time || index == table_.answer) return;
    if (!column.many && column.levels.size() == 2) others_ += (others_.empty() ? "" : ", ") + column.name;
    if (column.name.empty() || column.name.size() > 128) return LeaveOut(column, "no usable name");
    if (!names_.insert(column.name).second) return LeaveOut(column, "its name comes twice");
    if (column.levels.size() < 2) return LeaveOut(column, "always the same");
    if (column.many && Identity(column.name)) return LeaveOut(column, "a number that only names the row");
    const bool late = Afterwards(column.name) && column.separation >= kSuspicious;
    if (table_.answer >= 0 && (column.only_with_yes || column.separation >= kTellsAll || late)) {
      const std::string why = column.only_with_yes ? "there only when the answer is yes: known afterwards"
                                                   : fmt::format("alone it ranks the answers with AUC {:.2f}: known only afterwards?", column.separation);
      warnings_.push_back(fmt::format("{}: {}; left out", column.name, why));
      return LeaveOut(column, why);
    }
    std::string line = fmt::format("    - {{ name: {}", YamlScalar(column.name));
    std::size_t cost = 1;
    if (column.Truth()) {
      line += ", type: bool";
    } else if (column.Number()) {
      const bool gaps = column.present < table_.rows || column.numbers < column.present;
      cost = gaps ? 2 : 1;
      line += fmt::format(", center: {}, scale: {}{}", Short(column.Mean()), Short(column.Deviation()),
                          gaps ? "" : ", missing: false");
    } else if (!column.many && column.levels.size() <= kDraftLevelsMax) {
      cost = column.levels.size();
      std::string levels;
      for (const auto& [text, count] : column.levels) levels += (levels.empty() ? "" : ", ") + YamlScalar(text);
      line += fmt::format(", type: category, levels: [{}]", levels);
    } else {
      return LeaveOut(column, fmt::format("more than {} different texts", kDraftLevelsMax));
    }
    if (used_ + cost > kDraftFeaturesMax)
      return LeaveOut(column, fmt::format("would make more than {} features", kDraftFeaturesMax));
    used_ += cost;
    const bool suspicious = table_.answer >= 0 && column.separation >= kSuspicious;
    if (suspicious) {
      warnings_.push_back(fmt::format("{}: alone it ranks the answers with AUC {:.2f}; take it out unless it was known before the answer", column.name, column.separation));
    }
    attributes_ += line + (suspicious ? fmt::format(" }}   # AUC {:.2f} alone: known before the answer?\n", column.separation) : " }\n");
    fields_ += fmt::format("    {}: {{ from: {} }}\n", YamlScalar(column.name), Pointer(index));
  }

  const TableProfile& table_;
  std::string source_;
  std::string attributes_{}, fields_{}, left_out_{}, others_{};
  std::vector<std::string> warnings_{};
  std::set<std::string> names_{};
  std::size_t used_ = 1;
};

bool WriteFile(const fs::path& path, const std::string& text) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out << text;
  out.close();
  if (!out) fmt::print(stderr, "{}: cannot be written\n", path.string());
  return static_cast<bool>(out);
}

// A draft that its own checks refuse is our fault, and is told as such.
int Prove(const fs::path& config_path) {
  const LoadedConfig loaded = LoadConfig(config_path.string());
  std::vector<ConfigError> errors = loaded.errors;
  if (loaded.config != nullptr) {
    const LoadedMapping mapping = LoadMapping(loaded.config->events[0].mapping);
    errors.insert(errors.end(), mapping.errors.begin(), mapping.errors.end());
    if (mapping.mapping != nullptr) {
      const MappingVerdict verdict = TestMapping(mapping.mapping, loaded.config->plan);
      errors.insert(errors.end(), verdict.failures.begin(), verdict.failures.end());
    }
  }
  for (const ConfigError& error : errors) fmt::print(stderr, "{}\n", error.Text());
  if (!errors.empty()) fmt::print(stderr, "the draft does not pass its own check; correct it by hand\n");
  return errors.empty() ? 0 : ExitCode(Code::kIo);
}

}  // namespace

int RunInit(const InitOptions& options) {
  const fs::path folder(options.out), config_path = folder / "offerstream.yaml", mapping_path = folder / "mapping.yaml";
  std::error_code error;
  for (const fs::path& path : {config_path, mapping_path}) {
    if (!options.force && fs::exists(path, error)) {
      fmt::print(stderr, "{} is there already; --force overwrites it, --out DIR writes elsewhere\n", path.string());
      return ExitCode(Code::kUsage);
    }
  }
  const auto table = ProfileTable(options.from);
  if (!table) {
    fmt::print(stderr, "{} {}\n", Sentence(table.error().code), table.error().detail);
    return ExitCode(Code::kIo);
  }
  fs::create_directories(folder, error);
  const Draft draft(*table, fs::path(options.from).filename().string());
  if (!WriteFile(config_path, draft.Config()) || !WriteFile(mapping_path, draft.Mapping())) return ExitCode(Code::kIo);
  const auto name = [&](int index) {
    return index < 0 ? std::string("none") : table->columns[static_cast<std::size_t>(index)].name;
  };
  fmt::print("{}\n{}\nrows looked at: {}; customer: {}; time: {}; answer: {}; each row is: {}; features: {}\n",
             config_path.string(), mapping_path.string(), table->rows, name(table->customer), name(table->time),
             name(table->answer), draft.Kind(), draft.features());
  std::vector<std::string> warnings = draft.warnings();
  if (table->answer < 0) {
    warnings.push_back(fmt::format("no column looks like an answer: rows are read as {} and nothing is learned of who responds; name one under outcomes", draft.Kind()));
  }
  if (table->out_of_order > 0) {
    warnings.push_back(fmt::format("{}: {} of {} rows are earlier than one before them; sort the file by it, or raise time.lateness", name(table->time), table->out_of_order, table->rows));
  }
  for (const std::string& warning : warnings) fmt::print("look at: {}\n", warning);
  return Prove(config_path);
}

}  // namespace offerstream
