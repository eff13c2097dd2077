#include "consumers/offline/report/json_text.h"

#include <fmt/format.h>

#include "metrics/health.h"

namespace offerstream::report {

std::string Number(double v) { return v == v && v - v == 0 ? fmt::format("{:.9g}", v) : "null"; }
std::string Whole(std::int64_t n) { return fmt::format("{}", n); }
std::string Quoted(std::string_view text) { return JsonText(text); }

Object& Object::Add(std::string_view name, std::string_view json) {
  if (out_.size() > 1) out_ += ", ";
  out_.append(JsonText(name)).append(": ").append(json);
  return *this;
}

}  // namespace offerstream::report
