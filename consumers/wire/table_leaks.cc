#include "consumers/wire/table_leaks.h"

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "consumers/config/quantity_text.h"
#include "consumers/wire/csv_reader.h"
#include "models/domain/event_time.h"

namespace offerstream {
namespace {

constexpr std::uint64_t kLeastYes = 20;      // fewer say nothing
constexpr double kNextToNone = 0.01;

// AUC of scores, ties half, turned to .5 or more.
double Separation(std::vector<std::pair<double, bool>>& scores) {
  std::sort(scores.begin(), scores.end());
  double ranks = 0, yes = 0;
  for (std::size_t i = 0; i < scores.size();) {
    std::size_t end = i;
    while (end < scores.size() && scores[end].first == scores[i].first) ++end;
    for (const double rank = (static_cast<double>(i) + static_cast<double>(end) + 1) / 2; i < end; ++i) {
      ranks += scores[i].second ? rank : 0;
      yes += scores[i].second ? 1 : 0;
    }
  }
  const double no = static_cast<double>(scores.size()) - yes;
  if (yes < static_cast<double>(kLeastYes) || no < static_cast<double>(kLeastYes)) return 0.5;
  const double auc = (ranks - yes * (yes + 1) / 2) / (yes * no);
  return std::max(auc, 1 - auc);
}

/// One column beside the answers.
struct Watched {
  std::vector<std::pair<double, bool>> scores{};   // of a number
  std::map<std::string, std::pair<std::uint64_t, std::uint64_t>> levels{};   // of a category: rows, yes
  std::uint64_t with_yes = 0, with_no = 0;

  void Take(const std::string& text, bool yes, bool number) {
    if (text.empty()) return;
    ++(yes ? with_yes : with_no);
    double value = 0;
    if (number && ParseNumber(text, value)) scores.emplace_back(value, yes);
    if (!number && levels.size() < TableColumn::kLevelsMax) {
      auto& [rows, hits] = levels[text];
      ++rows;
      hits += yes;
    }
  }
  double Told() {
    for (const auto& [text, counts] : levels) {
      const double rate = static_cast<double>(counts.second) / static_cast<double>(counts.first);
      for (std::uint64_t i = 0; i < counts.first; ++i) scores.emplace_back(rate, i < counts.second);
    }
    return Separation(scores);
  }
};

bool TimeOf(const TableProfile& table, const std::string& text, EventTime& time) {
  double number = 0;
  if (table.time_format.empty()) return ParseRfc3339(text, time);
  if (!table.time_format.starts_with("epoch")) return ParseByFormat(text, table.time_format, time);
  if (!ParseNumber(text, number)) return false;
  time = static_cast<EventTime>(table.time_format == "epoch_s" ? number * 1000 : number);
  return true;
}

}  // namespace

Status LookForLeaks(const std::string& path, TableProfile& table) {
  if (table.answer < 0 && table.time < 0) return {};
  auto lines = FileReader::Open(path);
  if (!lines) return tl::unexpected<Error>(lines.error());
  CsvForm form;
  form.delimiter = table.delimiter;
  CsvReader csv(**lines, form);
  std::vector<std::string> names, cells;
  auto there = csv.Columns(names);
  std::vector<Watched> watched(table.columns.size());
  std::uint64_t yes_rows = 0, no_rows = 0;
  EventTime newest = kNever;
  for (std::uint64_t row = 0; there && *there && row < table.rows; ++row) {
    there = csv.Row(cells);
    if (!there || !*there) break;
    cells.resize(std::max(cells.size(), table.columns.size()));
    EventTime time = 0;
    if (table.time >= 0 && TimeOf(table, cells[static_cast<std::size_t>(table.time)], time)) {
      table.out_of_order += newest != kNever && time < newest;
      newest = newest == kNever ? time : std::max(newest, time);
    }
    if (table.answer < 0) continue;
    const bool yes = cells[static_cast<std::size_t>(table.answer)] == table.answer_yes;
    ++(yes ? yes_rows : no_rows);
    for (std::size_t c = 0; c < watched.size(); ++c) {
      if (static_cast<int>(c) != table.answer) watched[c].Take(cells[c], yes, table.columns[c].Number());
    }
  }
  if (!there) return tl::unexpected<Error>(there.error());
  for (std::size_t c = 0; c < watched.size(); ++c) {
    TableColumn& column = table.columns[c];
    Watched& w = watched[c];
    column.only_with_yes = w.with_yes >= kLeastYes && no_rows >= kLeastYes && w.with_yes * 2 >= yes_rows &&
                           static_cast<double>(w.with_no) <= kNextToNone * static_cast<double>(no_rows);
    if (column.Number() || !column.many) column.separation = w.Told();
  }
  return {};
}

}  // namespace offerstream
