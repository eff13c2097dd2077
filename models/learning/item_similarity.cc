#include "models/learning/item_similarity.h"

#include <algorithm>
#include <cmath>

#include "models/domain/decay.h"
#include "models/domain/fixed_math.h"

namespace offerstream {
namespace {

constexpr Duration kHalfLife = 90 * kDay;
constexpr std::uint32_t kPairsADay = 500;
constexpr double kShrink = 10, kG2Least = 10.83;
constexpr double kUnitMost = 1e6;  // then all weights are made small again
constexpr std::size_t kPopular = 1000;
constexpr double kListGrowth = 1.01;
// An item of which less than this is left (one purchase half a year ago) makes room for a new one, where looking for it is cheap.
constexpr double kForgotten = 0.25;
constexpr std::size_t kReplacedAmong = 4096;

// k ln k, and 0 at 0.
double Entropy(double k) { return k > 0 ? k * fixed::Log(k) : 0; }

// Dunning's log-likelihood ratio of a 2 x 2 table.
double G2(double both, double only_a, double only_b, double neither) {
  const double n = both + only_a + only_b + neither;
  const double cells = Entropy(both) + Entropy(only_a) + Entropy(only_b) + Entropy(neither);
  const double rows = Entropy(both + only_a) + Entropy(only_b + neither), columns = Entropy(both + only_b) + Entropy(only_a + neither);
  return 2 * (cells - rows - columns + Entropy(n));
}

bool Less(const ItemSimilarity::Similar& a, const ItemSimilarity::Similar& b) {
  return a.similarity != b.similarity ? a.similarity > b.similarity : a.item < b.item;
}

}  // namespace

void ItemSimilarity::Grow(EventTime time) {
  if (start_ == kNever) start_ = newest_ = time;
  if (time <= newest_) return;
  newest_ = time;
  unit_ = fixed::Exp2(static_cast<double>(newest_ - start_) / static_cast<double>(kHalfLife));
  if (unit_ < kUnitMost) return;
  const double factor = 1 / unit_;
  for (Item& item : items_) {
    item.bought *= factor;
    item.bought_listed *= factor;
    for (Count& count : item.others) count.together *= static_cast<float>(factor);
  }
  orders_ *= factor;
  start_ = newest_;
  unit_ = 1;
}

void ItemSimilarity::AddTogether(Item& item, std::uint32_t other) {
  const auto at = std::lower_bound(item.others.begin(), item.others.end(), other, [](const Count& c, std::uint32_t o) { return c.other < o; });
  if (at != item.others.end() && at->other == other) {
    at->together += static_cast<float>(unit_);
    return;
  }
  item.others.insert(at, {other, static_cast<float>(unit_)});
  const std::size_t kept = limits_.neighbours;
  if (item.others.size() < 2 * kept) return;
  // Twice as many as are kept: the rarer half goes, so that making room costs next to nothing a pair.
  std::vector<float> counts;
  for (const Count& count : item.others) counts.push_back(count.together);
  std::nth_element(counts.begin(), counts.begin() + static_cast<std::ptrdiff_t>(kept), counts.end());
  std::size_t ties = 0;  // of the count at the cut that stay
  for (const float count : std::span(counts).subspan(kept)) ties += count == counts[kept];
  const float cut = counts[kept];
  std::erase_if(item.others, [&](const Count& count) {
    if (count.together != cut) return count.together < cut;
    if (ties == 0) return true;
    --ties;
    return false;
  });
}

bool ItemSimilarity::Pair(std::uint32_t item, std::uint32_t other) {
  for (const std::uint32_t end : {item, other}) {
    if (items_[end].pairs_today >= kPairsADay) return false;
  }
  AddTogether(items_[item], other);
  AddTogether(items_[other], item);
  ++items_[item].pairs_today;
  ++items_[other].pairs_today;
  return true;
}

void ItemSimilarity::KeepPopular(std::uint32_t item) {
  auto at = std::find(popular_.begin(), popular_.end(), item);
  if (at == popular_.end()) {
    if (popular_.size() == kPopular && items_[popular_.back()].bought >= items_[item].bought) return;
    if (popular_.size() == kPopular) popular_.pop_back();
    popular_.push_back(item);
    at = popular_.end() - 1;
  }
  for (; at != popular_.begin() && items_[*(at - 1)].bought < items_[*at].bought; --at) std::iter_swap(at, at - 1);
}

// The place of an item's counts, made when there is room; null when there is none.
std::uint32_t* ItemSimilarity::Place(IdHash item) {
  const auto found = place_.find(item);
  if (found != place_.end()) return &found->second;
  if (items_.size() < limits_.items) {
    items_.emplace_back().hash = item;
    return &place_.emplace(item, static_cast<std::uint32_t>(items_.size() - 1)).first->second;
  }
  return Replace(item) ? &place_.find(item)->second : nullptr;
}

// The item takes the place of the one that was bought least, if that is as good as forgotten. O(items).
bool ItemSimilarity::Replace(IdHash item) {
  if (items_.size() > kReplacedAmong) return false;
  const auto least = std::min_element(items_.begin(), items_.end(), [](const Item& a, const Item& b) { return a.bought < b.bought; });
  if (least->bought >= kForgotten * unit_) return false;
  const auto at = static_cast<std::uint32_t>(least - items_.begin());
  for (Item& other : items_) {
    const auto c = std::lower_bound(other.others.begin(), other.others.end(), at, [](const Count& x, std::uint32_t o) { return x.other < o; });
    if (c != other.others.end() && c->other == at) other.others.erase(c);
  }
  std::erase(popular_, at);
  place_.erase(least->hash);
  *least = Item{};
  least->hash = item;
  place_.emplace(item, at);
  return true;
}

void ItemSimilarity::Learn(const RecentItems& recent, IdHash item, EventTime time, bool new_order) {
  earlier_.clear();
  bool again = false;
  for (const RecentItem& earlier : recent.items()) {
    if (time - earlier.time > kTogetherWithin) continue;
    if (earlier.item == item) again = true;
    else earlier_.push_back(earlier.item);
  }
  Learn(earlier_, again, item, time, new_order);
}

void ItemSimilarity::Learn(std::span<const IdHash> earlier, bool again, IdHash item, EventTime time, bool new_order) {
  Grow(time);
  if (new_order) orders_ += unit_;
  if (again) return;   // a customer's item counts once in 30 days, as one customer who has it
  const std::uint32_t* place = Place(item);
  if (place == nullptr) {
    ++refused_;
    return;
  }
  const std::uint32_t own = *place;
  items_[own].bought += unit_;
  KeepPopular(own);
  const std::int64_t day = newest_ / kDay;
  const auto today = [&](std::uint32_t i) {
    if (items_[i].day != day) items_[i].pairs_today = 0;
    items_[i].day = day;
  };
  today(own);
  for (const IdHash one : earlier) {
    const auto other = place_.find(one);
    if (other == place_.end() || other->second == own) continue;
    today(other->second);
    pairs_skipped_ += !Pair(own, other->second);
  }
  // A list moves little while its item's purchases grow by less than a hundredth.
  if (!limits_.lists || items_[own].bought < kListGrowth * items_[own].bought_listed) return;
  items_[own].listed = SimilarTo(items_[own]);
  items_[own].bought_listed = items_[own].bought;
}

std::vector<ItemSimilarity::Similar> ItemSimilarity::SimilarTo(const Item& item) const {
  struct Candidate {
    double similarity = 0;
    std::size_t at = 0;  // in item.others
  };
  std::vector<Candidate> candidates(item.others.size());
  for (std::size_t k = 0; k < candidates.size(); ++k) {
    const Count& count = item.others[k];
    const double both = static_cast<double>(count.together) / unit_;
    const double scale = std::sqrt(item.bought * items_[count.other].bought) / unit_;
    candidates[k] = {both / scale * both / (both + kShrink), k};
  }
  const auto first = [](const Candidate& a, const Candidate& b) {
    return a.similarity != b.similarity ? a.similarity > b.similarity : a.at < b.at;
  };
  // Few fall to the tests: twice the list is nearly always enough.
  const auto looked_at = static_cast<std::ptrdiff_t>(std::min(candidates.size(), 2 * kListed));
  std::partial_sort(candidates.begin(), candidates.begin() + looked_at, candidates.end(), first);
  candidates.resize(static_cast<std::size_t>(looked_at));
  std::vector<Similar> kept;
  for (const Candidate& candidate : candidates) {
    if (kept.size() == kListed) break;
    const Count& count = item.others[candidate.at];
    const Item& other = items_[count.other];
    const double a = item.bought / unit_, b = other.bought / unit_, together = static_cast<double>(count.together) / unit_;
    const double both = std::min({together, a, b}), n = std::max(orders_ / unit_, a + b - both);
    if (both * n <= a * b || G2(both, a - both, b - both, n - a - b + both) <= kG2Least) continue;
    kept.push_back({other.hash, candidate.similarity, together});
  }
  return kept;
}

std::span<const ItemSimilarity::Similar> ItemSimilarity::Listed(IdHash item) const {
  const auto found = place_.find(item);
  if (found == place_.end()) return {};
  return items_[found->second].listed;
}

std::vector<ItemSimilarity::Similar> ItemSimilarity::Now(IdHash item) const {
  const auto found = place_.find(item);
  return found == place_.end() ? std::vector<Similar>{} : SimilarTo(items_[found->second]);
}

void ItemSimilarity::Refresh() {
  for (Item& item : items_) item.listed = SimilarTo(item);
}

double ItemSimilarity::bought(IdHash item) const {
  const auto found = place_.find(item);
  return found == place_.end() ? 0 : items_[found->second].bought / unit_;
}

std::vector<IdHash> ItemSimilarity::Popular(std::span<const IdHash> owned, std::size_t count) const {
  std::vector<IdHash> chosen;
  for (const std::uint32_t item : popular_) {
    if (chosen.size() == count) break;
    if (!std::binary_search(owned.begin(), owned.end(), items_[item].hash)) chosen.push_back(items_[item].hash);
  }
  return chosen;
}

std::vector<IdHash> ItemSimilarity::Recommend(const RecentItems& recent, std::span<const IdHash> owned, std::size_t count) const {
  std::vector<Similar> sums;
  for (const RecentItems::Item& earlier : recent.items()) {
    for (const Similar& similar : Listed(earlier.item)) {
      if (!std::binary_search(owned.begin(), owned.end(), similar.item)) sums.push_back(similar);
    }
  }
  std::stable_sort(sums.begin(), sums.end(), [](const Similar& a, const Similar& b) { return a.item < b.item; });
  std::size_t kinds = 0;
  for (std::size_t i = 0; i < sums.size(); ++i) {
    if (i > 0 && sums[i].item == sums[kinds - 1].item) sums[kinds - 1].similarity += sums[i].similarity;
    else sums[kinds++] = sums[i];
  }
  sums.resize(kinds);
  const std::size_t best = std::min(count, sums.size());
  std::partial_sort(sums.begin(), sums.begin() + static_cast<std::ptrdiff_t>(best), sums.end(), Less);
  std::vector<IdHash> chosen;
  for (std::size_t i = 0; i < best; ++i) chosen.push_back(sums[i].item);
  for (const IdHash item : Popular(owned, count + chosen.size())) {
    if (chosen.size() == count) break;
    if (std::find(chosen.begin(), chosen.end(), item) == chosen.end()) chosen.push_back(item);
  }
  return chosen;
}

void ItemSimilarity::Save(ByteWriter& out) const {
  out.I64(start_);
  out.I64(newest_);
  for (const double v : {unit_, orders_}) out.F64(v);
  out.I64(refused_);
  out.I64(pairs_skipped_);
  out.Varint(items_.size());
  for (const Item& item : items_) {
    out.U64(item.hash);
    out.F64(item.bought);
    out.F64(item.bought_listed);
    out.I64(item.day);
    out.U32(item.pairs_today);
    out.Varint(item.others.size());
    for (const Count& count : item.others) {
      out.U32(count.other);
      out.F32(count.together);
    }
    out.Varint(item.listed.size());
    for (const Similar& similar : item.listed) {
      out.U64(similar.item);
      out.F64(similar.similarity);
      out.F64(similar.together);
    }
  }
  out.Varint(popular_.size());
  for (const std::uint32_t item : popular_) out.U32(item);
}

void ItemSimilarity::Restore(ByteReader& in) {
  *this = ItemSimilarity(limits_);
  start_ = in.I64();
  newest_ = in.I64();
  unit_ = in.F64();
  orders_ = in.F64();
  refused_ = in.I64();
  pairs_skipped_ = in.I64();
  if (!(unit_ >= 1 && unit_ < kUnitMost) || !(orders_ >= 0) || newest_ < start_) in.Fail();
  const std::size_t items = in.Count(8 + 8 + 8 + 8 + 4 + 2);
  if (items > limits_.items) in.Fail();
  for (std::size_t i = 0; i < items && in.ok(); ++i) {
    Item item;
    item.hash = in.U64();
    item.bought = in.F64();
    item.bought_listed = in.F64();
    item.day = in.I64();
    item.pairs_today = in.U32();
    if (!(item.bought > 0 && item.bought_listed >= 0) || !std::isfinite(item.bought + item.bought_listed)) in.Fail();
    const std::size_t others = in.Count(8);
    for (std::size_t k = 0; k < others; ++k) {
      const Count count{in.U32(), in.F32()};
      if (count.other >= items || !(count.together > 0) || (k > 0 && count.other <= item.others.back().other)) in.Fail();
      item.others.push_back(count);
    }
    const std::size_t listed = in.Count(24);
    for (std::size_t k = 0; k < listed; ++k) item.listed.push_back({in.U64(), in.F64(), in.F64()});
    if (others >= 2 * limits_.neighbours || listed > kListed || !place_.try_emplace(item.hash, static_cast<std::uint32_t>(i)).second) in.Fail();
    items_.push_back(std::move(item));
  }
  const std::size_t popular = in.Count(4);
  for (std::size_t k = 0; k < popular; ++k) {
    popular_.push_back(in.U32());
    if (popular_.back() >= items) in.Fail();
  }
  if (!in.ok()) *this = ItemSimilarity(limits_);
}

}  // namespace offerstream
