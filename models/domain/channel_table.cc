#include "models/domain/channel_table.h"

namespace offerstream {
namespace {

std::uint64_t Bits(double v) { return std::bit_cast<std::uint64_t>(v); }
bool Empty(const DecayedSums& s) { return (Bits(s.d7) | Bits(s.d30) | Bits(s.d90)) == 0 && s.touched == kNever; }

}  // namespace

ChannelProfile ChannelTable::Of(ChannelIndex channel) const {
  ChannelProfile p;
  if (words_.empty()) return p;
  p.impressions = Impressions(channel);
  p.clicks = Clicks(channel);
  const std::uint64_t* const conversions = Read(kConversions, channel);
  if (conversions != nullptr) p.conversions_d30 = std::bit_cast<double>(*conversions);
  p.last_impression = LastImpression(channel);
  const std::uint64_t* const last_click = Read(kLastClick, channel);
  p.last_click = last_click != nullptr ? static_cast<EventTime>(*last_click) : p.clicks.touched;
  const std::uint64_t told = Told(channel);
  p.consent = static_cast<Consent>(told & 0xff);
  p.published_source = static_cast<CapSource>(told >> 8 & 0xff);
  p.published_capped = (told >> 16 & 1) != 0;
  p.published_limit = static_cast<std::uint16_t>(told >> 32);
  return p;
}

void ChannelTable::Put(ChannelIndex channel, const ChannelProfile& p) {
  assert(channel.value < kChannelsMax);
  const auto sums = [](const DecayedSums& s) {
    return std::array{Bits(s.d7), Bits(s.d30), Bits(s.d90), static_cast<std::uint64_t>(s.touched)};
  };
  const std::uint64_t told = static_cast<std::uint64_t>(p.consent) | static_cast<std::uint64_t>(p.published_source) << 8 |
                             std::uint64_t{p.published_capped} << 16 | std::uint64_t{p.published_limit} << 32;
  const auto last_impression = static_cast<std::uint64_t>(p.last_impression), conversions = Bits(p.conversions_d30);
  const auto last_click = static_cast<std::uint64_t>(p.last_click);
  Write(kImpressions, channel, !Empty(p.impressions), sums(p.impressions).data());
  Write(kTold, channel, told != 0, &told);
  Write(kClicks, channel, !Empty(p.clicks), sums(p.clicks).data());
  Write(kLastImpression, channel, p.last_impression != p.impressions.touched, &last_impression);
  Write(kLastClick, channel, p.last_click != p.clicks.touched, &last_click);
  Write(kConversions, channel, conversions != 0, &conversions);
}

std::uint16_t ChannelTable::known() const {
  std::uint32_t known = 0;
  for (unsigned p = 0; p < kParts && !words_.empty(); ++p) known |= Mask(words_.data(), p);
  return static_cast<std::uint16_t>(known);
}

void ChannelTable::Reserve(std::size_t channels) {
  words_.reserve(kMaskWords + channels * (std::size_t{kWidth[kImpressions]} + kWidth[kClicks]));
}

void ChannelTable::Write(Part part, ChannelIndex channel, bool present, const std::uint64_t* words) {
  if (words_.empty()) {
    if (!present) return;
    words_.resize(kMaskWords);
  }
  const std::uint64_t bit = std::uint64_t{1} << (part % 4 * kChannelsMax + channel.value);
  const bool was = (words_[part / 4] & bit) != 0;
  if (!present && !was) return;
  const std::size_t at = Place(words_.data(), part, channel), width = kWidth[part];
  if (present && !was) {
    words_.reserve(words_.size() + width);   // exactly: what is new on a channel comes a few times in a customer's life
    words_.insert(words_.begin() + at, width, 0);
    words_[part / 4] |= bit;
  }
  if (present) {
    std::copy_n(words, width, words_.begin() + at);
  } else if (was) {
    words_[part / 4] &= ~bit;
    words_.erase(words_.begin() + at, words_.begin() + at + width);
    if (words_.size() == kMaskWords) words_.clear();
    words_.shrink_to_fit();
  }
}

}  // namespace offerstream
