// What the files of a store hold: nothing of whom was erased after a purge, and copies that are whole or not there.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "state/formats/codecs.h"
#include "state/sha256.h"
#include "state/state_summary.h"
#include "tests/support/state_samples.h"
#include "tests/support/temporary_directory.h"

namespace offerstream {
namespace {

namespace fs = std::filesystem;
constexpr std::uint64_t kMemory = 16u << 20;
constexpr const char* kCanary = "canary-7f3a9c51d2";

std::string Bytes(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// The files below that hold the canary.
std::vector<std::string> Holding(const std::string& directory) {
  std::vector<std::string> found;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(directory)) {
    if (entry.is_regular_file() && Bytes(entry.path()).find(kCanary) != std::string::npos) found.push_back(entry.path().filename().string());
  }
  return found;
}

std::unique_ptr<StateStore> Open(const std::string& path) {
  Result<OpenedStore> opened = OpenRocksDbStore(path, kMemory);
  EXPECT_TRUE(opened.has_value() && !opened->quarantined);
  return opened ? std::move(opened->store) : nullptr;
}

/// Customers c1000.. of a partition and perhaps the canary: as a row, or erased.
void Write(StateStore& store, std::int32_t partition, TxnSeq seq, TxnSeq floor, int rows, bool canary, bool erased = false) {
  StateBatch batch;
  std::string value;
  EncodeProfile(CampaignPlan{}, CustomerProfile{}, seq, value);
  for (int n = 0; n < rows; ++n) samples::AddRow(batch, "c" + std::to_string(1000 + n), value, seq);
  if (canary || erased) samples::AddRow(batch, kCanary, erased ? std::string_view() : std::string_view(value), seq);
  PartitionMeta meta;
  meta.committed = samples::Position(seq);
  meta.floor = samples::Position(floor);
  meta.applied_at_ms = 1'780'000'000'000 + static_cast<std::int64_t>(seq);
  ASSERT_TRUE(store.Write(partition, batch, meta).has_value());
}

TEST(StateFiles, APurgeLeavesNoByteOfAnErasedCustomerInAnyFile) {
  const TemporaryDirectory directory;
  const std::unique_ptr<StateStore> store = Open(directory.path());
  std::atomic<bool> stop = false;
  Write(*store, 3, 1, 1, 2000, true);
  EXPECT_NE(Holding(directory.path()).size(), 0u) << "it can be found where it is";
  Write(*store, 3, 2, 1, 10, false, true);
  EXPECT_EQ(store->ErasedSince(), 0) << "the floor is before the erasure: the tombstone has to stay";
  EXPECT_FALSE(store->Purge(stop).value());
  Write(*store, 3, 3, 3, 10, false);
  EXPECT_EQ(store->ErasedSince(), 1'780'000'000'003);
  EXPECT_NE(Holding(directory.path()).size(), 0u);
  EXPECT_TRUE(store->Purge(stop).value());
  EXPECT_EQ(Holding(directory.path()), std::vector<std::string>{});
  EXPECT_EQ(store->ErasedSince(), 0);
  EXPECT_FALSE(store->Purge(stop).value());
  std::string row;
  ASSERT_TRUE(store->Load(3, "c1999", row).has_value());
  EXPECT_FALSE(row.empty());
}

TEST(StateFiles, WhatWasErasedBeforeARestartIsPurgedAfterIt) {
  const TemporaryDirectory directory;
  std::atomic<bool> stop = false;
  {
    const std::unique_ptr<StateStore> store = Open(directory.path());
    Write(*store, 0, 1, 1, 100, true);
    Write(*store, 0, 2, 2, 100, false, true);
  }
  const std::unique_ptr<StateStore> store = Open(directory.path());
  EXPECT_EQ(store->ErasedSince(), 1'780'000'000'002);
  stop = true;
  EXPECT_FALSE(store->Purge(stop).value()) << "told to stop: it is still to be done";
  EXPECT_NE(store->ErasedSince(), 0);
  stop = false;
  EXPECT_TRUE(store->Purge(stop).value());
  EXPECT_EQ(Holding(directory.path()), std::vector<std::string>{});
}

TEST(StateFiles, ADroppedPartitionIsPurgedToo) {
  const TemporaryDirectory directory;
  std::atomic<bool> stop = false;
  const std::unique_ptr<StateStore> store = Open(directory.path());
  Write(*store, 0, 1, 1, 100, true);
  ASSERT_TRUE(store->DropPartition(0).has_value());
  EXPECT_GT(store->ErasedSince(), 0);
  EXPECT_TRUE(store->Purge(stop).value());
  EXPECT_EQ(Holding(directory.path()), std::vector<std::string>{});
}

TEST(StateFiles, ASummaryTellsPositionsAndCounts) {
  const TemporaryDirectory directory;
  {
    const std::unique_ptr<StateStore> store = Open(directory.path());
    Write(*store, 0, 4, 3, 20, true);
    Write(*store, 7, 9, 8, 30, false, true);
    std::string model;
    EncodeModel("m", 5, "body", model);
    ASSERT_TRUE(store->WriteModels(2, {{"m", model}}, 77).has_value());
  }
  EXPECT_EQ(OpenRocksDbReadOnly(directory.path() + "/nothing").error().code, Code::kNotFound);
  auto store = OpenRocksDbReadOnly(directory.path());
  ASSERT_TRUE(store.has_value()) << store.error().detail;
  EXPECT_EQ(OpenRocksDbReadOnly(directory.path()).error().code, Code::kLocked);
  const auto summary = Summarise(**store);
  ASSERT_TRUE(summary.has_value()) << summary.error().detail;
  ASSERT_EQ(summary->partitions.size(), 2u);
  EXPECT_EQ(summary->partitions[0].customers, 21u);
  EXPECT_EQ(summary->partitions[1].partition, 7);
  EXPECT_EQ(summary->partitions[1].meta.floor.seq, 8u);
  EXPECT_EQ(summary->partitions[1].erased, 1u);
  ASSERT_EQ(summary->learners.size(), 1u);
  EXPECT_EQ(summary->learners[0].floor, 77u);
  EXPECT_EQ(SummaryJson(*summary).find(kCanary), std::string::npos);
}

TEST(StateFiles, ACheckpointIsWholeUnderItsNameOrNotThere) {
  const TemporaryDirectory directory;
  const std::string copy = directory.path() + "/copies/one";
  const std::unique_ptr<StateStore> store = Open(directory.path() + "/state");
  Write(*store, 0, 4, 3, 200, false);
  fs::create_directories(copy + ".half/db");
  std::ofstream(copy + ".half/db/torn") << "what an interrupted attempt left";
  bool half = false;
  const auto made = WriteCheckpoint(*store, copy, 0, [&] {
    half = true;
    EXPECT_FALSE(fs::exists(copy));
    EXPECT_TRUE(fs::exists(copy + ".half/SHA256SUMS"));
  });
  ASSERT_TRUE(made.has_value()) << made.error().detail;
  EXPECT_TRUE(half);
  EXPECT_EQ(made->partitions.at(0).customers, 200u);
  EXPECT_FALSE(fs::exists(copy + ".half"));
  EXPECT_FALSE(fs::exists(copy + "/db/torn"));
  EXPECT_FALSE(WriteCheckpoint(*store, copy, 0, [] {}).has_value()) << "it does not write over one";
  Write(*store, 0, 5, 5, 300, false);   // goes on beside its copy
  auto opened = OpenRocksDbReadOnly(copy);
  ASSERT_TRUE(opened.has_value()) << opened.error().detail;
  EXPECT_EQ(Summarise(**opened)->partitions.at(0).meta.committed.seq, 4u);
  std::ifstream sums(copy + "/SHA256SUMS");
  std::string sum, file;
  int files = 0;
  for (; sums >> sum >> file; ++files) EXPECT_EQ(Sha256OfFile(copy + "/" + file).value(), sum) << file;
  EXPECT_GT(files, 3);
}

TEST(Sha256, IsThatOfTheStandard) {
  const auto of = [](std::string_view text) {
    Sha256 sum;
    sum.Add(text.substr(0, text.size() / 3));
    sum.Add(text.substr(text.size() / 3));
    return sum.Hex();
  };
  EXPECT_EQ(of(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(of("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(of("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"), "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(of(std::string(1'000'000, 'a')), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

}  // namespace
}  // namespace offerstream
