// One suite for every StateStore: what is promised in state_store.h, on memory and on RocksDB.
#include "state/state_store.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "state/formats/codecs.h"
#include "tests/support/state_samples.h"
#include "tests/support/temporary_directory.h"

namespace offerstream {
namespace {

using Rows = std::map<std::string, std::string>;

PartitionMeta Meta(TxnSeq committed, TxnSeq floor) {
  PartitionMeta meta;
  meta.committed = samples::Position(committed);
  meta.floor = samples::Position(floor);
  meta.log_id = {1, 2};
  meta.writer = "app-1-0";
  meta.account.adopted[7] = 9;
  meta.account.births = {3, 5};
  meta.changelog_offset = 41;
  meta.applied_at_ms = 1'700'000'000'000;
  return meta;
}

class EveryStore : public testing::TestWithParam<bool> {
 protected:
  void SetUp() override { Open(); }
  void Open() {
    if (GetParam()) {
      store.reset();
      Result<OpenedStore> opened = OpenRocksDbStore(directory.path(), 16u << 20);
      ASSERT_TRUE(opened) << opened.error().detail;
      EXPECT_FALSE(opened->quarantined);
      store = std::move(opened->store);
    } else if (store == nullptr) {
      store = OpenMemoryStore();
    }
  }
  Rows All(std::int32_t partition) {
    Rows rows;
    EXPECT_TRUE(store->Scan(partition, [&](std::string_view id, std::string_view value) {
      rows.emplace(id, value);
      return true;
    }));
    return rows;
  }

  TemporaryDirectory directory{};
  std::unique_ptr<StateStore> store{};
};

TEST_P(EveryStore, RowsAndMetaOfOneWriteAreThereTogetherAndSurviveReopening) {
  ASSERT_FALSE(store->LoadMeta(3));
  EXPECT_EQ(store->LoadMeta(3).error().code, Code::kNotFound);
  StateBatch batch;
  samples::AddRow(batch, "anna", "one", 1);
  samples::AddRow(batch, "bert", std::string("\0two", 4), 1);
  ASSERT_TRUE(store->Write(3, batch, Meta(1, 1)));
  Open();
  EXPECT_EQ(All(3), (Rows{{"anna", "one"}, {"bert", std::string("\0two", 4)}}));
  const Result<PartitionMeta> meta = store->LoadMeta(3);
  ASSERT_TRUE(meta);
  EXPECT_EQ(meta->committed.seq, 1u);
  EXPECT_EQ(meta->floor.offsets, samples::Position(1).offsets);
  EXPECT_EQ(meta->log_id, (LogId{1, 2}));
  EXPECT_EQ(meta->writer, "app-1-0");
  EXPECT_EQ(meta->account.births, (std::vector<IdHash>{3, 5}));
  EXPECT_EQ(meta->changelog_offset, 41);
  std::string value = "left over";
  ASSERT_TRUE(store->Load(3, "nobody", value));
  EXPECT_TRUE(value.empty());
  ASSERT_TRUE(store->Load(3, "anna", value));
  EXPECT_EQ(value, "one");
}

TEST_P(EveryStore, PartitionsDoNotSeeEachOther) {
  StateBatch batch;
  samples::AddRow(batch, "anna", "x", 1);
  for (std::int32_t partition : {0, 1, 255, 256, 65'534}) {
    batch.Clear();
    samples::AddRow(batch, "anna", std::to_string(partition), 1);
    ASSERT_TRUE(store->Write(partition, batch, Meta(1, 1)));
  }
  ASSERT_TRUE(store->DropPartition(255));
  EXPECT_FALSE(store->LoadMeta(255));
  EXPECT_TRUE(All(255).empty());
  for (std::int32_t partition : {0, 1, 256, 65'534}) EXPECT_EQ(All(partition), (Rows{{"anna", std::to_string(partition)}}));
}

TEST_P(EveryStore, ManyAreReadInOneCallAndMissingOnesAreLeftOut) {
  StateBatch batch;
  for (int n = 0; n < 500; n += 2) samples::AddRow(batch, "c" + std::to_string(1000 + n), std::to_string(n), 1);
  ASSERT_TRUE(store->Write(0, batch, Meta(1, 1)));
  std::vector<std::string> names;
  for (int n = 0; n < 500; ++n) names.push_back("c" + std::to_string(1000 + n));
  std::size_t count = 0;
  ASSERT_TRUE(store->LoadMany(0, {names.begin(), names.end()}, [&](std::size_t i, std::string_view value) {
    EXPECT_EQ(value, std::to_string(i));
    EXPECT_EQ(i % 2, 0u);
    ++count;
  }));
  EXPECT_EQ(count, 250u);
}

TEST_P(EveryStore, AScanIsInKeyOrderAndStopsWhenAsked) {
  StateBatch batch;
  for (const char* id : {"a", "aa", "b", "\xff", "\xff\xff"}) samples::AddRow(batch, id, "v", 1);
  ASSERT_TRUE(store->Write(0, batch, Meta(1, 1)));
  std::vector<std::string> seen;
  ASSERT_TRUE(store->Scan(0, [&](std::string_view id, std::string_view) {
    seen.emplace_back(id);
    return seen.size() < 4;
  }));
  EXPECT_EQ(seen, (std::vector<std::string>{"a", "aa", "b", "\xff"}));
}

TEST_P(EveryStore, ATombstoneStaysUntilTheFloorIncludesIt) {
  StateBatch batch;
  samples::AddRow(batch, "anna", "x", 1);
  ASSERT_TRUE(store->Write(0, batch, Meta(1, 1)));
  batch.Clear();
  samples::AddRow(batch, "anna", "", 5);
  samples::AddRow(batch, "bert", "", 5);
  ASSERT_TRUE(store->Write(0, batch, Meta(5, 4)));
  Open();
  std::string value;
  ASSERT_TRUE(store->Load(0, "anna", value));
  const Result<RowPeek> peek = PeekProfile(value);
  ASSERT_TRUE(peek);
  EXPECT_TRUE(peek->gone);
  EXPECT_EQ(peek->as_of, 5u);
  batch.Clear();
  samples::AddRow(batch, "bert", "born again", 6);
  PartitionMeta restoring = Meta(6, 6);
  restoring.restoring = true;
  ASSERT_TRUE(store->Write(0, batch, restoring));
  EXPECT_EQ(All(0).count("anna"), 1u);  // while restoring the floor does not count
  ASSERT_TRUE(store->Write(0, StateBatch{}, Meta(7, 5)));
  EXPECT_EQ(All(0), (Rows{{"bert", "born again"}}));
}

TEST_P(EveryStore, ATombstoneWhoseFloorIsReachedInTheSameWriteLeavesNothing) {
  StateBatch batch;
  samples::AddRow(batch, "anna", "x", 1);
  ASSERT_TRUE(store->Write(0, batch, Meta(1, 1)));
  batch.Clear();
  samples::AddRow(batch, "anna", "", 2);
  ASSERT_TRUE(store->Write(0, batch, Meta(2, 2)));
  EXPECT_TRUE(All(0).empty());
}

TEST_P(EveryStore, ModelsAndTheirFloorComeBackTogether) {
  const Result<StateStore::StoredModels> none = store->LoadModels(2);
  ASSERT_TRUE(none);
  EXPECT_FALSE(none->found);
  ASSERT_TRUE(store->WriteModels(2, {{"gold/click", "a"}, {"caps", "b"}}, 100));
  ASSERT_TRUE(store->WriteModels(2, {{"caps", "c"}}, 0x1'0000'0000u));
  ASSERT_TRUE(store->WriteModels(3, {{"lift", "d"}}, 1));
  Open();
  const Result<StateStore::StoredModels> stored = store->LoadModels(2);
  ASSERT_TRUE(stored);
  EXPECT_TRUE(stored->found);
  EXPECT_EQ(stored->floor, 0x1'0000'0000u);
  EXPECT_EQ(stored->models, (Rows{{"gold/click", "a"}, {"caps", "c"}}));
}

TEST_P(EveryStore, PlansAreKeptByEpoch) {
  ASSERT_TRUE(store->WritePlan(1, "first"));
  ASSERT_TRUE(store->WritePlan(300, "later"));
  ASSERT_TRUE(store->WritePlan(2, "second"));
  Open();
  const auto plans = store->LoadPlans();
  ASSERT_TRUE(plans);
  EXPECT_EQ(*plans, (std::map<std::uint32_t, std::string>{{1, "first"}, {2, "second"}, {300, "later"}}));
  EXPECT_TRUE(store->Sync());
}

INSTANTIATE_TEST_SUITE_P(Stores, EveryStore, testing::Bool(),
                         [](const auto& parameter) { return parameter.param ? "RocksDb" : "Memory"; });

}  // namespace
}  // namespace offerstream
