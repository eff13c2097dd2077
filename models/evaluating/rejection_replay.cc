#include "models/evaluating/rejection_replay.h"

#include <algorithm>
#include <cassert>
#include <cmath>

#include "models/domain/random.h"

namespace offerstream {
namespace {

constexpr double kNormal95 = 1.959963984540054;
constexpr double kRounding = 1e-9;   // weights of the same choice in two passes may differ in the last bits

}  // namespace

RejectionReplay::RejectionReplay(std::uint64_t seed, double bound) : seed_(seed), bound_(bound) { assert(bound > 0); }

bool RejectionReplay::Accept(double weight, IdHash customer, std::uint64_t decision) {
  ++offered_;
  clipped_ += weight > bound_ * (1 + kRounding);
  // The bootstrap draws for customers at event 0; a decision's id is never 0.
  Draws draws(seed_, customer, decision, Purpose::kBootstrap);
  return draws.Uniform() * bound_ < weight;
}

void RejectionReplay::Add(double reward) {
  ++n_;
  sum_ += reward;
  squares_ += reward * reward;
}

double RejectionReplay::Value() const { return n_ == 0 ? 0 : sum_ / static_cast<double>(n_); }

Interval RejectionReplay::Normal() const {
  const double n = static_cast<double>(n_), mean = Value();
  if (n_ < 2) return {mean, mean};
  const double half = kNormal95 * std::sqrt(std::max(0.0, squares_ / n - mean * mean) / (n - 1));
  return {mean - half, mean + half};
}

}  // namespace offerstream
