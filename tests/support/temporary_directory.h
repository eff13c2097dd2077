// A directory that lives as long as a test.
#pragma once

#include <cassert>
#include <cstdlib>
#include <filesystem>
#include <string>

namespace offerstream {

/// Made under the system's temporary directory, removed with everything in it.
class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string pattern = (std::filesystem::temp_directory_path() / "offerstream-test.XXXXXX").string();
    [[maybe_unused]] const char* made = ::mkdtemp(pattern.data());
    assert(made != nullptr);
    path_ = pattern;
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  ~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace offerstream
