// What a learner does with an observation, and what a customer's row costs to write and to read.
#include <bit>
#include <string>
#include <vector>

#include "models/domain/digest.h"
#include "models/learning/response_model.h"
#include "models/learning_fold.h"
#include "state/formats/codecs.h"
#include "tests/bench/stages.h"
#include "tests/support/state_samples.h"
#include "tests/unit/models/learning_worlds.h"

namespace offerstream::bench {
namespace {

// One response model of 64 features: intervals and mature labels, as they come.
std::uint64_t Learn(std::uint64_t count, const Meter& meter) {
  constexpr std::size_t kFeatures = 64;
  const auto plan = testing::SmallPlan(kFeatures);
  const IdHash model = H64("loan/click");
  LearningFold fold(plan);
  std::uint64_t offset = 1;
  for (const auto& row : testing::ResponseRows(model, kFeatures, 200)) fold.Apply(row.observation, row.x, offset++);
  const auto rows = testing::ResponseRows(model, kFeatures, count, 2, 1'700'100'000'000LL);
  meter.begin();
  for (const auto& row : rows) fold.Apply(row.observation, row.x, offset++);
  meter.end();
  std::string bytes;
  fold.Save(model, bytes);
  return H64(bytes);
}

// A5: one hot model of 64 features, nothing around it.
std::uint64_t LearnModel(std::uint64_t count, const Meter& meter) {
  constexpr std::size_t kFeatures = 64;
  const auto rows = testing::ResponseRows(1, kFeatures, 512);
  ResponseModel model(kFeatures);
  meter.begin();
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto& row = rows[i % rows.size()];
    model.Learn(row.x, static_cast<double>(row.observation.y), 1, 0);
  }
  meter.end();
  Digest digest;
  for (std::size_t j = 0; j < kFeatures; ++j) digest.Add(model.mean(j));
  return digest.value();
}

std::uint64_t WriteRow(std::uint64_t count, const Meter& meter) {
  const auto plan = samples::Plan();
  std::vector<CustomerProfile> profiles;
  for (std::uint64_t i = 0; i < 64; ++i) profiles.push_back(samples::Profile(*plan, i));
  std::string bytes;
  bytes.reserve(1 << 20);
  std::uint64_t digest = 0;
  meter.begin();
  for (std::uint64_t i = 0; i < count; ++i) {
    bytes.clear();
    EncodeProfile(*plan, profiles[i % profiles.size()], i, bytes);
    digest = digest * 31 + bytes.size();
  }
  meter.end();
  return digest;
}

std::uint64_t ReadRow(std::uint64_t count, const Meter& meter) {
  const auto plan = samples::Plan();
  std::vector<std::string> rows(64);
  for (std::uint64_t i = 0; i < rows.size(); ++i) EncodeProfile(*plan, samples::Profile(*plan, i), 1, rows[i]);
  std::uint64_t digest = 0;
  meter.begin();
  for (std::uint64_t i = 0; i < count; ++i) {
    CustomerProfile profile;
    digest = digest * 31 + (DecodeProfile(*plan, rows[i % rows.size()], profile) ? profile.exposures.size() : 99);
  }
  meter.end();
  return digest;
}

const Registered learn("learn_d64", &Learn);
const Registered learn_model("learn_model_d64", &LearnModel);
const Registered write_row("write_row", &WriteRow);
const Registered read_row("read_row", &ReadRow);

}  // namespace
}  // namespace offerstream::bench
