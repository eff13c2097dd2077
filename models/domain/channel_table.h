// What is known of a customer per channel, kept only where there is something to know.
#pragma once

#include <array>
#include <bit>
#include <cassert>
#include <cstdint>
#include <memory_resource>
#include <utility>

#include "models/domain/campaign_plan.h"
#include "models/domain/decayed_sums.h"
#include "models/domain/decision.h"
#include "models/domain/ids.h"
#include "models/domain/pooled_array.h"

namespace offerstream {

/// A customer's word on one channel. Values are stored; never renumber.
enum class Consent : std::uint8_t { kUnknown = 0, kIn = 1, kOut = 2, kUnsubscribed = 3 };

/// One customer on one channel, as a value.
struct ChannelProfile {
  DecayedSums impressions{}, clicks{};
  double conversions_d30 = 0;        ///< touched with `clicks`
  EventTime last_impression = kNever, last_click = kNever;
  Consent consent = Consent::kUnknown;
  CapSource published_source = CapSource::kConfigured;
  std::uint16_t published_limit = 0; ///< last cap told on `caps`; 0 = nothing told or tombstone
  bool published_capped = false;
};

/// ChannelProfiles of all channels, one that was never put is the default. Stored by part: a bit per channel says who has
/// the part, and the parts follow in words, so a channel with impressions only costs 32 bytes instead of 96, an unused
/// one nothing. Loses no bit of what was put. A look-up costs a count of bits per part asked for. Not thread-safe.
class ChannelTable {
 public:
  ChannelTable() = default;
  explicit ChannelTable(std::pmr::memory_resource* pool) : words_(pool) {}

  /// Everything on one channel. REQUIRES: channel.value < kChannelsMax, as below.
  ChannelProfile Of(ChannelIndex channel) const;
  /// Single parts of it.
  DecayedSums Impressions(ChannelIndex channel) const { return Sums(Read(kImpressions, channel)); }
  DecayedSums Clicks(ChannelIndex channel) const { return Sums(Read(kClicks, channel)); }
  EventTime LastImpression(ChannelIndex channel) const {
    const std::uint64_t* const last = Read(kLastImpression, channel);
    if (last != nullptr) return static_cast<EventTime>(*last);
    const std::uint64_t* const sums = Read(kImpressions, channel);
    return sums == nullptr ? kNever : static_cast<EventTime>(sums[kTouched]);
  }
  Consent ConsentOn(ChannelIndex channel) const { return static_cast<Consent>(Told(channel) & 0xff); }
  std::uint16_t PublishedLimit(ChannelIndex channel) const { return static_cast<std::uint16_t>(Told(channel) >> 32); }
  bool PublishedCapped(ChannelIndex channel) const { return (Told(channel) >> 16 & 1) != 0; }
  /// Bit per channel with a word on consent or caps: on the others both are the default.
  std::uint32_t told() const { return words_.empty() ? 0 : Mask(words_.data(), kTold); }
  /// Bit per channel that differs from the default.
  std::uint16_t known() const;

  /// Replaces what is known on a channel.
  void Put(ChannelIndex channel, const ChannelProfile& profile);
  /// Of, `change` and Put.
  template <typename Change>
  void Update(ChannelIndex channel, Change&& change) {
    ChannelProfile profile = Of(channel);
    change(profile);
    Put(channel, profile);
  }
  void Clear() { words_.clear(); }
  /// Room for what so many channels usually hold, and an end of it: before and after putting many.
  void Reserve(std::size_t channels);
  void Fit() { words_.shrink_to_fit(); }
  /// The memory behind it, for a prefetch; empty when nothing is known.
  const PooledArray<std::uint64_t>& words() const { return words_; }

 private:
  // Parts in the order of their words; the ones most asked for come first. An absent last impression is the touch of the
  // impressions, an absent last click that of the clicks: nearly always they are the same.
  enum Part : unsigned { kImpressions, kTold, kClicks, kLastImpression, kLastClick, kConversions, kParts };
  static constexpr std::array<std::uint8_t, kParts> kWidth = {4, 1, 4, 1, 1, 1};
  static constexpr std::size_t kMaskWords = 2, kTouched = 3;
  static_assert(kParts * kChannelsMax <= kMaskWords * 64);

  static DecayedSums Sums(const std::uint64_t* words) {
    if (words == nullptr) return {};
    return {std::bit_cast<double>(words[0]), std::bit_cast<double>(words[1]), std::bit_cast<double>(words[2]),
            static_cast<EventTime>(words[kTouched])};
  }
  static std::uint32_t Mask(const std::uint64_t* words, unsigned part) {
    return static_cast<std::uint32_t>(words[part / 4] >> (part % 4 * kChannelsMax)) & 0xffff;
  }
  // Where the part's words of the channel are or would be.
  static std::size_t Place(const std::uint64_t* words, Part part, ChannelIndex channel) {
    std::size_t at = kMaskWords;
    for (unsigned p = 0; p < part; ++p) at += kWidth[p] * static_cast<std::size_t>(std::popcount(Mask(words, p)));
    const std::uint32_t before = Mask(words, part) & ((1u << channel.value) - 1);
    return at + kWidth[part] * static_cast<std::size_t>(std::popcount(before));
  }
  const std::uint64_t* Read(Part part, ChannelIndex channel) const {
    assert(channel.value < kChannelsMax);
    const std::uint64_t* const words = words_.data();
    if (words_.empty() || (Mask(words, part) >> channel.value & 1) == 0) return nullptr;
    return words + Place(words, part, channel);
  }
  std::uint64_t Told(ChannelIndex channel) const {
    const std::uint64_t* const told = Read(kTold, channel);
    return told == nullptr ? 0 : *told;
  }
  void Write(Part part, ChannelIndex channel, bool present, const std::uint64_t* words);

  PooledArray<std::uint64_t> words_{};
};

}  // namespace offerstream
