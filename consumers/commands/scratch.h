// A directory of its own for as long as a measurement takes.
#pragma once

#include <unistd.h>

#include <filesystem>
#include <string>

namespace offerstream {

/// A directory that is gone afterwards.
struct Scratch {
  std::filesystem::path path{};
  /// Named after `name` and this process.
  explicit Scratch(const std::string& name) : path(std::filesystem::temp_directory_path() / (name + "-" + std::to_string(getpid()))) {
    std::filesystem::create_directories(path);
  }
  ~Scratch() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
};

}  // namespace offerstream
