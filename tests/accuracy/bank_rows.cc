#include "tests/accuracy/bank_rows.h"

#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <set>
#include <sstream>

namespace offerstream::accuracy {
namespace {

// Inflated by the gzip program: the reader of compressed files belongs to consumers, which this test may not see.
std::vector<std::vector<std::string>> Table(const std::string& path) {
  std::vector<std::vector<std::string>> rows;
  std::FILE* pipe = popen(("gzip -dc '" + path + "'").c_str(), "r");
  if (pipe == nullptr) return rows;
  std::array<char, 4096> line{};
  while (std::fgets(line.data(), line.size(), pipe) != nullptr) {
    std::vector<std::string> row(1);
    for (const char* c = line.data(); *c != 0 && *c != '\n' && *c != '\r'; ++c) {
      if (*c == ';') row.emplace_back();
      else if (*c != '"') row.back() += *c;
    }
    rows.push_back(std::move(row));
  }
  pclose(pipe);
  return rows;
}

}  // namespace

int Seeds(int fallback) {
  const char* text = std::getenv("OFFERSTREAM_SEEDS");
  const int wanted = text == nullptr ? 0 : std::atoi(text);
  return wanted > 0 ? wanted : fallback;
}

BankRows ReadBankRows() {
  const char* root = std::getenv("OFFERSTREAM_DATA");
  const std::string data = root != nullptr ? root : std::string(OFFERSTREAM_SOURCE_DIR) + "/../shared/data";
  const std::string path = data + "/bank_marketing/bank-additional-full.csv.gz";
  BankRows bank;
  if (!std::filesystem::exists(path)) return bank;
  const auto table = Table(path);
  if (table.size() < 2) return bank;
  const std::vector<std::string>& header = table[0];
  const std::set<std::string> numbers = {"age",          "campaign",       "pdays",         "previous",   "emp.var.rate",
                                         "cons.price.idx", "cons.conf.idx", "euribor3m", "nr.employed"};
  std::vector<std::vector<double>> columns, flags;
  const std::size_t n = table.size() - 1;
  for (std::size_t c = 0; c + 1 < header.size(); ++c) {
    if (header[c] == "duration") continue;
    if (numbers.contains(header[c])) {
      std::vector<double> column(n);
      for (std::size_t i = 0; i < n; ++i) column[i] = std::atof(table[i + 1][c].c_str());
      if (header[c] == "pdays") {  // 999 = never contacted before: a flag beside the number
        std::vector<double> flag(n);
        for (std::size_t i = 0; i < n; ++i) {
          flag[i] = column[i] == 999 ? 0 : 1;
          if (column[i] == 999) column[i] = 0;
        }
        flags.push_back(std::move(flag));
      }
      columns.push_back(std::move(column));
      continue;
    }
    std::map<std::string, std::vector<double>> levels;
    for (std::size_t i = 0; i < n; ++i) {
      levels.try_emplace(table[i + 1][c], std::vector<double>(n)).first->second[i] = 1;
    }
    for (auto& [level, column] : levels) flags.push_back(std::move(column));
  }
  bank.x.assign(n, std::vector<float>(1, 1.0F));
  for (const std::vector<double>& column : columns) {
    double sum = 0, squares = 0;
    for (double v : column) {
      sum += v;
      squares += v * v;
    }
    const double mean = sum / static_cast<double>(n);
    const double sd = std::sqrt(std::max(1e-12, squares / static_cast<double>(n) - mean * mean));
    for (std::size_t i = 0; i < n; ++i) bank.x[i].push_back(static_cast<float>((column[i] - mean) / sd));
  }
  for (const std::vector<double>& column : flags) {  // one-hot stays 0 or 1
    for (std::size_t i = 0; i < n; ++i) bank.x[i].push_back(static_cast<float>(column[i]));
  }
  for (std::size_t i = 0; i < n; ++i) bank.y.push_back(table[i + 1].back() == "yes" ? 1.0F : 0.0F);
  return bank;
}

}  // namespace offerstream::accuracy
