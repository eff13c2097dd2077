#include "consumers/commands/simulate.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include <fmt/format.h>

#include "models/domain/status.h"

namespace offerstream {
namespace {

struct CloseFile {
  void operator()(std::FILE* file) const {
    if (file != stdout) std::fclose(file);
  }
};
using File = std::unique_ptr<std::FILE, CloseFile>;

int Broken(std::string_view what, const std::string& path) {
  fmt::print(stderr, "offerstream: {} {}: {}\n", what, path, std::strerror(errno));
  return ExitCode(Code::kIo);
}

int WriteTruth(const BankMarket& market, const std::string& path) {
  const File file(std::fopen(path.c_str(), "wb"));
  if (!file) return Broken("cannot create", path);
  const std::string truth = market.TruthJson();
  if (std::fwrite(truth.data(), 1, truth.size(), file.get()) != truth.size() || std::fflush(file.get()) != 0) {
    return Broken("cannot write", path);
  }
  return 0;
}

class Progress {
 public:
  explicit Progress(const MarketOptions& options) : options_(options), shown_(isatty(STDERR_FILENO) == 1) {}
  ~Progress() {
    if (shown_ && last_ > 0) fmt::print(stderr, "\r\033[K");
  }
  void At(std::uint64_t sent, EventTime time) {
    if (!shown_ || sent < last_ + 50'000) return;
    last_ = sent;
    fmt::print(stderr, "\r{} events, day {:.1f}", sent, static_cast<double>(time - options_.start) / 86'400'000.0);
  }

 private:
  const MarketOptions& options_;
  const bool shown_;
  std::uint64_t last_ = 0;
};

int WriteFile(SimulatedMarket& market, const SimulateOptions& options) {
  const bool to_stdout = options.out.empty() || options.out == "-";
  const std::string name = to_stdout ? "stdout" : options.out;
  const File file(to_stdout ? stdout : std::fopen(options.out.c_str(), "wb"));
  if (!file) return Broken("cannot create", name);
  Progress progress(options.market);
  std::string buffer;
  MarketRecord record;
  bool more = true;
  while (more) {
    more = market.Next(record);
    if (more) {
      if (options.keyed) buffer.append(record.customer_id).push_back('\t');
      buffer.append(record.value).push_back('\n');
      progress.At(market.sent(), record.time);
    }
    if (buffer.size() > (1u << 18) || !more) {
      if (std::fwrite(buffer.data(), 1, buffer.size(), file.get()) != buffer.size()) {
        // A reader that has seen enough (head) is not an error of ours.
        return errno == EPIPE ? 0 : Broken("cannot write", name);
      }
      buffer.clear();
    }
  }
  return std::fflush(file.get()) == 0 ? 0 : Broken("cannot write", name);
}

}  // namespace

int Simulate(const SimulateOptions& options) {
  SimulatedMarket market(options.market);
  if (!options.truth.empty()) {
    if (const int code = WriteTruth(market.market(), options.truth); code != 0) return code;
  }
  return WriteFile(market, options);
}

}  // namespace offerstream
