#include <map>
#include <mutex>

#include "state/formats/codecs.h"
#include "state/state_store.h"
#include "state/tombstones.h"

namespace offerstream {
namespace {

// Keeps encoded rows as RocksDB would, so that whatever a test sees went through the codecs. One lock over everything:
// it is for tests and offline runs.
class MemoryStore final : public StateStore {
 public:
  Status Load(std::int32_t partition, std::string_view customer_id, std::string& value) override {
    const std::lock_guard lock(mutex_);
    value.clear();
    const auto& rows = partitions_[partition].rows;
    if (const auto found = rows.find(customer_id); found != rows.end()) value = found->second;
    return {};
  }

  Status LoadMany(std::int32_t partition, const std::vector<std::string_view>& ids,
                  const std::function<void(std::size_t, std::string_view)>& found) override {
    const std::lock_guard lock(mutex_);
    const auto& rows = partitions_[partition].rows;
    for (std::size_t i = 0; i < ids.size(); ++i) {
      if (const auto row = rows.find(ids[i]); row != rows.end()) found(i, row->second);
    }
    return {};
  }

  Status Scan(std::int32_t partition,
              const std::function<bool(std::string_view customer_id, std::string_view value)>& row) override {
    const std::lock_guard lock(mutex_);
    for (const auto& [id, value] : partitions_[partition].rows) {
      if (!row(id, value)) break;
    }
    return {};
  }

  Status Write(std::int32_t partition, const StateBatch& batch, const PartitionMeta& meta) override {
    const std::lock_guard lock(mutex_);
    Partition& p = partitions_[partition];
    for (const StateRow& row : batch.rows) {
      std::string value(batch.Value(row));
      if (value.empty()) {
        EncodeTombstone(row.as_of, value);
        p.tombstones.Add(row.as_of, batch.Id(row));
      }
      p.rows.insert_or_assign(std::string(batch.Id(row)), std::move(value));
    }
    p.meta.clear();
    EncodeMeta(meta, p.meta);
    if (meta.restoring) return {};
    for (const auto& [as_of, id] : p.tombstones.TakeUpTo(meta.floor.seq)) {
      const auto row = p.rows.find(id);
      if (row == p.rows.end()) continue;
      const Result<RowPeek> peek = PeekProfile(row->second);
      if (peek && peek->gone && peek->as_of == as_of) p.rows.erase(row);
    }
    return {};
  }

  Result<PartitionMeta> LoadMeta(std::int32_t partition) override {
    const std::lock_guard lock(mutex_);
    const auto found = partitions_.find(partition);
    if (found == partitions_.end() || found->second.meta.empty()) return Fail(Code::kNotFound);
    return DecodeMeta(found->second.meta);
  }

  Status DropPartition(std::int32_t partition) override {
    const std::lock_guard lock(mutex_);
    partitions_.erase(partition);
    return {};
  }

  Status WriteModels(std::int32_t partition, const std::vector<std::pair<std::string, std::string>>& models,
                     std::uint64_t floor) override {
    const std::lock_guard lock(mutex_);
    StoredModels& stored = models_[partition];
    for (const auto& [id, snapshot] : models) stored.models.insert_or_assign(id, snapshot);
    stored.floor = floor;
    stored.found = true;
    return {};
  }

  Result<StoredModels> LoadModels(std::int32_t partition) override {
    const std::lock_guard lock(mutex_);
    const auto found = models_.find(partition);
    return found == models_.end() ? StoredModels{} : found->second;
  }

  Status WritePlan(std::uint32_t epoch, std::string_view text) override {
    const std::lock_guard lock(mutex_);
    plans_.insert_or_assign(epoch, std::string(text));
    return {};
  }

  Result<std::map<std::uint32_t, std::string>> LoadPlans() override {
    const std::lock_guard lock(mutex_);
    return plans_;
  }

  Result<HeldPartitions> Held() override {
    const std::lock_guard lock(mutex_);
    HeldPartitions held;
    for (const auto& [partition, p] : partitions_) {
      if (!p.meta.empty()) held.decided.push_back(partition);
    }
    for (const auto& [partition, stored] : models_) held.learned.push_back(partition);
    return held;
  }
  std::int64_t ErasedSince() const override { return 0; }
  Result<bool> Purge(std::atomic<bool>&) override { return false; }
  Status Checkpoint(const std::string& path) override { return Fail(Code::kIo, path + ": a store in memory has no checkpoint"); }

  void MarkDamaged() override {}
  Status Sync() override { return {}; }

  std::map<std::string, std::pair<std::uint64_t, std::uint64_t>> Sizes() const override {
    const std::lock_guard lock(mutex_);
    std::map<std::string, std::pair<std::uint64_t, std::uint64_t>> sizes;
    for (const auto& [partition, p] : partitions_) {
      for (const auto& [id, value] : p.rows) sizes["profiles"].first += id.size() + value.size();
      sizes["profiles"].second += p.rows.size();
    }
    for (const auto& [partition, stored] : models_) {
      for (const auto& [id, snapshot] : stored.models) sizes["models"].first += id.size() + snapshot.size();
      sizes["models"].second += stored.models.size();
    }
    return sizes;
  }

 private:
  struct Partition {
    std::map<std::string, std::string, std::less<>> rows{};
    std::string meta{};
    Tombstones tombstones{};
  };

  mutable std::mutex mutex_;
  std::map<std::int32_t, Partition> partitions_{};
  std::map<std::int32_t, StoredModels> models_{};
  std::map<std::uint32_t, std::string> plans_{};
};

}  // namespace

std::unique_ptr<StateStore> OpenMemoryStore() { return std::make_unique<MemoryStore>(); }

}  // namespace offerstream
