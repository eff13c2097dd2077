#include "models/evaluating/honest_f1.h"

#include <cassert>

#include "models/evaluating/progressive_score.h"

namespace offerstream {
namespace {

constexpr std::size_t kMemory = 5000;
constexpr std::uint32_t kChoiceEvery = 250;

}  // namespace

HonestF1::HonestF1() : until_choice_(kChoiceEvery), count_(ProgressiveScore::kBins) { ring_.reserve(kMemory); }

void HonestF1::Add(double p, bool y) {
  assert(p >= 0 && p <= 1);
  if (standing_.threshold > 0) {
    const bool shown = p >= standing_.threshold;
    ++standing_.judged;
    standing_.shown += shown;
    standing_.hits += shown && y;
    standing_.positives += y;
  }
  const auto said = static_cast<float>(p);
  if (ring_.size() < kMemory) {
    ring_.push_back(said);
  } else {
    --count_[ProgressiveScore::BinOf(static_cast<double>(ring_[next_]))];
    ring_[next_] = said;
    next_ = (next_ + 1) % kMemory;
  }
  ++count_[ProgressiveScore::BinOf(static_cast<double>(said))];
  if (--until_choice_ == 0) Choose();
}

void HonestF1::Choose() {
  until_choice_ = kChoiceEvery;
  double total = 0;
  for (const float p : ring_) total += static_cast<double>(p);
  double above = 0, sum = 0, best = 0;
  for (std::size_t k = ProgressiveScore::kBins; k-- > 0;) {
    if (count_[k] == 0) continue;
    above += count_[k];
    sum += count_[k] * ProgressiveScore::MiddleOf(k);
    const double expected = 2 * sum / (above + total);
    if (expected <= best) continue;
    best = expected;
    standing_.threshold = ProgressiveScore::FloorOf(k);
  }
}

}  // namespace offerstream
