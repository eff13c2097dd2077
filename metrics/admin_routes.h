// Path -> injected function. Knows HTTP's words, not its bytes; the server knows the bytes, not the paths.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace offerstream {

/// Who may ask for a route, where tokens are set: anybody, whoever reads, whoever administers. Customers are for administrators.
enum class Access : std::uint8_t { kProbe, kRead, kAdmin };

/// What of a request a route may see.
struct HttpRequest {
  std::string method{};
  std::string path{};                          ///< decoded, without the query
  std::map<std::string, std::string> query{};
  std::string authorization{};
  std::string content_type{};
  std::string peer{};                          ///< address of the other end
  std::vector<std::string> parts{};            ///< what the route's `{}` matched
};

/// What goes back.
struct HttpReply {
  unsigned status = 200;
  std::string content_type = "application/json";
  std::string body{};
};

/// Routes by method. Add before the server starts; Answer from any thread.
class AdminRoutes {
 public:
  using Route = std::function<HttpReply(const HttpRequest&)>;
  /// `pattern`: "/api/v1/customers/{}"; a `{}` matches one path segment. `name` is the handler label of the metrics. A GET route
  /// answers HEAD, too; one of another method changes something.
  void Add(std::string pattern, std::string name, Route route, Access access = Access::kRead, std::string method = "GET");
  /// 404 for unknown paths, 405 for other methods, 400 for paths that are not clean (dots, NUL, bad escapes).
  HttpReply Answer(HttpRequest request) const;
  /// Requests answered so far by (handler, code).
  std::map<std::pair<std::string, unsigned>, std::uint64_t> Counts() const;
  /// The patterns, for the index page and the conformance test of admin_api.yaml.
  std::vector<std::string> Patterns() const;

 private:
  struct Entry {
    std::string pattern{}, name{}, method{};
    Route route{};
    Access access = Access::kRead;
  };
  std::vector<Entry> entries_{};
  mutable std::mutex mutex_{};  // guards counts_
  mutable std::map<std::pair<std::string, unsigned>, std::uint64_t> counts_{};
};

/// Splits a request target into decoded path and query; false when it is not clean.
bool ParseTarget(std::string_view target, HttpRequest& request);
/// {"error":"…"} with a status.
HttpReply ErrorReply(unsigned status, std::string_view sentence);

}  // namespace offerstream
