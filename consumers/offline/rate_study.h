// How often the answer was yes, by every feature's value: what analysts look at before any model.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "models/domain/campaign_plan.h"

namespace offerstream {

/// Customers with a yes among all with an answer.
struct YesCount {
  std::int64_t n = 0, yes = 0;
  void Add(bool y) {
    ++n;
    yes += y;
  }
};

/// Answers by value, at most kKept values apart: past that, values that agree in all but the last bits are one.
class ValueCounts {
 public:
  static constexpr std::size_t kKept = 4096;
  /// One answer. O(log kKept), now and then O(kKept).
  void Add(float value, bool yes);
  /// Values that count as one: the smallest and the largest of them.
  struct Cell {
    YesCount count{};
    float least = 0, most = 0;
  };
  const std::map<float, Cell>& values() const { return values_; }

 private:
  float Rounded(float value) const;
  void Merge(float value, const Cell& cell, std::map<float, Cell>& into) const;
  std::map<float, Cell> values_{};
  unsigned dropped_ = 0;   // bits of the mantissa
};

/// Rates of one model's answers: numbers in up to ten parts of equal size (twelve values or fewer stay apart), categories by
/// level. Values are in the units of the table. Not for the hot path; about a microsecond a feature and label.
class RateStudy {
 public:
  /// Customers alike in one feature.
  struct Part {
    std::string level{};         ///< of a category; "missing", "other"
    double from = 0, to = 0;     ///< of a number: smallest and largest value in it
    YesCount count{};
  };
  /// One feature's parts, and whether they differ.
  struct Feature {
    std::string name{};
    bool number = false;
    std::vector<Part> parts{};
    double chi_square = 0, p = 1;   ///< that all parts have one rate; parts with less than 5 customers stay out
    std::size_t degrees = 0;
  };

  explicit RateStudy(std::shared_ptr<const CampaignPlan> plan);
  /// A final label with the features of decision time. REQUIRES: x.size() == features of the plan.
  void Add(std::span<const float> x, bool yes);
  /// By feature in the plan's order; those that are the same for everybody say nothing and are left out.
  std::vector<Feature> Find() const;

 private:
  struct Number {
    std::size_t at = 0, missing = 0;   // missing: 0 when the plan has no such feature (0 is the bias)
    ValueCounts counts{};
    YesCount unknown{};
  };
  struct Category {
    std::uint16_t attribute = 0;
    bool truth = false;
    std::vector<std::size_t> at{};
    std::vector<YesCount> levels{};    // one more: none of them
  };
  Feature Of(const Number& number) const;
  Feature Of(const Category& category) const;

  std::shared_ptr<const CampaignPlan> plan_;
  std::vector<Number> numbers_{};
  std::vector<Category> categories_{};
};

/// What a profile number stands for in plain units (days, events, money): most are kept as logarithms.
double NaturalNumber(ProfileNumber number, double value);

}  // namespace offerstream
