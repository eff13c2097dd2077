// Erasures in the log, under faults: a receipt for each and for ever gone, whatever failed in between.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "consumers/failpoint.h"
#include "consumers/id_hashing.h"
#include "tests/simulation/shard_stage.h"

namespace offerstream {
namespace {

using testing::CommitFault;
using testing::Feed;
using testing::kPartitions;
using testing::MemoryKafka;
using testing::Process;

constexpr int kErasedNumbers[] = {3, 8, 17, 24};
constexpr int kNobody = 1000;

std::string Name(int number) { return "c" + std::to_string(number); }

/// Customers' events, at the end the erasure of four, and of one that there never was; some in the same transaction as their events.
void FeedAndErase(MemoryKafka& kafka) {
  Feed(kafka, 900, 40);
  const auto erase = [&](int number, const std::string& request) {
    MemoryKafka::Entry entry{Name(number), "", false, true, {}};
    if (!request.empty()) entry.headers.emplace_back("offerstream-request", request);
    kafka.Log("events", number % kPartitions).push_back(std::move(entry));
  };
  for (const int number : kErasedNumbers) erase(number, "erase-request-" + std::to_string(number));
  erase(kNobody, "");
}

bool Drained(const MemoryKafka& kafka) {
  for (std::int32_t p = 0; p < kPartitions; ++p) {
    const auto at = kafka.positions.find({"events", p});
    if (at == kafka.positions.end() || at->second.first < static_cast<std::int64_t>(kafka.logs.at({"events", p}).size())) return false;
  }
  return true;
}

/// The receipts without the number of their transaction, which faults move.
std::vector<std::string> Receipts(const MemoryKafka& kafka) {
  std::vector<std::string> lines = kafka.Lines("sim-erasures");
  for (std::string& line : lines) {
    const std::size_t at = line.find("\"transaction\":"), end = line.find(',', at);
    line.erase(at, end - at);
  }
  return lines;
}

/// The last state of each key of a compacted log.
std::map<std::string, bool> Living(const MemoryKafka& kafka, const std::string& topic) {
  std::map<std::string, bool> living;
  for (const auto& [place, entries] : kafka.logs) {
    if (place.first != topic) continue;
    for (const MemoryKafka::Entry& entry : entries) living[entry.key] = !entry.null_value;
  }
  return living;
}

void ExpectErased(MemoryKafka& kafka, Process& process) {
  const auto profiles = Living(kafka, "sim-profiles"), caps = Living(kafka, "caps");
  for (const int number : kErasedNumbers) {
    std::string row;
    ASSERT_TRUE(process.store->Load(number % kPartitions, Name(number), row).has_value());
    EXPECT_TRUE(row.empty()) << Name(number);
    for (const auto& [key, lives] : profiles) EXPECT_FALSE(lives && key.ends_with(Name(number)) && key.size() <= Name(number).size() + 1) << key;
    for (const auto& [key, lives] : caps) EXPECT_FALSE(lives && key.starts_with("customer|" + Name(number) + "|")) << key;
  }
}

class Erasure : public ::testing::Test {
 protected:
  void TearDown() override { SetFailpoints(""); }
  static void RunToEnd(Process& process) {
    for (int turn = 0; turn < 5000 && !Drained(process.kafka); ++turn) {
      process.Turn();
      if (HasFatalFailure()) return;
    }
    for (int turn = 0; turn < 3; ++turn) process.Turn();   // one that has just started recovers first
    ASSERT_TRUE(Drained(process.kafka));
    ASSERT_TRUE(process.worker->WriteAll().has_value());
  }
  static const std::vector<std::string>& PlainReceipts() {
    static const std::vector<std::string> plain = [] {
      MemoryKafka kafka;
      FeedAndErase(kafka);
      Process process(kafka);
      process.shard->Assign({0, 1});
      RunToEnd(process);
      ExpectErased(kafka, process);
      return Receipts(kafka);
    }();
    return plain;
  }
};

TEST_F(Erasure, GivesOneReceiptThatNamesNobody) {
  const std::vector<std::string>& receipts = PlainReceipts();
  ASSERT_EQ(receipts.size(), std::size(kErasedNumbers) + 1);
  const IdHashing hashing;
  std::size_t known = 0;
  for (const std::string& receipt : receipts) {
    for (const int number : kErasedNumbers) EXPECT_EQ(receipt.find("\"" + Name(number) + "\""), std::string::npos) << receipt;
    known += receipt.find("\"known\":true,\"removed\":{\"profile\":1") != std::string::npos ? 1 : 0;
  }
  EXPECT_EQ(known, std::size(kErasedNumbers));
  const auto of = [&](int number) {
    return std::find_if(receipts.begin(), receipts.end(), [&](const std::string& r) { return r.find("|" + hashing.Of(Name(number)) + "|") != std::string::npos; });
  };
  ASSERT_NE(of(17), receipts.end());
  EXPECT_NE(of(17)->find("\"request_id\":\"erase-request-17\""), std::string::npos) << *of(17);
  ASSERT_NE(of(kNobody), receipts.end());
  EXPECT_NE(of(kNobody)->find("\"known\":false,\"removed\":{\"profile\":0"), std::string::npos) << *of(kNobody);
}

TEST_F(Erasure, IsOnceAndForEverWhateverBecomesOfTransactions) {
  for (const CommitFault fault : {CommitFault::kUnknownDone, CommitFault::kUnknownLost, CommitFault::kAborted}) {
    MemoryKafka kafka;
    FeedAndErase(kafka);
    Process process(kafka);
    process.shard->Assign({0, 1});
    int n = 0;
    process.shard->commit_fault = [&] { return ++n % 3 == 2 ? fault : CommitFault::kNone; };
    RunToEnd(process);
    process.shard->commit_fault = nullptr;
    EXPECT_GT(process.shard->recycles, 1u);
    EXPECT_EQ(Receipts(kafka), PlainReceipts());
    ExpectErased(kafka, process);
  }
}

TEST_F(Erasure, StaysWhenTheProcessEndsInTheTailWithAndWithoutItsDisk) {
  for (const bool disk_lost : {false, true}) {
    for (int period = 1; period <= 7; period += 2) {
      MemoryKafka kafka;
      FeedAndErase(kafka);
      Process process(kafka);
      process.shard->Assign({0, 1});
      for (int turn = 1; turn < 5000 && !Drained(kafka); ++turn) {
        process.Turn();
        if (turn % period != 0) continue;
        process.Start(disk_lost);   // nothing was written on purpose: what is not in the store is tail
        process.shard->Assign({0, 1});
      }
      RunToEnd(process);
      EXPECT_EQ(Receipts(kafka), PlainReceipts()) << period;
      ExpectErased(kafka, process);
    }
  }
}

TEST_F(Erasure, ARequestThatNamesItsCustomerIsHashedToo) {
  MemoryKafka kafka;
  MemoryKafka::Entry entry{"customer-4711", "", false, true, {{"offerstream-request", "gdpr-customer-4711"}}};
  kafka.Log("events", 0).push_back(std::move(entry));
  (void)kafka.Log("events", 1);
  Process process(kafka);
  process.shard->Assign({0, 1});
  for (int turn = 0; turn < 5; ++turn) process.Turn();
  const std::vector<std::string> lines = kafka.Lines("sim-erasures");
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_EQ(lines[0].find("4711"), std::string::npos) << lines[0];
  EXPECT_NE(lines[0].find("\"request_id\":\"" + IdHashing().Of("gdpr-customer-4711") + "\""), std::string::npos) << lines[0];
}

}  // namespace
}  // namespace offerstream
