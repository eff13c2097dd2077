// A second look at a table whose answer is guessed: which columns know too much, and whether its rows are in order.
#pragma once

#include <string>

#include "consumers/wire/table_profile.h"
#include "models/domain/status.h"

namespace offerstream {

/// Fills separation and only_with_yes of the columns and out_of_order, from the same first rows. REQUIRES: table.csv, its
/// guesses made. Errors: kIo.
Status LookForLeaks(const std::string& path, TableProfile& table);

}  // namespace offerstream
