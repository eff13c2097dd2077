// The invoices of online_retail for tests on real data.
#pragma once

#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/gzip_lines.h"

namespace offerstream::testing {

/// Calls `buys(customer, amount, date)` for every purchase invoice of a known customer, in file order: what its lines cost
/// together, and its date as text. Cancelled invoices, customers without an id and amounts not above 0 are passed over.
template <typename Buys>
void EachInvoice(GzipLines& lines, Buys&& buys) {
  std::string invoice, customer, date;
  double amount = 0;
  const auto close = [&] {
    if (!customer.empty() && amount > 0) buys(std::string_view(customer), amount, std::string_view(date));
  };
  std::vector<std::string_view> field;
  std::string_view line;
  lines.Next(line);   // header
  while (lines.Next(line)) {
    SplitCsv(line, field);
    if (field.size() != 8) continue;
    if (field[0] != invoice) {
      close();
      invoice = field[0];
      customer = invoice[0] == 'C' ? "" : std::string(field[6]);
      date = field[4];
      amount = 0;
    }
    amount += std::strtod(field[3].data(), nullptr) * std::strtod(field[5].data(), nullptr);
  }
  close();
}

}  // namespace offerstream::testing
