// A31 on S9: few false alarms, real changes found.
#include <algorithm>
#include <cstdio>
#include <vector>

#include <gtest/gtest.h>

#include "models/domain/fixed_math.h"
#include "models/domain/numeric_path.h"
#include "models/domain/random.h"
#include "models/learning/drift_detector.h"
#include "tests/accuracy/bank_rows.h"

namespace offerstream {
namespace {

enum class Change { kUp, kDown, kInverted };

double Truth(Change change, double z) {
  switch (change) {
    case Change::kUp: return z + .5;
    case Change::kDown: return z - .4;
    case Change::kInverted: return -6 - z;  // the slope around -3 turns round
  }
  return z;
}

// Labels until the alarm after 20,000 quiet ones; 6,000 when none came. *false_alarm: one came before the change.
int Delay(Change change, std::uint64_t run, bool* false_alarm) {
  Draws draws(run, static_cast<std::uint64_t>(change), 9, Purpose::kSimulation);
  DriftDetector detector;
  *false_alarm = false;
  for (int i = 0; i < 20'000; ++i) {
    const double z = -3 + .7 * draws.Normal();
    *false_alarm |= detector.Add(z, draws.Uniform() < fixed::Logistic(z));
  }
  for (int i = 1; i < 6'000; ++i) {
    const double z = -3 + .7 * draws.Normal();
    if (detector.Add(z, draws.Uniform() < fixed::Logistic(Truth(change, z)))) return i;
  }
  return 6'000;
}

TEST(Drift, A31FewFalseAlarmsAndEveryChangeFound) {
  FixNumericPath();
  const int runs = accuracy::Seeds(100);
  int false_alarms = 0, quiet = 0;
  for (const Change change : {Change::kUp, Change::kDown, Change::kInverted}) {
    std::vector<int> delays;
    int missed = 0;
    for (int run = 0; run < runs; ++run) {
      bool false_alarm = false;
      delays.push_back(Delay(change, static_cast<std::uint64_t>(run), &false_alarm));
      missed += delays.back() == 6'000;
      false_alarms += false_alarm;
      ++quiet;
    }
    std::sort(delays.begin(), delays.end());
    std::printf("A31, change %d: median %d labels, %d of %d not within 6,000\n", static_cast<int>(change),
                delays[delays.size() / 2], missed, runs);
    EXPECT_LE(missed, runs / 20);
  }
  std::printf("A31: %.3f of %d runs with a false alarm in 20,000 labels\n", static_cast<double>(false_alarms) / quiet,
              quiet);
  EXPECT_LE(false_alarms, .06 * quiet);
}

}  // namespace
}  // namespace offerstream
