// A model's saved bytes, arbitrary or genuine ones with bytes exchanged: refused, or taken over and saved again alike.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "models/learning_fold.h"
#include "tests/unit/models/learning_worlds.h"

namespace offerstream {
namespace {

constexpr std::size_t kDimension = 4;

/// A fold that has learned a little of every kind of model it was told of.
const LearningFold& Taught() {
  static const LearningFold fold = [] {
    LearningFold f(testing::SmallPlan(kDimension));
    std::uint64_t offset = 1;
    for (const testing::Row& row : testing::ResponseRows(H64("loan/click"), kDimension, 60)) f.Apply(row.observation, row.x, offset++);
    return f;
  }();
  return fold;
}

std::string Patched(std::string bytes, std::string_view patch) {
  for (std::size_t i = 0; i + 2 < patch.size() && !bytes.empty(); i += 3) {
    const auto at = (static_cast<unsigned char>(patch[i]) * 256U + static_cast<unsigned char>(patch[i + 1])) % bytes.size();
    bytes[at] = patch[i + 2];
  }
  return bytes;
}

}  // namespace

int FuzzModelSnapshot(std::string_view input) {
  static constexpr std::string_view kIds[] = {"loan/click", "caps", "segments", "lift"};
  if (input.empty()) return 0;
  const auto choice = static_cast<unsigned char>(input[0]);
  const std::string_view id = kIds[choice % 4];
  std::string bytes(input.substr(1));
  if (choice >= 128 && id == "loan/click") {
    std::string genuine;
    Taught().Save(H64(id), genuine);
    bytes = Patched(std::move(genuine), input.substr(1));
  }
  const auto plan = testing::SmallPlan(kDimension);
  (void)LearningFold::Read(*plan, id, 7, bytes);
  LearningFold fold(plan);
  if (!fold.Restore(id, 7, bytes)) return 0;
  std::string again, twice;
  fold.Save(H64(id), again);
  LearningFold second(plan);
  // A carried-over feature of absurd scale may overflow and be refused then; what is taken over twice must not change.
  if (!second.Restore(id, 7, again)) return 0;
  second.Save(H64(id), twice);
  if (again != twice) std::abort();
  return 0;
}

}  // namespace offerstream

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  return offerstream::FuzzModelSnapshot({reinterpret_cast<const char*>(bytes), size});
}
