// What the columns of a table look like: types, levels, and which may be the customer, the time and the answer.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "consumers/wire/event_mapping.h"
#include "models/domain/status.h"

namespace offerstream {

/// One column (CSV) or one leaf of the objects (JSON lines), over the rows looked at.
struct TableColumn {
  static constexpr std::size_t kLevelsMax = 200;  ///< distinct values remembered

  std::string pointer{}, name{};           ///< JSON Pointer and its last key
  std::uint64_t present = 0, numbers = 0;  ///< rows with a value; with a number
  double sum = 0, squares = 0;
  std::map<std::string, std::uint64_t> levels{};  ///< counts of the first kLevelsMax distinct values
  bool many = false;                              ///< more distinct values than that
  std::string first{};                            ///< the first value, for the test of the draft
  /// How well it ranks the guessed answers alone, as AUC turned to .5 or more; .5 where there is no answer to rank.
  double separation = 0.5;
  bool only_with_yes = false;                     ///< there in (nearly) no row whose answer is no, though often enough with yes

  /// Mean of its numbers; 0 when there is none.
  double Mean() const;
  /// Standard deviation of its numbers; 1 when there is none.
  double Deviation() const;
  /// At least 95 % of its values are numbers, and more than two differ.
  bool Number() const;
  /// Two values, each a truth value as the decoder reads them.
  bool Truth() const;
};

/// A table as seen in its first rows.
struct TableProfile {
  static constexpr std::uint64_t kRowsMax = 20'000;

  bool csv = true;
  char delimiter = ',';
  std::uint64_t rows = 0;
  std::string first_row{};             ///< as JSON
  std::vector<TableColumn> columns{};  ///< in order of appearance

  // Guesses: -1 = none.
  int customer = -1, time = -1, answer = -1, amount = -1;
  std::string time_format{};  ///< "" = RFC 3339; "epoch_s", "epoch_ms"; else a strftime format
  std::string answer_yes{};   ///< the value that means yes
  std::uint64_t out_of_order = 0;  ///< rows whose time is before an earlier row's
};

/// Reads and guesses. Errors: kIo; kDecode when it is neither CSV nor JSON lines.
Result<TableProfile> ProfileTable(const std::string& path);

}  // namespace offerstream
