// HTTP/1.1 only: bytes in, routes asked, bytes out. Limits on everything a peer controls.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "metrics/admin_routes.h"
#include "models/domain/status.h"

namespace offerstream {

// What a peer may cost.
inline constexpr std::size_t kHttpHeaderBytesMax = 8 * 1024;
inline constexpr std::size_t kHttpBodyBytesMax = 1024 * 1024;
inline constexpr std::size_t kHttpConnectionsMax = 256;
inline constexpr int kHttpTimeoutSeconds = 10;

/// Serves AdminRoutes on one thread of its own. Every read and write has a deadline; connections past the limit are
/// closed at once. Construct by Listen; the destructor stops and joins.
class AdminServer {
 public:
  /// Binds `address` ("127.0.0.1:8080"; port 0 picks one) and starts serving. An address other than loopback is
  /// refused (kConfiguration) unless `allow_remote`. `routes` must outlive the server.
  static Result<std::unique_ptr<AdminServer>> Listen(const std::string& address, const AdminRoutes& routes,
                                                     bool allow_remote);
  ~AdminServer();
  /// The port bound.
  std::uint16_t port() const;

 private:
  struct Impl;
  explicit AdminServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace offerstream
