// Named crash points, always compiled in: OFFERSTREAM_FAILPOINT=<step>:<n>:kill|stop|err|delay=<ms> hits the n-th
// passage of a step. err at commit.request: the commit never leaves; at commit.answer: it is done, its answer is lost. For robustness tests; without the variable a passage costs one load.
#pragma once

#include <string_view>

namespace offerstream {

/// Steps of the commit protocol, of recovery, of the learner's round and of the process's end, in order.
enum class Step { kPoll, kBegin, kFold, kProduce, kShare, kOffsets, kCommit, kCommitRequest, kCommitAnswer, kStore, kStored, kLoad,
                  kRefold, kLearnPublish, kLearnStore, kEnd, kCheckpoint };
inline constexpr int kSteps = 17;
/// "poll", …, "checkpoint", as in the variable.
std::string_view Name(Step step);

/// Counts a passage. kill: SIGKILL here; stop: SIGSTOP here; delay: sleeps; err: returns true, and the caller acts as if
/// the step had failed. Several points may be given, separated by commas. Safe from any thread.
[[nodiscard]] bool PassFailpoint(Step step);
/// Replaces the points (text as in the variable) and counts passages from 0 again. REQUIRES: no other thread passes one.
void SetFailpoints(std::string_view text);

}  // namespace offerstream
