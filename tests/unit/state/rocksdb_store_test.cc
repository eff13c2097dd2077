// What only the store on disk can show: its lock, damage, and a process killed in the middle.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "state/state_store.h"
#include "tests/support/state_samples.h"
#include "tests/support/temporary_directory.h"

namespace offerstream {
namespace {

namespace fs = std::filesystem;
constexpr std::uint64_t kMemory = 16u << 20;

// `rows` rows, all with the value "<seq>", and the meta row that says so.
Status WriteSeq(StateStore& store, TxnSeq seq, int rows) {
  StateBatch batch;
  for (int n = 0; n < rows; ++n) {
    StateRow row;
    const std::string id = "c" + std::to_string(1000 + n), value = std::to_string(seq);
    row.id_begin = static_cast<std::uint32_t>(batch.arena.size());
    row.id_size = static_cast<std::uint32_t>(id.size());
    row.value_begin = row.id_begin + row.id_size;
    row.value_size = static_cast<std::uint32_t>(value.size());
    batch.arena += id + value;
    batch.rows.push_back(row);
  }
  PartitionMeta meta;
  meta.committed = meta.floor = samples::Position(seq);
  return store.Write(0, batch, meta);
}

void Fill(const std::string& path) {
  Result<OpenedStore> opened = OpenRocksDbStore(path, kMemory);
  ASSERT_TRUE(opened) << opened.error().detail;
  for (TxnSeq seq = 1; seq <= 3; ++seq) ASSERT_TRUE(WriteSeq(*opened->store, seq, 500));
  ASSERT_TRUE(opened->store->Sync());
}

std::string FileWith(const std::string& path, const std::string& part) {
  for (const auto& entry : fs::directory_iterator(path)) {
    if (entry.path().filename().string().find(part) != std::string::npos) return entry.path().string();
  }
  return {};
}

TEST(RocksDbStore, ADirectoryBelongsToOneStoreAtATime) {
  const TemporaryDirectory directory;
  Result<OpenedStore> first = OpenRocksDbStore(directory.path(), kMemory);
  ASSERT_TRUE(first);
  const Result<OpenedStore> second = OpenRocksDbStore(directory.path(), kMemory);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Code::kLocked);
  EXPECT_NE(second.error().detail.find(directory.path()), std::string::npos);
  first->store.reset();
  EXPECT_TRUE(OpenRocksDbStore(directory.path(), kMemory));
}

TEST(RocksDbStore, AFileInPlaceOfTheDirectoryIsAnErrorWithItsPath) {
  const TemporaryDirectory directory;
  const std::string path = directory.path() + "/file";
  std::ofstream(path) << "not a directory";
  const Result<OpenedStore> opened = OpenRocksDbStore(path, kMemory);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Code::kIo);
  EXPECT_NE(opened.error().detail.find(path), std::string::npos);
}

TEST(RocksDbStore, DamagedFilesAreSetAsideAndAFreshStoreOpens) {
  const std::vector<std::function<void(const std::string&)>> damages = {
      [](const std::string& db) { std::ofstream(FileWith(db, "MANIFEST"), std::ios::in | std::ios::out) << "garbage garbage"; },
      [](const std::string& db) { fs::remove(FileWith(db, "CURRENT")); },
      [](const std::string& db) { std::ofstream(FileWith(db, "CURRENT")) << "nothing"; },
      [](const std::string& db) { fs::remove(FileWith(db, "MANIFEST")); },
  };
  for (std::size_t n = 0; n < damages.size(); ++n) {
    const TemporaryDirectory directory;
    Fill(directory.path());
    damages[n](directory.path() + "/db");
    const Result<OpenedStore> opened = OpenRocksDbStore(directory.path(), kMemory);
    ASSERT_TRUE(opened) << n << opened.error().detail;
    EXPECT_TRUE(opened->quarantined) << n;
    EXPECT_TRUE(fs::is_directory(directory.path() + "/quarantine-1"));
    EXPECT_FALSE(opened->store->LoadMeta(0));
  }
}

TEST(RocksDbStore, AMarkedCopyIsSetAsideAtTheNextOpenOnly) {
  const TemporaryDirectory directory;
  Fill(directory.path());
  {
    const Result<OpenedStore> opened = OpenRocksDbStore(directory.path(), kMemory);
    ASSERT_TRUE(opened);
    EXPECT_TRUE(opened->store->LoadMeta(0));
    opened->store->MarkDamaged();
  }
  for (const bool quarantined : {true, false}) {
    const Result<OpenedStore> opened = OpenRocksDbStore(directory.path(), kMemory);
    ASSERT_TRUE(opened);
    EXPECT_EQ(opened->quarantined, quarantined);
  }
}

TEST(RocksDbStore, ATornLogEndIsNoDamage) {
  const TemporaryDirectory directory;
  Fill(directory.path());
  const std::string log = FileWith(directory.path() + "/db", ".log");
  ASSERT_FALSE(log.empty());
  fs::resize_file(log, fs::file_size(log) - 7);
  const Result<OpenedStore> opened = OpenRocksDbStore(directory.path(), kMemory);
  ASSERT_TRUE(opened);
  EXPECT_FALSE(opened->quarantined);
  const Result<PartitionMeta> meta = opened->store->LoadMeta(0);
  ASSERT_TRUE(meta);
  EXPECT_EQ(meta->committed.seq, 2u);  // the last write is gone as a whole
  std::string value;
  ASSERT_TRUE(opened->store->Load(0, "c1000", value));
  EXPECT_EQ(value, "2");
}

TEST(RocksDbStore, AfterAKillRowsAndMetaAreOfTheSameTransaction) {
  for (int run = 0; run < 5; ++run) {
    const TemporaryDirectory directory;
    int ready[2];
    ASSERT_EQ(::pipe(ready), 0);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      Result<OpenedStore> opened = OpenRocksDbStore(directory.path(), kMemory);
      if (!opened) ::_exit(1);
      for (TxnSeq seq = 1;; ++seq) {
        if (!WriteSeq(*opened->store, seq, 300)) ::_exit(1);
        if (::write(ready[1], "x", 1) != 1) ::_exit(1);
      }
    }
    char byte = 0;
    for (int n = 0; n < 5 + run * 7; ++n) ASSERT_EQ(::read(ready[0], &byte, 1), 1);
    ASSERT_EQ(::kill(child, SIGKILL), 0);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ::close(ready[0]);
    ::close(ready[1]);
    const Result<OpenedStore> opened = OpenRocksDbStore(directory.path(), kMemory);
    ASSERT_TRUE(opened) << opened.error().detail;
    EXPECT_FALSE(opened->quarantined);
    const Result<PartitionMeta> meta = opened->store->LoadMeta(0);
    ASSERT_TRUE(meta);
    EXPECT_GE(meta->committed.seq, static_cast<TxnSeq>(5 + run * 7));  // what was acknowledged is there: it was in the kernel
    std::size_t rows = 0;
    ASSERT_TRUE(opened->store->Scan(0, [&](std::string_view, std::string_view value) {
      EXPECT_EQ(value, std::to_string(meta->committed.seq));
      ++rows;
      return true;
    }));
    EXPECT_EQ(rows, 300u);
  }
}

}  // namespace
}  // namespace offerstream
