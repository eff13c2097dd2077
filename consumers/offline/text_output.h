// Lines into a file or stdout, buffered, with the error kept until somebody asks.
#pragma once

#include <cstdio>
#include <string>
#include <string_view>

#include "models/domain/status.h"

namespace offerstream {

/// One output. A default-constructed one is off: it takes lines and writes nothing. One thread. Not copyable.
class TextOutput {
 public:
  TextOutput() = default;
  TextOutput(const TextOutput&) = delete;
  TextOutput& operator=(const TextOutput&) = delete;
  ~TextOutput();
  /// "-" is stdout. kIo with path and reason.
  Status Open(const std::string& path);
  bool on() const { return file_ != nullptr; }
  /// Appends text and a line break.
  void Line(std::string_view text);
  /// Hands everything to the system; kIo once anything could not be written. A closed pipe is not an error: closed()
  /// tells that nobody reads any more.
  Status Flush();
  bool closed() const { return closed_; }

 private:
  std::FILE* file_ = nullptr;
  std::string path_{}, buffer_{};
  bool closed_ = false;
};

}  // namespace offerstream
