// Lines of plain, .gz and .zst files and of stdin. The only place that knows the compression libraries.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "models/domain/status.h"

namespace offerstream {

/// Reads a file line by line; one thread.
class FileReader {
 public:
  /// Longest line, bytes; a longer one is an error at its number.
  static constexpr std::size_t kLineBytesMax = 16u << 20;

  /// By the name's ending: .gz, .zst, else plain; "-" is stdin. Errors: kIo, with the path and the reason.
  static Result<std::unique_ptr<FileReader>> Open(const std::string& path);
  ~FileReader();
  /// The next line without its line break (\n or \r\n); false at the end. Errors: kIo (damaged or cut-off file).
  Result<bool> Next(std::string& line);
  /// Whether a whole line is there without waiting (stdin: input has not paused).
  bool Ready();
  /// Number of the last line read, from 1.
  std::uint64_t line() const { return line_; }

 private:
  struct Impl;
  explicit FileReader(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
  std::uint64_t line_ = 0;
};

}  // namespace offerstream
