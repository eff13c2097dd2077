// The bank-marketing table as learning.md reads it: file order, no `duration`, numbers with whole-file centre and
// scale, one-hot levels as 0 and 1.
#pragma once

#include <string>
#include <vector>

namespace offerstream::accuracy {

/// One row a minute; x[0] = 1. 64 features: 9 numbers, 53 levels, whether ever contacted before, and the bias.
struct BankRows {
  std::vector<std::vector<float>> x{};
  std::vector<float> y{};
};

/// The table under OFFERSTREAM_DATA, else ../shared/data beside the sources; empty when it is not there.
BankRows ReadBankRows();

/// OFFERSTREAM_SEEDS: how many seeds or runs a simulation uses; `fallback` when unset (short) — the full counts are in
/// README.md.
int Seeds(int fallback);

}  // namespace offerstream::accuracy
