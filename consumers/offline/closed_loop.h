// The simulated market and both folds in one thread: what the customers do is decided upon, what is decided is shown.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "consumers/config/config.h"
#include "consumers/offline/demo_tally.h"
#include "consumers/offline/lockstep.h"
#include "consumers/offline/simulated_market.h"
#include "models/domain/status.h"

namespace offerstream {

/// The market of a demonstration: four quiet days, eight of the bank's own campaigns, then the engine.
MarketOptions DemoMarket(std::uint64_t seed, std::size_t customers, double days);

/// Who writes down what happens, in order; empty: nobody. Views hold during the call.
struct LoopLog {
  std::function<void(const MarketRecord&)> event{};
  std::function<void(std::string_view json)> decision{};   ///< as published, after the event that caused it
};

/// One thread. Deterministic: the same options give the same decisions and models.
class ClosedLoop {
 public:
  /// kConfiguration when a mapping cannot be read. REQUIRES: config outlives the loop.
  static Result<std::unique_ptr<ClosedLoop>> Make(const Config& config, const MarketOptions& market, LoopLog log = {});
  ~ClosedLoop();

  /// One record: false when the market is over.
  bool Step();

  /// From now on what was adopted last decides.
  void Freeze();

  const SimulatedMarket& market() const;
  const Lockstep& engine() const;
  const DemoTally& tally() const;
  /// A recent decision with an offer, as published.
  const std::string& sample() const;
  EventTime now() const;
  std::uint64_t rejected() const;

 private:
  ClosedLoop();
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace offerstream
