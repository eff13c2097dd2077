// Lines of a .gz file for tests on real data, through the gzip program, and one CSV record's fields.
#pragma once

#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

namespace offerstream::testing {

/// Reads a gzip file line by line. ok() is false when it cannot be opened; ends at the file's end.
class GzipLines {
 public:
  explicit GzipLines(const std::string& path) {
    if (std::FILE* probe = std::fopen(path.c_str(), "rb")) {
      std::fclose(probe);
      pipe_ = popen(("gzip -dc '" + path + "'").c_str(), "r");
    }
  }
  ~GzipLines() {
    if (pipe_ != nullptr) pclose(pipe_);
    std::free(line_);
  }
  GzipLines(const GzipLines&) = delete;
  GzipLines& operator=(const GzipLines&) = delete;
  bool ok() const { return pipe_ != nullptr; }
  /// The next line without its end, valid until the next call.
  bool Next(std::string_view& line) {
    const ssize_t n = getline(&line_, &capacity_, pipe_);
    if (n < 0) return false;
    line = std::string_view(line_, static_cast<std::size_t>(n));
    while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.remove_suffix(1);
    return true;
  }

 private:
  std::FILE* pipe_ = nullptr;
  char* line_ = nullptr;
  std::size_t capacity_ = 0;
};

/// Splits a record of one line; quotes may hide commas (doubled quotes are left as they are).
inline void SplitCsv(std::string_view line, std::vector<std::string_view>& fields) {
  fields.clear();
  std::size_t begin = 0;
  bool quoted = false;
  for (std::size_t i = 0; i <= line.size(); ++i) {
    if (i < line.size() && line[i] == '"') quoted = !quoted;
    if (i < line.size() && (line[i] != ',' || quoted)) continue;
    fields.push_back(line.substr(begin, i - begin));
    begin = i + 1;
  }
}

}  // namespace offerstream::testing
