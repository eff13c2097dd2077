// A real broker for one test binary: started once, stopped and removed at the end; absent Java means: skipped.
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>

namespace offerstream::testing {

/// Runs a shell command and returns its standard output; `status` its exit code.
inline std::string Shell(const std::string& command, int& status) {
  std::string out;
  FILE* pipe = popen(command.c_str(), "r");
  std::array<char, 4096> buffer{};
  while (pipe != nullptr) {
    const std::size_t n = fread(buffer.data(), 1, buffer.size(), pipe);
    if (n == 0) break;
    out.append(buffer.data(), n);
  }
  const int ended = pipe == nullptr ? -1 : pclose(pipe);
  status = WIFEXITED(ended) ? WEXITSTATUS(ended) : 128;
  return out;
}

/// One per process; `address` is empty when there is no Java.
class Broker {
 public:
  static Broker& Get() {
    static Broker broker;
    return broker;
  }
  const std::string& address() const { return address_; }
  const std::string& directory() const { return directory_; }

 private:
  Broker() {
    int status = 0;
    Shell("command -v java", status);
    if (status != 0) return;
    directory_ = std::filesystem::temp_directory_path() / ("offerstream-test-" + std::to_string(getpid()));
    const std::string run = std::string(OFFERSTREAM_SOURCE_DIR) + "/deploy/kafka/broker.sh";
    std::string out = Shell(run + " start --port 0 --dir " + directory_ + "/kafka 2>/dev/null", status);
    while (!out.empty() && out.back() == '\n') out.pop_back();
    if (status != 0) {
      std::fprintf(stderr, "the broker did not start: %s\n", out.c_str());
      std::abort();
    }
    address_ = out.substr(out.rfind('\n') + 1);
  }
  ~Broker() {
    if (directory_.empty()) return;
    int status = 0;
    Shell(std::string(OFFERSTREAM_SOURCE_DIR) + "/deploy/kafka/broker.sh stop --dir " + directory_ + "/kafka 2>/dev/null", status);
    if (std::getenv("OFFERSTREAM_TEST_KEEP") == nullptr) std::filesystem::remove_all(directory_);
  }
  std::string address_{}, directory_{};
};

}  // namespace offerstream::testing
