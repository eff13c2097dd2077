// `offerstream run` as a process of its own: started with or without a failpoint, killed, stopped, waited for.
#pragma once

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

namespace offerstream::testing {

/// One child process. Killed when destroyed while it runs.
class ServiceProcess {
 public:
  /// `offerstream ARGS`, output appended to `log`; `failpoint` empty: none.
  ServiceProcess(const std::vector<std::string>& arguments, const std::string& log, const std::string& failpoint = "") : log_(log) {
    pid_ = fork();
    if (pid_ != 0) return;
    const int out = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    dup2(out, 1);
    dup2(out, 2);
    if (failpoint.empty()) unsetenv("OFFERSTREAM_FAILPOINT");
    else setenv("OFFERSTREAM_FAILPOINT", failpoint.c_str(), 1);
    std::vector<char*> argv = {const_cast<char*>(OFFERSTREAM_BINARY)};
    for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);
    execv(OFFERSTREAM_BINARY, argv.data());
    _exit(127);
  }
  ServiceProcess(const ServiceProcess&) = delete;
  ServiceProcess& operator=(const ServiceProcess&) = delete;
  ~ServiceProcess() {
    if (!ended_) {
      kill(pid_, SIGKILL);
      waitpid(pid_, nullptr, 0);
    }
  }

  /// True when it has ended; Code() is then valid.
  bool Ended() {
    int status = 0;
    if (!ended_ && waitpid(pid_, &status, WNOHANG) == pid_) {
      ended_ = true;
      code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }
    return ended_;
  }
  /// Waits up to `seconds`; the exit code (128 + signal), -1: still running.
  int AwaitCode(int seconds) {
    for (int i = 0; i < seconds * 100 && !Ended(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
    return Ended() ? code_ : -1;
  }
  void Signal(int signal) const { kill(pid_, signal); }
  std::string Log() const {
    std::ifstream in(log_);
    std::stringstream text;
    text << in.rdbuf();
    return text.str();
  }

 private:
  std::string log_;
  pid_t pid_ = 0;
  bool ended_ = false;
  int code_ = -1;
};

}  // namespace offerstream::testing
