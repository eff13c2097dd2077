// Which items are bought together, learned from one purchase at a time with bounded work.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "models/domain/bytes.h"
#include "models/domain/ids.h"
#include "models/domain/recent_items.h"

namespace offerstream {

/// A customer's newest distinct items (TakeRecent).
class RecentItems {
 public:
  static constexpr std::size_t kMost = kRecentItemsMost;
  using Item = RecentItem;
  /// The item becomes the newest. True when it was not among those of the 30 days before.
  bool Take(IdHash item, EventTime time) { return TakeRecent(items_, item, time); }
  /// Newest last.
  std::span<const Item> items() const { return items_; }

 private:
  std::vector<Item> items_{};
};

/// How much is kept. As of a study; a model that goes out as a snapshot keeps less.
struct ItemLimits {
  std::size_t items = 100'000;       ///< at most
  std::size_t neighbours = 512;      ///< an item keeps counts of so many others, up to one less than twice that
  bool lists = true;                 ///< lists are kept up to date for Listed() and Recommend(); else only Now()
};

/// Decayed co-purchase counts (half-life 90 d): s_ij = c_ij / sqrt(c_i c_j) * c_ij / (c_ij + 10), kept when Dunning's G^2
/// (1993) exceeds 10.83 and the pair is more frequent than chance; the 50 most similar. An item keeps counts of the
/// 512 to 1,024 most frequent others (ItemLimits) and learns at most 500 pairs a day, so the work of a purchase does not grow with the file (Schelter, Celebi,
/// Dunning 2019). One owner, not thread-safe. Some 10 us a purchase.
class ItemSimilarity {
 public:
  static constexpr std::size_t kListed = 50;
  /// An entry of a list.
  struct Similar {
    IdHash item = 0;
    double similarity = 0, together = 0;  ///< together: decayed number of customers with both
  };

  ItemSimilarity() = default;
  /// REQUIRES: limits.items > 0, limits.neighbours > 0.
  explicit ItemSimilarity(const ItemLimits& limits) : limits_(limits) {}

  /// The customer of `recent` bought `item` at `time`; to be called before recent.Take(item). `new_order`: the first line
  /// of an order. Items past the limit are counted in refused() and not learned.
  void Learn(const RecentItems& recent, IdHash item, EventTime time, bool new_order);
  /// The same told by another: `earlier` are the customer's other items of the 30 days before, `again`: it bought this one
  /// then, too.
  void Learn(std::span<const IdHash> earlier, bool again, IdHash item, EventTime time, bool new_order);
  /// The items most similar to `item`, as of when its purchases last grew by a hundredth; empty when unknown.
  std::span<const Similar> Listed(IdHash item) const;
  /// The same, computed now. O(neighbours).
  std::vector<Similar> Now(IdHash item) const;
  /// Brings every list up to date, where reading matters more than work. O(items x neighbours).
  void Refresh();

  /// The `count` items with the largest sum of similarities to the customer's recent ones, without those in `owned`
  /// (sorted); the most bought ones where similar ones do not suffice. Reads lists. Ties by item.
  std::vector<IdHash> Recommend(const RecentItems& recent, std::span<const IdHash> owned, std::size_t count) const;
  /// The most bought items, by decayed count; the plain rival.
  std::vector<IdHash> Popular(std::span<const IdHash> owned, std::size_t count) const;

  std::size_t items() const { return items_.size(); }
  /// The item at a place below items(), in the order of first sight.
  IdHash item(std::size_t place) const { return items_[place].hash; }
  /// Decayed number of orders as of the newest one.
  double orders() const { return orders_ / unit_; }
  /// Decayed number of purchases as of the newest one.
  double bought(IdHash item) const;
  std::int64_t refused() const { return refused_; }
  std::int64_t pairs_skipped() const { return pairs_skipped_; }

  /// Appends the complete state; the limits are not part of it.
  void Save(ByteWriter& out) const;
  /// Fails the reader on damage, and on more than the limits allow.
  void Restore(ByteReader& in);

 private:
  struct Count {
    std::uint32_t other = 0;
    float together = 0;
  };
  struct Item {
    IdHash hash = 0;
    double bought = 0;                // weights of its purchases, as grown as those of the counts
    double bought_listed = 0;         // … when its list was made
    std::int64_t day = -1;
    std::uint32_t pairs_today = 0;
    std::vector<Count> others{};      // ordered by other
    std::vector<Similar> listed{};
  };
  void Grow(EventTime time);
  std::uint32_t* Place(IdHash item);
  bool Replace(IdHash item);
  bool Pair(std::uint32_t item, std::uint32_t other);
  void AddTogether(Item& item, std::uint32_t other);
  std::vector<Similar> SimilarTo(const Item& item) const;
  void KeepPopular(std::uint32_t item);

  ItemLimits limits_{};
  std::vector<Item> items_{};
  std::map<IdHash, std::uint32_t> place_{};
  std::vector<IdHash> earlier_{};         // scratch of Learn
  std::vector<std::uint32_t> popular_{};  // the most bought, falling; longer than anybody asks for
  EventTime start_ = kNever, newest_ = kNever;
  double unit_ = 1;                       // weight of a purchase at the newest time: instead of every count shrinking
  double orders_ = 0;
  std::int64_t refused_ = 0, pairs_skipped_ = 0;
};

}  // namespace offerstream
