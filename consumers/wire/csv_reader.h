// CSV rows as JSON objects of texts, so that JSON Pointers work on both; and any input file as JSON records.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "consumers/seams/record.h"
#include "consumers/wire/event_mapping.h"
#include "consumers/wire/file_reader.h"

namespace offerstream {

/// Rows of RFC 4180 files (also with other delimiters): quotes may hold delimiters, line breaks and doubled quotes.
/// One thread.
class CsvReader {
 public:
  static constexpr std::size_t kColumnsMax = 4096;

  /// REQUIRES: `lines` outlives the reader.
  CsvReader(FileReader& lines, CsvForm form);
  /// The next row's cells; false at the end. Errors: kIo of the file; kDecode for a quote that never closes.
  Result<bool> Row(std::vector<std::string>& cells);
  /// Column names: the header row's (read on first use) or the mapping's.
  Result<bool> Columns(std::vector<std::string>& names);
  /// The next row as one JSON object: every cell a text, an empty one null; cells past the header are dropped.
  Result<bool> Next(std::string& json);
  /// Appends an object of these names and cells; those of `lists` that hold a printed list as a list.
  static void AppendObject(const std::vector<std::string>& names, const std::vector<std::string>& cells, std::string& json,
                           const std::vector<std::string>& lists = {});

 private:
  FileReader& lines_;
  CsvForm form_;
  bool header_read_ = false;
  std::vector<std::string> names_{}, cells_{};
  std::string line_{};
};

/// Records of an input file as JSON, whatever its mapping says it is: lines of JSON, or CSV rows. A line may begin with
/// a key and a tab (simulate --keyed). One thread.
class InputFile {
 public:
  /// Opens by the mapping's format. Errors: kIo.
  static Result<std::unique_ptr<InputFile>> Open(const std::string& path, const EventMapping& mapping);
  /// The next record: its value and its key (empty: none). Empty lines are passed over. False at the end.
  Result<bool> Next(std::string& key, std::string& value);
  /// Whether Next would not wait.
  bool Ready() { return lines_->Ready(); }
  /// Line of the last record, from 1.
  std::uint64_t line() const { return lines_->line(); }

 private:
  InputFile(std::unique_ptr<FileReader> lines, const EventMapping& mapping);
  std::unique_ptr<FileReader> lines_;
  std::unique_ptr<CsvReader> csv_;
};

/// Every record of a file, as one from Kafka would come (an empty key: none), without a position. Errors: kIo.
Status ReadRecords(const std::string& path, const EventMapping& mapping, const std::function<void(Record&)>& each);

}  // namespace offerstream
