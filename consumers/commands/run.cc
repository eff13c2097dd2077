#include "consumers/commands/run.h"

#include <malloc.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <new>
#include <thread>

#include <fmt/format.h>

#include "consumers/commands/check.h"
#include "consumers/failpoint.h"
#include "consumers/log.h"
#include "consumers/service.h"

namespace offerstream {
namespace {

constexpr std::chrono::seconds kEndPatience{3};

/// Counts SIGTERM and SIGINT, and apart from them SIGHUP, on a thread of its own; all others have them blocked. While the service
/// starts, the first of the former ends the process.
class SignalCounter {
 public:
  SignalCounter() {
    sigemptyset(&signals_);
    sigaddset(&signals_, SIGTERM);
    sigaddset(&signals_, SIGINT);
    sigaddset(&signals_, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
    thread_ = std::thread([this] {
      while (!stop_) {
        const timespec step{0, 50'000'000};
        const int signal = sigtimedwait(&signals_, nullptr, &step);
        if (signal == SIGHUP) ++hangups_;
        else if (signal > 0) ++count_;
        if (count_ == 0 || !starting_) continue;
        // Kafka may be waited for; nothing is open yet that would need an orderly end.
        Log(LogLevel::kInfo, "stopped while starting");
        FlushLog();
        _exit(0);
      }
    });
  }
  ~SignalCounter() {
    stop_ = true;
    thread_.join();
  }
  const std::atomic<int>& count() const { return count_; }
  const std::atomic<int>& hangups() const { return hangups_; }
  void Started() { starting_ = false; }

 private:
  sigset_t signals_{};
  std::atomic<int> count_{0}, hangups_{0};
  std::atomic<bool> stop_{false}, starting_{true};
  std::thread thread_;
};

/// Everything is stored and told by now, but a client of librdkafka 2.0.2 may wait for ever while it is destroyed: after the clock
/// was set back, for one.
void EndWithin(std::chrono::seconds patience, int code) {
  std::thread([patience, code] {
    std::this_thread::sleep_for(patience);
    Log(LogLevel::kWarn, "a Kafka client does not end; left as it is");
    FlushLog();
    _exit(code);
  }).detach();
  (void)PassFailpoint(Step::kEnd);
}

/// Partitions come and go, and with them bursts of buffers on a dozen threads: the C library would keep what each had at its worst.
/// Few arenas, and large blocks straight from the system and back.
void KeepHeapSmall() {
  (void)mallopt(M_ARENA_MAX, 4);
  (void)mallopt(M_MMAP_THRESHOLD, 256 * 1024);
  (void)mallopt(M_TRIM_THRESHOLD, 1024 * 1024);
}

/// Called where memory cannot be had: no more than one write, which needs none.
void StopForMemory() {
  static constexpr char kText[] = "offerstream: cause=memory no more memory can be had; stopping, a restart is safe: lower state.memory or give more\n";
  (void)!write(STDERR_FILENO, kText, sizeof kText - 1);
  _exit(75);
}

}  // namespace

int RunRun(const RunOptions& options) {
  // What asks for a reload while this starts waits until it has started.
  sigset_t hangup;
  sigemptyset(&hangup);
  sigaddset(&hangup, SIGHUP);
  pthread_sigmask(SIG_BLOCK, &hangup, nullptr);
  std::unique_ptr<Config> config = LoadOrExplain(options.config, options.set);
  if (config == nullptr) return ExitCode(Code::kConfiguration);
  (void)prctl(PR_SET_DUMPABLE, 0);   // secrets of the configuration stay out of core files
  KeepHeapSmall();
  std::set_new_handler(StopForMemory);
  (void)std::signal(SIGPIPE, SIG_IGN);
  (void)std::signal(SIGXFSZ, SIG_IGN);   // a file that may not grow is an error of the store, not a death without a word
  SetUpLog(config->log_level, config->log_format);
  SignalCounter signals;
  const auto load = [&options] {
    LoadedConfig loaded = LoadConfig(options.config, options.set);
    TellMappings(loaded);
    return loaded;
  };
  Service service(std::move(config), {options.accept_offset_reset, load, &signals.hangups()});
  Status ended = service.Start();
  signals.Started();
  if (ended) {
    Log(LogLevel::kInfo, "started");
    ended = service.AwaitEnd(signals.count());
  }
  if (!ended) {
    fmt::print(stderr, "offerstream: {} {} cause={}\n", Sentence(ended.error().code), ended.error().detail, ReasonText(ended.error().code));
    EndWithin(kEndPatience, ExitCode(ended.error().code));
    return ExitCode(ended.error().code);
  }
  Log(LogLevel::kInfo, "stopped");
  FlushLog();
  EndWithin(kEndPatience, 0);
  return 0;
}

}  // namespace offerstream
