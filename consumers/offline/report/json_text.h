// Pieces of JSON for the report: numbers, lists and objects as text. Not for the hot path.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace offerstream::report {

/// Nine digits, and null for what is no number.
std::string Number(double v);
/// A whole number.
std::string Whole(std::int64_t n);
/// A JSON string.
std::string Quoted(std::string_view text);

/// `write(item)` of every item, joined in brackets, an item a line.
template <typename Items, typename Write>
std::string Array(const Items& items, Write write) {
  std::string out = "[";
  for (const auto& item : items) {
    out += out.size() > 1 ? ",\n    " : "\n    ";
    out += write(item);
  }
  return out + "]";
}

/// As Array, on one line: for numbers.
template <typename Items, typename Write>
std::string Row(const Items& items, Write write) {
  std::string out = "[";
  for (const auto& item : items) {
    if (out.size() > 1) out += ", ";
    out += write(item);
  }
  return out + "]";
}

/// An object built field by field, in that order.
class Object {
 public:
  /// Appends a field whose value is JSON already.
  Object& Add(std::string_view name, std::string_view json);
  /// Appends a text, a whole number, a number.
  Object& Text(std::string_view name, std::string_view text) { return Add(name, Quoted(text)); }
  Object& Count(std::string_view name, std::int64_t n) { return Add(name, Whole(n)); }
  Object& Count(std::string_view name, std::uint64_t n) { return Count(name, static_cast<std::int64_t>(n)); }
  Object& Real(std::string_view name, double v) { return Add(name, Number(v)); }
  bool empty() const { return out_.size() == 1; }
  /// The object so far.
  std::string str() const { return out_ + "}"; }

 private:
  std::string out_ = "{";
};

}  // namespace offerstream::report
