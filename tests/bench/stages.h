// The stages whose instructions are counted. Each works on COUNT items and returns a digest of its answers, so that the
// work cannot be optimised away and a wrong answer is seen before a cost is believed.
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace offerstream::bench {

/// Prepares its inputs, then calls `begin`, works on `count` items, and calls `end`. Allocations and instructions are
/// counted between the two.
struct Meter {
  void (*begin)();
  void (*end)();
};

using Stage = std::uint64_t (*)(std::uint64_t count, const Meter& meter);

/// All stages by name; each file adds its own.
std::map<std::string, Stage>& Stages();

/// Registers a stage at start: `const Registered learn("learn", &Learn);`
struct Registered {
  Registered(const char* name, Stage stage) { Stages()[name] = stage; }
};

}  // namespace offerstream::bench
