// Constant pieces of text that are copied often: padded, so that a copy is a few whole registers and no call.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace offerstream {

/// A copy of a piece writes whole steps: up to so many bytes more than the piece has.
inline constexpr std::size_t kCopyStep = 32;

/// A list of texts; filled once, then only read (any thread).
class PaddedTexts {
 public:
  /// Appends a text.
  void Add(std::string_view text) {
    places_.emplace_back(static_cast<std::uint32_t>(bytes_.size()), static_cast<std::uint32_t>(text.size()));
    bytes_.append(text);
    bytes_.resize((bytes_.size() + 2 * kCopyStep - 1) / kCopyStep * kCopyStep);
  }
  std::size_t size() const { return places_.size(); }
  /// The text at i. May be read up to the next whole step past its end.
  std::string_view operator[](std::size_t i) const { return {bytes_.data() + places_[i].first, places_[i].second}; }

 private:
  std::string bytes_{};
  std::vector<std::pair<std::uint32_t, std::uint32_t>> places_{};
};

}  // namespace offerstream
