// What an observation costs on its way out: one model's rows of 64 features in blocks of 500.
#include <string>
#include <vector>

#include "models/domain/random.h"
#include "state/formats/codecs.h"
#include "tests/bench/stages.h"
#include "tests/unit/models/learning_worlds.h"

namespace offerstream::bench {
namespace {

constexpr std::size_t kFeatures = 64, kBlock = 500;

std::uint64_t WriteObservations(std::uint64_t count, const Meter& meter) {
  const auto plan = testing::SmallPlan(kFeatures);
  ObservationBatch batch;
  Draws draws(1, 1, 1, Purpose::kSimulation);
  for (auto& row : testing::ResponseRows(H64("loan/click"), kFeatures, kBlock)) {
    row.observation.x_begin = static_cast<std::uint32_t>(batch.arena.size());
    row.observation.x_size = kFeatures;
    // As customers look: a few numbers, the rest one-hot.
    for (std::size_t j = 1; j < kFeatures; ++j) {
      if (j >= 14) row.x[j] = draws.Below(8) == 0 ? 1.0F : 0.0F;
    }
    batch.arena.insert(batch.arena.end(), row.x.begin(), row.x.end());
    batch.rows.push_back(row.observation);
  }
  std::vector<std::uint32_t> rows;
  for (std::uint32_t r = 0; r < kBlock; ++r) rows.push_back(r);
  std::string bytes;
  bytes.reserve(1 << 20);
  std::uint64_t digest = 0;
  meter.begin();
  for (std::uint64_t done = 0; done < count; done += kBlock) {
    bytes.clear();
    EncodeObservations(*plan, batch, rows, bytes);
    digest = digest * 31 + bytes.size();
  }
  meter.end();
  return digest + H64(bytes);
}

const Registered write_observations("write_observations", &WriteObservations);

}  // namespace
}  // namespace offerstream::bench
