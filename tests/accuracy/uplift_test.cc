// A28: who visits because of the e-mail, on the Hillstrom test: 20 random halves, one pass, 9 features.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "models/domain/numeric_path.h"
#include "models/domain/random.h"
#include "models/evaluating/qini.h"
#include "models/learning/uplift_model.h"
#include "tests/accuracy/bank_rows.h"

namespace offerstream {
namespace {

struct Row {
  std::vector<float> x{};
  int arm = 0;   // 0 none, 1 men's, 2 women's
  double visit = 0;
};

std::vector<Row> ReadRows(const std::string& path) {
  std::vector<Row> rows;
  std::FILE* pipe = popen(("gzip -dc '" + path + "'").c_str(), "r");
  if (pipe == nullptr) return rows;
  char line[1024];
  bool header = true;
  while (std::fgets(line, sizeof line, pipe) != nullptr) {
    if (std::exchange(header, false)) continue;
    std::vector<std::string> cells(1);
    for (const char* c = line; *c != 0 && *c != '\n' && *c != '\r'; ++c) {
      if (*c == ',') cells.emplace_back();
      else cells.back() += *c;
    }
    // history_segment holds commas ("7) $1,000 +"), quoted or not: the last ten cells are the rest of the row.
    if (cells.size() < 12) continue;
    const std::size_t at = cells.size() - 10;
    const auto number = [&](std::size_t i) { return static_cast<float>(std::atof(cells[at + i].c_str())); };
    Row row;
    row.x = {1, (static_cast<float>(std::atof(cells[0].c_str())) - 5.764f) / 3.508f, (number(0) - 242.1f) / 256.2f, number(1), number(2),
             cells[at + 3] == "Surburban" ? 1.0f : 0.0f, cells[at + 3] == "Urban" ? 1.0f : 0.0f, number(4),
             cells[at + 5] == "Phone" ? 1.0f : 0.0f, cells[at + 5] == "Web" ? 1.0f : 0.0f};
    row.arm = cells[at + 6] == "Mens E-Mail" ? 1 : cells[at + 6] == "Womens E-Mail" ? 2 : 0;
    row.visit = static_cast<double>(number(7));
    rows.push_back(std::move(row));
  }
  pclose(pipe);
  return rows;
}

// Qini area of one random half, learned on the other.
double Half(const std::vector<Row>& rows, int arm, UpliftKind kind, std::uint64_t run) {
  std::vector<const Row*> mine;
  for (const Row& row : rows) {
    if (row.arm == 0 || row.arm == arm) mine.push_back(&row);
  }
  Draws draws(run, static_cast<std::uint64_t>(arm), 28, Purpose::kSimulation);
  for (std::size_t i = mine.size(); i > 1; --i) std::swap(mine[i - 1], mine[draws.Below(i)]);
  UpliftModel model(rows.front().x.size(), kind);
  const std::size_t half = mine.size() / 2;
  for (std::size_t i = 0; i < half; ++i) model.Learn(mine[i]->x, mine[i]->arm != 0, mine[i]->visit);
  std::vector<ScoredUnit> units;
  for (std::size_t i = half; i < mine.size(); ++i) {
    units.push_back({model.Predict(mine[i]->x).uplift, mine[i]->visit, mine[i]->arm != 0});
  }
  return QiniArea(units);
}

TEST(Uplift, A28QiniOnTheHillstromTest) {
  FixNumericPath();
  const char* root = std::getenv("OFFERSTREAM_DATA");
  const std::string path = (root != nullptr ? std::string(root) : std::string(OFFERSTREAM_SOURCE_DIR) + "/../shared/data") + "/hillstrom/hillstrom.csv.gz";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is not there";
  const std::vector<Row> rows = ReadRows(path);
  ASSERT_EQ(rows.size(), 64'000u);
  const int runs = accuracy::Seeds(20);
  double area[3][2] = {};
  for (const int arm : {1, 2}) {
    for (const UpliftKind kind : {UpliftKind::kShared, UpliftKind::kSeparate}) {
      double& mean = area[arm][static_cast<int>(kind)];
      for (int run = 0; run < runs; ++run) mean += Half(rows, arm, kind, static_cast<std::uint64_t>(run)) / runs;
    }
    std::printf("A28 %s: Qini area per treated, shared %.4f, separate %.4f\n", arm == 1 ? "men's" : "women's", area[arm][0], area[arm][1]);
  }
  EXPECT_GE(area[2][0], .0065);
  EXPECT_GE(std::max(area[2][0], area[2][1]), .0070);
  EXPECT_GE(area[1][0], area[1][1]);
}

}  // namespace
}  // namespace offerstream
