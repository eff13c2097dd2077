#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "metrics/admin_routes.h"
#include "metrics/admin_server.h"

namespace offerstream {
namespace {

void AddRoutes(AdminRoutes& routes) {
  routes.Add("/livez", "livez", [](const HttpRequest&) { return HttpReply{200, "application/json", "{}\n"}; });
  routes.Add("/api/v1/customers/{}", "customer", [](const HttpRequest& r) {
    return HttpReply{200, "text/plain", r.parts.at(0) + "|" + (r.query.contains("limit") ? r.query.at("limit") : "")};
  });
}

HttpReply Get(const AdminRoutes& routes, std::string_view target, std::string method = "GET") {
  HttpRequest request;
  request.method = std::move(method);
  if (!ParseTarget(target, request)) return ErrorReply(400, "not clean");
  return routes.Answer(std::move(request));
}

/// Sends bytes to the server over loopback and returns all it answers until it closes.
std::string Exchange(std::uint16_t port, const std::string& bytes) {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  EXPECT_EQ(::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL), static_cast<ssize_t>(bytes.size()));
  std::string answer(65536, '\0');
  std::size_t n = 0;
  for (ssize_t got = 0; (got = ::recv(fd, answer.data() + n, answer.size() - n, 0)) > 0;) n += static_cast<std::size_t>(got);
  ::close(fd);
  answer.resize(n);
  return answer;
}

TEST(AdminRoutes, PlaceholderMatchesOneDecodedSegment) {
  AdminRoutes routes;
  AddRoutes(routes);
  EXPECT_EQ(Get(routes, "/api/v1/customers/a%2Fb?limit=3").body, "a/b|3");
  EXPECT_EQ(Get(routes, "/api/v1/customers/").status, 404u);
  EXPECT_EQ(Get(routes, "/api/v1/customers/a/b").status, 404u);
}

TEST(AdminRoutes, OtherMethodsAndUncleanPathsAreRefused) {
  AdminRoutes routes;
  AddRoutes(routes);
  EXPECT_EQ(Get(routes, "/livez", "POST").status, 405u);
  EXPECT_EQ(Get(routes, "/../etc/passwd").status, 400u);
  EXPECT_EQ(Get(routes, "/%2e%2e/x").status, 400u);
  EXPECT_EQ(Get(routes, "/api/v1/customers/%00").status, 400u);
  EXPECT_EQ(Get(routes, "/api/v1/customers/%g0").status, 400u);
  EXPECT_EQ(Get(routes, "livez").status, 400u);
}

TEST(AdminRoutes, CountsByHandlerAndCode) {
  AdminRoutes routes;
  AddRoutes(routes);
  Get(routes, "/livez");
  Get(routes, "/livez");
  Get(routes, "/nothing");
  EXPECT_EQ(routes.Counts().at({"livez", 200u}), 2u);
  EXPECT_EQ(routes.Counts().at({"unknown", 404u}), 1u);
}

TEST(AdminServer, AnswersOverLoopback) {
  AdminRoutes routes;
  AddRoutes(routes);
  auto server = AdminServer::Listen("127.0.0.1:0", routes, false);
  ASSERT_TRUE(server) << server.error().detail;
  const std::string answer = Exchange((*server)->port(), "GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 200")) << answer;
  EXPECT_TRUE(answer.ends_with("{}\n")) << answer;
  const std::string head = Exchange((*server)->port(), "HEAD /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_TRUE(head.starts_with("HTTP/1.1 200")) << head;
  EXPECT_TRUE(head.ends_with("\r\n\r\n")) << head;
}

TEST(AdminServer, AnswersAbuseWithItsOwnCodes) {
  AdminRoutes routes;
  AddRoutes(routes);
  auto server = AdminServer::Listen("127.0.0.1:0", routes, false);
  ASSERT_TRUE(server);
  const std::uint16_t port = (*server)->port();
  EXPECT_TRUE(Exchange(port, "garbage\r\n\r\n").starts_with("HTTP/1.1 400"));
  EXPECT_TRUE(Exchange(port, "GET /livez HTTP/1.1\r\nX: " + std::string(9000, 'a') + "\r\n\r\n").starts_with("HTTP/1.1 431"));
  EXPECT_TRUE(Exchange(port, "POST /livez HTTP/1.1\r\nHost: x\r\nContent-Length: 2000000\r\n\r\n").starts_with("HTTP/1.1 413"));
}

TEST(AdminServer, RefusesOtherAddressesThanLoopbackWithoutPermission) {
  AdminRoutes routes;
  AddRoutes(routes);
  EXPECT_EQ(AdminServer::Listen("0.0.0.0:0", routes, false).error().code, Code::kConfiguration);
  EXPECT_EQ(AdminServer::Listen("nonsense", routes, false).error().code, Code::kConfiguration);
  EXPECT_EQ(AdminServer::Listen("127.0.0.1:99999", routes, false).error().code, Code::kConfiguration);
}

}  // namespace
}  // namespace offerstream
