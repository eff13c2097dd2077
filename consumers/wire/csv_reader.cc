#include "consumers/wire/csv_reader.h"

#include <fmt/format.h>

#include <algorithm>

#include "consumers/wire/mapping_lists.h"

namespace offerstream {

CsvReader::CsvReader(FileReader& lines, CsvForm form) : lines_(lines), form_(std::move(form)) {
  if (!form_.header) {
    names_ = form_.columns;
    header_read_ = true;
  }
}

Result<bool> CsvReader::Row(std::vector<std::string>& cells) {
  auto there = lines_.Next(line_);
  if (!there || !*there) return there;
  const std::uint64_t first_line = lines_.line();
  if (first_line == 1 && line_.starts_with("\xef\xbb\xbf")) line_.erase(0, 3);
  std::size_t count = 0;
  const auto cell = [&]() -> std::string& {
    if (count == cells.size()) cells.emplace_back();
    cells[count].clear();
    return cells[count++];
  };
  std::string* at = &cell();
  bool quoted = false;
  for (std::size_t i = 0;; ++i) {
    if (i == line_.size()) {
      if (!quoted) break;
      // A line break inside quotes: the row goes on.
      at->push_back('\n');
      there = lines_.Next(line_);
      if (!there) return there;
      if (!*there) return Fail(Code::kDecode, fmt::format("line {}: a quote is never closed", first_line));
      i = static_cast<std::size_t>(-1);
      continue;
    }
    const char c = line_[i];
    if (quoted) {
      if (c != form_.quote)
        at->push_back(c);
      else if (i + 1 < line_.size() && line_[i + 1] == form_.quote)
        at->push_back(line_[++i]);
      else
        quoted = false;
    } else if (c == form_.quote && at->empty()) {
      quoted = true;
    } else if (c == form_.delimiter && count < kColumnsMax) {
      at = &cell();
    } else {
      at->push_back(c);
    }
  }
  cells.resize(count);
  return true;
}

Result<bool> CsvReader::Columns(std::vector<std::string>& names) {
  if (!header_read_) {
    const auto there = Row(names_);
    if (!there) return there;
    header_read_ = true;
    if (!*there) names_.clear();
  }
  names = names_;
  return !names_.empty();
}

void CsvReader::AppendObject(const std::vector<std::string>& names, const std::vector<std::string>& cells,
                             std::string& json, const std::vector<std::string>& lists) {
  json += '{';
  for (std::size_t i = 0; i < names.size() && i < cells.size(); ++i) {
    if (i > 0) json += ',';
    AppendJsonText(names[i], json);
    json += ':';
    const bool list = std::find(lists.begin(), lists.end(), names[i]) != lists.end();
    if (cells[i].empty())
      json += "null";
    else if (!list || !AppendList(cells[i], json))
      AppendJsonText(cells[i], json);
  }
  json += '}';
}

Result<bool> CsvReader::Next(std::string& json) {
  if (!header_read_) {
    std::vector<std::string> names;
    const auto there = Columns(names);
    if (!there || !*there) return there;
  }
  const auto there = Row(cells_);
  if (!there || !*there) return there;
  json.clear();
  AppendObject(names_, cells_, json, form_.lists);
  return true;
}

InputFile::InputFile(std::unique_ptr<FileReader> lines, const EventMapping& mapping) : lines_(std::move(lines)) {
  if (mapping.csv) csv_ = std::make_unique<CsvReader>(*lines_, mapping.csv_form);
}

Result<std::unique_ptr<InputFile>> InputFile::Open(const std::string& path, const EventMapping& mapping) {
  auto lines = FileReader::Open(path);
  if (!lines) return tl::unexpected<Error>(lines.error());
  return std::unique_ptr<InputFile>(new InputFile(std::move(*lines), mapping));
}

Result<bool> InputFile::Next(std::string& key, std::string& value) {
  key.clear();
  if (csv_) return csv_->Next(value);
  for (;;) {
    const auto there = lines_->Next(value);
    if (!there || !*there) return there;
    if (value.empty()) continue;
    const auto tab = value.find('\t');
    if (value[0] != '{' && tab != std::string::npos && tab + 1 < value.size() && value[tab + 1] == '{') {
      key.assign(value, 0, tab);
      value.erase(0, tab + 1);
    }
    return true;
  }
}

Status ReadRecords(const std::string& path, const EventMapping& mapping, const std::function<void(Record&)>& each) {
  auto file = InputFile::Open(path, mapping);
  if (!file) return tl::unexpected<Error>(file.error());
  std::string key, value;
  for (;;) {
    const auto more = (*file)->Next(key, value);
    if (!more) return tl::unexpected<Error>(more.error());
    if (!*more) return {};
    Record record;
    record.value = value;
    record.key = key;
    record.null_key = key.empty();
    each(record);
  }
}

}  // namespace offerstream
