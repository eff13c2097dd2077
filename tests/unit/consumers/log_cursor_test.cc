#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "consumers/seams/event_source.h"

namespace offerstream {
namespace {

/// One answer of a log: the offsets it gives at once, and the end it reports with them (-1: none).
struct Answer {
  std::vector<std::int64_t> offsets{};
  std::int64_t end = -1;
};

/// A log that gives its answers one by one and then nothing more, as a client does: an end is told once.
class ScriptedLog final : public LogReader {
 public:
  explicit ScriptedLog(std::vector<Answer> answers) : answers_(std::move(answers)) {}
  Result<LogBounds> Bounds(const std::string&, std::int32_t) override {
    if (away) return Fail(Code::kKafkaUnreachable, "away");
    return LogBounds{0, 100};
  }
  bool away = false;   // nobody answers

  Result<std::unique_ptr<LogStream>> Open(const std::string&, std::int32_t, std::int64_t, std::uint16_t) override {
    return std::make_unique<Stream>(answers_);
  }
  Result<std::unique_ptr<LogStream>> OpenAll(const std::string&, const std::vector<std::int64_t>&) override {
    return Fail(Code::kIo);
  }

 private:
  class Stream final : public LogStream {
   public:
    explicit Stream(std::vector<Answer> answers) : answers_(std::move(answers)) {}
    Status Read(std::size_t, int, RecordBatch& batch) override {
      if (next_ == answers_.size()) return {};
      for (const std::int64_t offset : answers_[next_].offsets) batch.Add().cause.offset = offset;
      if (answers_[next_].end >= 0) batch.ends.push_back({0, 0, answers_[next_].end});
      ++next_;
      return {};
    }
    std::int64_t KnownEnd(std::int32_t) const override { return -1; }

   private:
    std::vector<Answer> answers_;
    std::size_t next_ = 0;
  };
  std::vector<Answer> answers_;
};

std::vector<std::int64_t> ReadTo(std::int64_t to, std::vector<Answer> answers, Status& status) {
  ScriptedLog log(std::move(answers));
  std::vector<std::int64_t> seen;
  status = ReadLogRange(log, "t", 0, 0, to, 0, 300, [&](const Record& record) {
    seen.push_back(record.cause.offset);
    return true;
  });
  return seen;
}

TEST(LogCursor, MarkersAtTheEndAreNotWaitedFor) {
  Status status;
  EXPECT_EQ(ReadTo(5, {{{0, 1, 3}}, {{}, 5}}, status), (std::vector<std::int64_t>{0, 1, 3}));
  EXPECT_TRUE(status.has_value()) << status.error().detail;
}

TEST(LogCursor, AnEndToldTogetherWithRecordsCounts) {
  Status status;
  EXPECT_EQ(ReadTo(5, {{{0, 1, 3}, 5}}, status), (std::vector<std::int64_t>{0, 1, 3}));
  EXPECT_TRUE(status.has_value()) << status.error().detail;
}

TEST(LogCursor, AnEndBeforeTheTargetIsAskedAboutUntilPatienceIsOver) {
  Status status;
  EXPECT_EQ(ReadTo(9, {{{0, 1}, 2}}, status), (std::vector<std::int64_t>{0, 1}));
  ASSERT_FALSE(status.has_value());
  EXPECT_EQ(status.error().code, Code::kLogAndStateDisagree);
  EXPECT_NE(status.error().detail.find("beyond offset 2"), std::string::npos) << status.error().detail;
}

TEST(LogCursor, SilenceWhileNobodyAnswersIsNoHangingTransaction) {
  ScriptedLog log({{{0, 1}, 2}});
  log.away = true;
  const Status status = ReadLogRange(log, "t", 0, 0, 9, 0, 300, [](const Record&) { return true; });
  ASSERT_FALSE(status.has_value());
  EXPECT_EQ(status.error().code, Code::kKafkaUnreachable);
}

}  // namespace
}  // namespace offerstream
