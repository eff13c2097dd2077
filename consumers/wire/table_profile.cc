#include "consumers/wire/table_profile.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>

#include "consumers/config/quantity_text.h"
#include "consumers/wire/csv_reader.h"
#include "consumers/wire/table_leaks.h"
#include "models/domain/event_time.h"

namespace offerstream {

namespace {

constexpr std::size_t kColumnsMax = 256;

std::string EscapedKey(std::string_view key) {
  std::string out;
  for (const char c : key) {
    if (c == '~')
      out += "~0";
    else if (c == '/')
      out += "~1";
    else
      out += c;
  }
  return out;
}

std::string Lower(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (std::isalnum(static_cast<unsigned char>(c)) != 0)
      out += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return out;
}

bool TruthText(const std::string& text) {
  static constexpr std::string_view kTexts[] = {"true", "false", "True", "False", "yes", "no", "1", "0"};
  return std::find(std::begin(kTexts), std::end(kTexts), text) != std::end(kTexts);
}

// The delimiter that the first line holds most of.
char GuessDelimiter(const std::string& line) {
  char best = ',';
  std::ptrdiff_t most = 0;
  for (const char c : {',', ';', '\t', '|'}) {
    const auto n = std::count(line.begin(), line.end(), c);
    if (n > most) {
      most = n;
      best = c;
    }
  }
  return best;
}

class Profiler {
 public:
  explicit Profiler(TableProfile& table) : table_(table) {}

  void Value(const std::string& pointer, const std::string& name, const std::string& text) {
    const auto [at, fresh] = by_pointer_.try_emplace(pointer, table_.columns.size());
    if (fresh) {
      if (table_.columns.size() == kColumnsMax) {
        by_pointer_.erase(at);
        return;
      }
      table_.columns.emplace_back();
      table_.columns.back().pointer = pointer;
      table_.columns.back().name = name;
    }
    TableColumn& column = table_.columns[at->second];
    if (text.empty()) return;
    if (column.present++ == 0) column.first = text;
    double number = 0;
    if (ParseNumber(text, number)) {
      ++column.numbers;
      column.sum += number;
      column.squares += number * number;
    }
    const auto level = column.levels.find(text);
    if (level != column.levels.end())
      ++level->second;
    else if (column.levels.size() < TableColumn::kLevelsMax)
      column.levels.emplace(text, 1);
    else
      column.many = true;
  }

  void Object(const YamlNode& node, const std::string& pointer) {
    for (std::size_t i = 0; i < node.keys.size(); ++i) {
      const YamlNode& child = node.children[i];
      const std::string& name = node.keys[i].text;
      const std::string below = pointer + "/" + EscapedKey(name);
      if (child.Is(YamlNode::Kind::kMap))
        Object(child, below);
      else if (!child.Is(YamlNode::Kind::kList))
        Value(below, name, child.text);
    }
  }

 private:
  TableProfile& table_;
  std::map<std::string, std::size_t> by_pointer_{};
};

Status ReadCsv(const std::string& path, TableProfile& table) {
  auto lines = FileReader::Open(path);
  if (!lines) return tl::unexpected<Error>(lines.error());
  CsvForm form;
  form.delimiter = table.delimiter;
  CsvReader csv(**lines, form);
  std::vector<std::string> names, cells;
  auto there = csv.Columns(names);
  if (!there) return tl::unexpected<Error>(there.error());
  Profiler profiler(table);
  while (table.rows < TableProfile::kRowsMax) {
    there = csv.Row(cells);
    if (!there) return tl::unexpected<Error>(there.error());
    if (!*there) break;
    if (table.rows++ == 0) CsvReader::AppendObject(names, cells, table.first_row);
    for (std::size_t i = 0; i < names.size() && i < cells.size(); ++i)
      profiler.Value("/" + EscapedKey(names[i]), names[i], cells[i]);
  }
  return {};
}

// JSON is YAML's flow style: the configuration's reader serves, slow as it is, for a look.
Status ReadJson(const std::string& path, TableProfile& table) {
  auto file = InputFile::Open(path, EventMapping{});
  if (!file) return tl::unexpected<Error>(file.error());
  Profiler profiler(table);
  for (std::string key, value; table.rows < TableProfile::kRowsMax / 10;) {
    const auto there = (*file)->Next(key, value);
    if (!there) return tl::unexpected<Error>(there.error());
    if (!*there) break;
    Mistakes mistakes;
    const auto node = ParseYamlValue(value, Place{}, mistakes);
    if (!node || !node->Is(YamlNode::Kind::kMap))
      return Fail(Code::kDecode, fmt::format("{}: line {} is no JSON object", path, (*file)->line()));
    if (table.rows++ == 0) table.first_row = YamlAsJson(*node);
    profiler.Object(*node, "");
  }
  return {};
}

// The first of `words` that a column's name is (an id also: ends in) decides; earlier words win.
int ByName(const TableProfile& table, std::initializer_list<std::string_view> words, bool (*fits)(const TableColumn&)) {
  for (const std::string_view word : words) {
    for (std::size_t i = 0; i < table.columns.size(); ++i) {
      const std::string name = Lower(table.columns[i].name);
      if ((name == word || (word.size() > 3 && word.ends_with("id") && name.ends_with(word))) && fits(table.columns[i]))
        return static_cast<int>(i);
    }
  }
  return -1;
}

bool GuessTimeFormat(const TableColumn& column, std::string& format) {
  if (column.levels.empty()) return false;
  const auto all = [&](auto parses) {
    return std::all_of(column.levels.begin(), column.levels.end(),
                       [&](const auto& level) { return parses(level.first); });
  };
  EventTime time = 0;
  if (all([&](const std::string& text) { return ParseRfc3339(text, time); })) {
    format.clear();
    return true;
  }
  for (const char* form : {"%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d", "%d/%m/%Y %H:%M",
                           "%m/%d/%Y %H:%M", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%d.%m.%Y"}) {
    if (all([&](const std::string& text) { return ParseByFormat(text, form, time); })) {
      format = form;
      return true;
    }
  }
  // Numbers are times only under such a name, and only of this century.
  const std::string name = Lower(column.name);
  const bool named = name.find("time") != std::string::npos || name == "ts" || name.ends_with("at");
  const double mean = column.Mean();
  if (!named || column.numbers != column.present) return false;
  if (mean > 9e8 && mean < 4.2e9)
    format = "epoch_s";
  else if (mean > 9e11 && mean < 4.2e12)
    format = "epoch_ms";
  else
    return false;
  return true;
}

void Guess(TableProfile& table) {
  table.customer = ByName(
      table, {"customerid", "userid", "clientid", "memberid", "accountid", "customer", "user", "anonymousid", "id"},
      [](const TableColumn& c) { return c.many || c.levels.size() > 2; });
  for (std::size_t i = 0; i < table.columns.size() && table.time < 0; ++i) {
    if (static_cast<int>(i) != table.customer && GuessTimeFormat(table.columns[i], table.time_format))
      table.time = static_cast<int>(i);
  }
  const auto binary = [](const TableColumn& c) { return !c.many && c.levels.size() == 2; };
  table.answer =
      ByName(table,
             {"conversion", "converted", "y", "target", "label", "outcome", "response", "subscribed", "purchased",
              "bought", "completed", "click", "clicked", "exited", "churn", "churned", "product"},
             binary);
  // By habit the answer stands last.
  if (table.answer < 0 && !table.columns.empty() && binary(table.columns.back()))
    table.answer = static_cast<int>(table.columns.size()) - 1;
  table.amount = ByName(table, {"amount", "revenue", "total", "value", "price", "unitprice", "spend"},
                        [](const TableColumn& c) { return c.Number(); });
  if (table.answer < 0) return;
  const auto& levels = table.columns[static_cast<std::size_t>(table.answer)].levels;
  for (const auto& [text, count] : levels) {
    const std::string lower = Lower(text);
    if (lower == "yes" || lower == "1" || lower == "true" || lower == "y") table.answer_yes = text;
  }
  // Else the rarer value: few people say yes.
  if (table.answer_yes.empty()) {
    table.answer_yes = std::min_element(levels.begin(), levels.end(), [](const auto& a, const auto& b) {
                         return a.second < b.second;
                       })->first;
  }
}

}  // namespace

double TableColumn::Mean() const { return numbers == 0 ? 0 : sum / static_cast<double>(numbers); }

double TableColumn::Deviation() const {
  if (numbers == 0) return 1;
  const double variance = squares / static_cast<double>(numbers) - Mean() * Mean();
  return variance > 1e-12 * (1 + Mean() * Mean()) ? std::sqrt(variance) : 1;
}

bool TableColumn::Number() const { return present > 0 && numbers * 20 >= present * 19 && (many || levels.size() > 2); }

bool TableColumn::Truth() const {
  return !many && levels.size() == 2 && TruthText(levels.begin()->first) && TruthText(levels.rbegin()->first);
}

Result<TableProfile> ProfileTable(const std::string& path) {
  TableProfile table;
  {
    auto lines = FileReader::Open(path);
    if (!lines) return tl::unexpected<Error>(lines.error());
    std::string line;
    const auto there = (*lines)->Next(line);
    if (!there) return tl::unexpected<Error>(there.error());
    if (!*there) return Fail(Code::kDecode, path + ": the file is empty");
    table.csv = line.find('{') == std::string::npos || line.find('{') > line.find(',');
    table.delimiter = GuessDelimiter(line);
  }
  const Status status = table.csv ? ReadCsv(path, table) : ReadJson(path, table);
  if (!status) return tl::unexpected<Error>(status.error());
  if (table.rows == 0) return Fail(Code::kDecode, path + ": there are no rows");
  Guess(table);
  if (table.csv) {
    if (const Status looked = LookForLeaks(path, table); !looked) return tl::unexpected<Error>(looked.error());
  }
  return table;
}

}  // namespace offerstream
