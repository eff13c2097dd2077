// A30: what a customer buys next, from what is bought together.
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <functional>
#include <map>
#include <set>
#include <string>

#include <gtest/gtest.h>

#include "models/domain/event_time.h"
#include "models/domain/numeric_path.h"
#include "models/domain/random.h"
#include "models/learning/item_similarity.h"

namespace offerstream {
namespace {

struct Line {
  std::string invoice{};
  IdHash item = 0, customer = 0;
  EventTime time = 0;
};

// Purchases with a customer; descriptions may hold quoted commas, and what is wanted stands before and after them.
std::vector<Line> ReadPurchases(const std::string& path) {
  std::vector<Line> lines;
  std::FILE* pipe = popen(("gzip -dc '" + path + "'").c_str(), "r");
  if (pipe == nullptr) return lines;
  std::array<char, 4096> text{};
  while (std::fgets(text.data(), text.size(), pipe) != nullptr) {
    std::vector<std::string> cells(1);
    bool quoted = false;
    for (const char* c = text.data(); *c != 0 && *c != '\n' && *c != '\r'; ++c) {
      if (*c == '"') quoted = !quoted;
      else if (*c == ',' && !quoted) cells.emplace_back();
      else cells.back() += *c;
    }
    if (cells.size() != 8 || cells[6].empty() || cells[0].empty() || cells[0][0] == 'C' || std::atoi(cells[3].c_str()) <= 0) continue;
    const std::string when = cells[4].substr(0, 10) + "T" + cells[4].substr(11) + "Z";
    EventTime time = 0;
    if (!ParseRfc3339(when, time)) continue;
    lines.push_back({cells[0], H64(cells[1]), H64(cells[6]), time});
  }
  pclose(pipe);
  return lines;
}

struct Customer {
  std::string last_invoice{};
  std::set<IdHash> before{}, hidden{};
  std::vector<IdHash> order{};  // items as last bought, before the hidden invoice
};

double HitRate(const std::map<IdHash, Customer>& customers, const std::function<std::vector<IdHash>(IdHash, const Customer&)>& recommend, int& asked) {
  int hits = 0;
  asked = 0;
  for (const auto& [id, c] : customers) {
    if (c.before.empty()) continue;
    std::set<IdHash> fresh;
    for (const IdHash item : c.hidden) {
      if (!c.before.contains(item)) fresh.insert(item);
    }
    if (fresh.empty()) continue;
    ++asked;
    const auto chosen = recommend(id, c);
    hits += std::any_of(chosen.begin(), chosen.end(), [&](IdHash item) { return fresh.contains(item); });
  }
  return static_cast<double>(hits) / asked;
}

using Buyers = std::map<IdHash, std::set<IdHash>>;

// The batch rival: cosine over all customers and all history.
class BatchNeighbours {
 public:
  BatchNeighbours(const std::map<IdHash, Customer>& customers, const Buyers& buyers) {
    for (const auto& [item, who] : buyers) {
      number_[item] = hash_of_.size();
      hash_of_.push_back(item);
      norm_.push_back(std::sqrt(static_cast<double>(who.size())));
    }
    together_.resize(hash_of_.size() * hash_of_.size());
    for (const auto& [id, c] : customers) {
      for (const IdHash a : c.before) {
        const std::size_t row = number_.at(a) * hash_of_.size();
        for (const IdHash b : c.before) together_[row + number_.at(b)] += a != b;
      }
    }
  }

  std::vector<IdHash> Recommend(const Customer& c, std::size_t count) const {
    const std::size_t kinds = hash_of_.size();
    std::vector<double> sum(kinds);
    for (const IdHash item : c.before) {
      const std::size_t a = number_.at(item);
      for (std::size_t b = 0; b < kinds; ++b) sum[b] += together_[a * kinds + b] / (norm_[a] * norm_[b]);
    }
    std::vector<std::pair<double, IdHash>> best;
    for (std::size_t b = 0; b < kinds; ++b) {
      if (sum[b] > 0 && !c.before.contains(hash_of_[b])) best.emplace_back(-sum[b], hash_of_[b]);
    }
    const std::size_t n = std::min(count, best.size());
    std::partial_sort(best.begin(), best.begin() + static_cast<std::ptrdiff_t>(n), best.end());
    std::vector<IdHash> chosen;
    for (std::size_t i = 0; i < n; ++i) chosen.push_back(best[i].second);
    return chosen;
  }

 private:
  std::map<IdHash, std::size_t> number_{};
  std::vector<IdHash> hash_of_{};
  std::vector<double> norm_{};
  std::vector<int> together_{};
};

TEST(Items, A30TheNextPurchaseIsFoundMoreOftenThanByBatchNeighboursOrPopularity) {
  FixNumericPath();
  const char* root = std::getenv("OFFERSTREAM_DATA");
  const std::string data = root != nullptr ? root : std::string(OFFERSTREAM_SOURCE_DIR) + "/../shared/data";
  const std::string path = data + "/online_retail/online_retail.csv.gz";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "online_retail is not there";
  const std::vector<Line> lines = ReadPurchases(path);
  std::map<IdHash, Customer> customers;
  for (const Line& line : lines) customers[line.customer].last_invoice = line.invoice;
  std::map<IdHash, RecentItems> recent;
  std::map<IdHash, std::string> invoice;
  ItemSimilarity items;
  Buyers buyers;
  std::int64_t learned = 0;
  const std::clock_t begin = std::clock();  // of this process: other work on the machine does not count
  for (const Line& line : lines) {
    Customer& c = customers[line.customer];
    if (line.invoice == c.last_invoice) {
      c.hidden.insert(line.item);
      continue;
    }
    c.before.insert(line.item);
    buyers[line.item].insert(line.customer);
    const bool new_order = invoice[line.customer] != line.invoice;
    if (new_order) invoice[line.customer] = line.invoice;
    items.Learn(recent[line.customer], line.item, line.time, new_order);
    recent[line.customer].Take(line.item, line.time);
    ++learned;
  }
  const double spent_us = 1e6 * static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
  items.Refresh();

  int asked = 0;
  std::vector<std::pair<double, IdHash>> popular;  // by number of customers
  for (const auto& [item, who] : buyers) popular.emplace_back(-static_cast<double>(who.size()), item);
  std::sort(popular.begin(), popular.end());
  const auto owned = [](const Customer& c) { return std::vector<IdHash>(c.before.begin(), c.before.end()); };
  const double ours = HitRate(customers, [&](IdHash id, const Customer& c) { return items.Recommend(recent[id], owned(c), 10); }, asked);
  const double by_count = HitRate(customers, [&](IdHash, const Customer& c) {
    std::vector<IdHash> chosen;
    for (const auto& [n, item] : popular) {
      if (chosen.size() < 10 && !c.before.contains(item)) chosen.push_back(item);
    }
    return chosen;
  }, asked);
  const BatchNeighbours neighbours(customers, buyers);
  const double batch = HitRate(customers, [&](IdHash, const Customer& c) { return neighbours.Recommend(c, 10); }, asked);
  std::printf("A30: %d customers asked; HR@10 %.4f, batch neighbours %.4f, popularity %.4f; %.1f us a row (%lld rows, %zu items, %lld pairs skipped)\n",
              asked, ours, batch, by_count, spent_us / static_cast<double>(learned), static_cast<long long>(learned), items.items(),
              static_cast<long long>(items.pairs_skipped()));
  EXPECT_GE(ours, batch);
  EXPECT_GE(ours, 1.4 * by_count);
  EXPECT_LE(spent_us / static_cast<double>(learned), 50);
}

}  // namespace
}  // namespace offerstream
