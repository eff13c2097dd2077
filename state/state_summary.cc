#include "state/state_summary.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include <fmt/format.h>

#include "models/domain/event_time.h"
#include "state/formats/codecs.h"
#include "state/sha256.h"

namespace offerstream {
namespace {

namespace fs = std::filesystem;

std::string TimeJson(EventTime time) { return time == kNever ? "null" : "\"" + FormatTime(time) + "\""; }

std::string PositionJson(const FoldPosition& position) {
  return fmt::format("{{\"transaction\":{},\"offsets\":[{}],\"watermark\":{},\"frontier\":{},\"journal_offset\":{},\"plan_epoch\":{}}}", position.seq,
                     fmt::join(position.offsets, ","), TimeJson(position.watermark), TimeJson(position.frontier), position.journal_offset,
                     position.plan_epoch);
}

tl::unexpected<Error> IoError(const std::string& path, int number) { return Fail(Code::kIo, fmt::format("{}: {}", path, std::strerror(number))); }

// A file's or a directory's bytes on the disk.
Status SyncPath(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return IoError(path, errno);
  const int synced = ::fsync(file), number = errno;
  ::close(file);
  return synced == 0 ? Status{} : Status(IoError(path, number));
}

Status WriteText(const std::string& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary);
  file << text;
  file.close();
  return file ? Status{} : Status(IoError(path, errno));
}

// Reads the copy as a restart would, and leaves nothing in it.
Result<StateSummary> Verify(const std::string& dir) {
  auto copy = OpenRocksDbReadOnly(dir);
  if (!copy) return tl::unexpected(copy.error());
  auto summary = Summarise(**copy);
  copy->reset();
  std::error_code ignored;
  fs::remove(dir + "/lock", ignored);
  return summary;
}

}  // namespace

Result<StateSummary> Summarise(StateStore& store) {
  StateSummary summary;
  const auto held = store.Held();
  if (!held) return tl::unexpected(held.error());
  for (const std::int32_t partition : held->decided) {
    PartitionSummary one{.partition = partition};
    auto meta = store.LoadMeta(partition);
    if (!meta) return tl::unexpected(meta.error());
    one.meta = std::move(*meta);
    Status damaged{};
    const Status scanned = store.Scan(partition, [&](std::string_view id, std::string_view row) {
      const auto peek = PeekProfile(row);
      if (!peek) {
        damaged = Fail(peek.error().code, fmt::format("row of a customer in partition {}: {}", partition, peek.error().detail));
        return false;
      }
      ++(peek->gone ? one.erased : one.customers);
      one.bytes += id.size() + row.size();
      return true;
    });
    if (!scanned) return tl::unexpected(scanned.error());
    if (!damaged) return tl::unexpected(damaged.error());
    summary.partitions.push_back(std::move(one));
  }
  for (const std::int32_t partition : held->learned) {
    const auto stored = store.LoadModels(partition);
    if (!stored) return tl::unexpected(stored.error());
    LearnerSummary one{.partition = partition, .floor = stored->floor, .models = stored->models.size()};
    for (const auto& [id, model] : stored->models) {
      if (const auto sound = DecodeModel(model); !sound) return Fail(sound.error().code, fmt::format("model {}: {}", id, sound.error().detail));
      one.bytes += model.size();
    }
    summary.learners.push_back(one);
  }
  const auto plans = store.LoadPlans();
  if (!plans) return tl::unexpected(plans.error());
  summary.plans = plans->size();
  summary.erased_since_ms = store.ErasedSince();
  return summary;
}

std::string SummaryJson(const StateSummary& summary) {
  std::string partitions, learners;
  for (const PartitionSummary& p : summary.partitions) {
    partitions += fmt::format("{}{{\"partition\":{},\"committed\":{},\"floor\":{},\"log_id\":\"{:016x}{:016x}\",\"changelog_offset\":{},"
                              "\"written_at\":{},\"restoring\":{},\"customers\":{},\"erased\":{},\"bytes\":{}}}",
                              partitions.empty() ? "" : ",", p.partition, PositionJson(p.meta.committed), PositionJson(p.meta.floor),
                              p.meta.log_id.high, p.meta.log_id.low, p.meta.changelog_offset, TimeJson(p.meta.applied_at_ms), p.meta.restoring,
                              p.customers, p.erased, p.bytes);
  }
  for (const LearnerSummary& l : summary.learners) {
    learners += fmt::format("{}{{\"partition\":{},\"floor\":{},\"models\":{},\"bytes\":{}}}", learners.empty() ? "" : ",", l.partition, l.floor,
                            l.models, l.bytes);
  }
  return fmt::format("{{\"partitions\":[{}],\"learners\":[{}],\"plans\":{},\"erased_lingers_since\":{}}}", partitions, learners, summary.plans,
                     summary.erased_since_ms == 0 ? "null" : TimeJson(summary.erased_since_ms));
}

Result<StateSummary> WriteCheckpoint(StateStore& store, const std::string& dir, std::int64_t now_ms, const std::function<void()>& half) {
  const fs::path target = fs::absolute(dir).lexically_normal();
  const std::string name = target.has_filename() ? target.string() : target.parent_path().string(), beside = name + ".half";
  std::error_code error;
  if (fs::exists(name, error)) return Fail(Code::kIo, name + " exists already; name a new directory");
  fs::remove_all(beside, error);
  if (!error) fs::create_directories(beside, error);
  if (error) return Fail(Code::kIo, fmt::format("{}: {}", beside, error.message()));
  if (Status copied = store.Checkpoint(beside + "/db"); !copied) return tl::unexpected(copied.error());
  auto summary = Verify(beside);
  if (!summary) return summary;
  const std::string manifest = fmt::format("{{\"format\":1,\"created\":\"{}\",\"state\":{}}}\n", FormatTime(now_ms), SummaryJson(*summary));
  if (Status told = WriteText(beside + "/manifest.json", manifest); !told) return tl::unexpected(told.error());
  std::vector<std::string> files = {"manifest.json"};
  for (const fs::directory_entry& entry : fs::directory_iterator(beside + "/db", error)) files.push_back("db/" + entry.path().filename().string());
  if (error) return Fail(Code::kIo, fmt::format("{}: {}", beside, error.message()));
  std::sort(files.begin(), files.end());
  std::string sums;
  for (const std::string& file : files) {
    const auto sum = Sha256OfFile(beside + "/" + file);
    if (!sum) return tl::unexpected(sum.error());
    sums += *sum + "  " + file + "\n";
  }
  if (Status told = WriteText(beside + "/SHA256SUMS", sums); !told) return tl::unexpected(told.error());
  files.insert(files.end(), {"SHA256SUMS", "db", "."});
  for (const std::string& file : files) {
    if (Status synced = SyncPath(beside + "/" + file); !synced) return tl::unexpected(synced.error());
  }
  half();
  fs::rename(beside, name, error);
  if (error) return Fail(Code::kIo, fmt::format("{}: {}", name, error.message()));
  if (Status synced = SyncPath(fs::path(name).parent_path().string()); !synced) return tl::unexpected(synced.error());
  return summary;
}

}  // namespace offerstream
