#include "metrics/admin_routes.h"

#include <optional>

#include "metrics/health.h"

namespace offerstream {
namespace {

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::optional<std::string> PercentDecode(std::string_view in) {
  std::string out;
  for (std::size_t i = 0; i < in.size(); ++i) {
    char c = in[i];
    if (c == '%') {
      if (i + 2 >= in.size()) return std::nullopt;
      const int high = HexDigit(in[i + 1]), low = HexDigit(in[i + 2]);
      if (high < 0 || low < 0) return std::nullopt;
      c = static_cast<char>(high * 16 + low);
      i += 2;
    }
    if (static_cast<unsigned char>(c) < 0x20) return std::nullopt;
    out.push_back(c);
  }
  return out;
}

std::vector<std::string_view> Split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    const std::size_t at = text.find(separator);
    parts.push_back(text.substr(0, at));
    if (at == std::string_view::npos) return parts;
    text.remove_prefix(at + 1);
  }
}

bool Matches(std::string_view pattern, const std::vector<std::string_view>& path, std::vector<std::string>& parts) {
  const auto wanted = Split(pattern, '/');
  if (wanted.size() != path.size()) return false;
  parts.clear();
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (wanted[i] == "{}") {
      const auto part = PercentDecode(path[i]);
      if (!part || part->empty()) return false;
      parts.push_back(*part);
    } else if (wanted[i] != path[i]) {
      return false;
    }
  }
  return true;
}

}  // namespace

bool ParseTarget(std::string_view target, HttpRequest& request) {
  if (target.empty() || target.front() != '/') return false;
  const std::size_t mark = target.find('?');
  request.path = target.substr(0, mark);
  for (std::string_view part : Split(request.path, '/')) {
    const auto decoded = PercentDecode(part);
    if (!decoded || *decoded == "." || *decoded == "..") return false;
  }
  if (mark == std::string_view::npos) return true;
  for (std::string_view pair : Split(target.substr(mark + 1), '&')) {
    const std::size_t equals = pair.find('=');
    const auto key = PercentDecode(pair.substr(0, equals));
    const auto value = equals == std::string_view::npos ? std::optional<std::string>("") : PercentDecode(pair.substr(equals + 1));
    if (!key || !value) return false;
    request.query[*key] = *value;
  }
  return true;
}

HttpReply ErrorReply(unsigned status, std::string_view sentence) {
  return {status, "application/json", "{\"error\":" + JsonText(sentence) + "}\n"};
}

void AdminRoutes::Add(std::string pattern, std::string name, Route route, Access access, std::string method) {
  entries_.push_back({std::move(pattern), std::move(name), std::move(method), std::move(route), access});
}

HttpReply AdminRoutes::Answer(HttpRequest request) const {
  std::string name = "unknown";
  HttpReply reply = ErrorReply(404, "There is nothing at this path; / lists what there is.");
  const auto path = Split(request.path, '/');
  std::string allowed;
  for (const Entry& entry : entries_) {
    if (!Matches(entry.pattern, path, request.parts)) continue;
    if (allowed.empty()) name = entry.name;   // of several methods the first stands for the path
    const bool reads = entry.method == "GET";
    allowed += (allowed.empty() ? "" : ", ") + std::string(reads ? "GET, HEAD" : entry.method);
    reply = ErrorReply(405, "Allowed here: " + allowed + ".");
    if (request.method != entry.method && !(reads && request.method == "HEAD")) continue;
    name = entry.name;
    reply = entry.route(request);
    break;
  }
  const std::lock_guard lock(mutex_);
  ++counts_[{name, reply.status}];
  return reply;
}

std::map<std::pair<std::string, unsigned>, std::uint64_t> AdminRoutes::Counts() const {
  const std::lock_guard lock(mutex_);
  return counts_;
}

std::vector<std::string> AdminRoutes::Patterns() const {
  std::vector<std::string> out;
  for (const Entry& entry : entries_) out.push_back(entry.pattern);
  return out;
}

}  // namespace offerstream
