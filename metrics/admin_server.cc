#include "metrics/admin_server.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>

#include <atomic>
#include <charconv>
#include <chrono>
#include <thread>

namespace offerstream {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using Tcp = asio::ip::tcp;

/// One connection. Lives as long as an operation on it is pending.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(Tcp::socket socket, const AdminRoutes& routes, std::atomic<std::size_t>& open)
      : stream_(std::move(socket)), routes_(routes), open_(open) {
    ++open_;
  }
  ~Connection() { --open_; }

  void Read() {
    parser_.emplace();
    parser_->header_limit(kHttpHeaderBytesMax);
    parser_->body_limit(kHttpBodyBytesMax);
    stream_.expires_after(std::chrono::seconds(kHttpTimeoutSeconds));
    http::async_read(stream_, buffer_, *parser_,
                     [self = shared_from_this()](beast::error_code error, std::size_t) { self->OnRead(error); });
  }

 private:
  void OnRead(beast::error_code error) {
    if (error == http::error::end_of_stream) return Close();
    if (error == http::error::header_limit) return Send(ErrorReply(431, "The header is larger than 8 KiB."), 11, false, false);
    if (error == http::error::body_limit) return Send(ErrorReply(413, "The body is larger than 1 MiB."), 11, false, false);
    if (error == beast::error::timeout || !stream_.socket().is_open()) return;
    if (error) return Send(ErrorReply(400, "The request is not HTTP/1.1."), 11, false, false);
    const auto& message = parser_->get();
    HttpRequest request;
    request.method = std::string(message.method_string());
    request.authorization = std::string(message[http::field::authorization]);
    const bool clean = ParseTarget({message.target().data(), message.target().size()}, request);
    const bool head = message.method() == http::verb::head;
    Send(clean ? routes_.Answer(std::move(request)) : ErrorReply(400, "The path is not clean."), message.version(),
         message.keep_alive(), head);
  }

  void Send(HttpReply reply, unsigned version, bool keep_alive, bool head) {
    response_.emplace(static_cast<http::status>(reply.status), version);
    response_->set(http::field::server, "offerstream");
    response_->set(http::field::content_type, reply.content_type);
    response_->set(http::field::cache_control, "no-store");
    response_->set("X-Content-Type-Options", "nosniff");
    response_->keep_alive(keep_alive);
    if (head) {
      response_->content_length(reply.body.size());
    } else {
      response_->body() = std::move(reply.body);
      response_->prepare_payload();
    }
    stream_.expires_after(std::chrono::seconds(kHttpTimeoutSeconds));
    const auto done = [self = shared_from_this(), keep_alive](beast::error_code error, std::size_t) {
      if (error) return;
      if (keep_alive) self->Read();
      else self->Close();
    };
    if (!head) return http::async_write(stream_, *response_, done);
    head_serializer_.emplace(*response_);
    http::async_write_header(stream_, *head_serializer_, done);
  }

  void Close() {
    beast::error_code ignored;
    stream_.socket().shutdown(Tcp::socket::shutdown_send, ignored);
  }

  beast::tcp_stream stream_;
  const AdminRoutes& routes_;
  std::atomic<std::size_t>& open_;
  beast::flat_buffer buffer_{kHttpHeaderBytesMax + kHttpBodyBytesMax};
  std::optional<http::request_parser<http::string_body>> parser_{};
  std::optional<http::response<http::string_body>> response_{};
  std::optional<http::response_serializer<http::string_body>> head_serializer_{};
};

}  // namespace

struct AdminServer::Impl {
  explicit Impl(const AdminRoutes& r) : routes(r) {}
  const AdminRoutes& routes;
  asio::io_context io{1};
  Tcp::acceptor acceptor{io};
  std::atomic<std::size_t> open{0};
  std::thread thread{};

  void Accept() {
    acceptor.async_accept([this](beast::error_code error, Tcp::socket socket) {
      if (error == asio::error::operation_aborted) return;
      if (!error && open < kHttpConnectionsMax) std::make_shared<Connection>(std::move(socket), routes, open)->Read();
      Accept();
    });
  }
};

Result<std::unique_ptr<AdminServer>> AdminServer::Listen(const std::string& address, const AdminRoutes& routes,
                                                         bool allow_remote) {
  const std::size_t colon = address.rfind(':');
  unsigned port = 0;
  const char* const end = address.data() + address.size();
  if (colon == std::string::npos ||
      std::from_chars(address.data() + colon + 1, end, port).ptr != end || port > 65535) {
    return Fail(Code::kConfiguration, "http.listen: \"" + address + "\" is not HOST:PORT, e.g. 127.0.0.1:8080");
  }
  beast::error_code error;
  const auto host = asio::ip::make_address(address.substr(0, colon), error);
  if (error) return Fail(Code::kConfiguration, "http.listen: \"" + address.substr(0, colon) + "\" is not an IP address");
  if (!host.is_loopback() && !allow_remote) {
    return Fail(Code::kConfiguration, "http.listen: " + address + " is not loopback; without a token the API stays on 127.0.0.1");
  }
  auto impl = std::make_unique<Impl>(routes);
  const Tcp::endpoint endpoint(host, static_cast<std::uint16_t>(port));
  impl->acceptor.open(endpoint.protocol(), error);
  if (!error) impl->acceptor.set_option(asio::socket_base::reuse_address(true), error);
  if (!error) impl->acceptor.bind(endpoint, error);
  if (!error) impl->acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) return Fail(Code::kIo, "http.listen: cannot bind " + address + ": " + error.message());
  impl->Accept();
  impl->thread = std::thread([raw = impl.get()] { raw->io.run(); });
  return std::unique_ptr<AdminServer>(new AdminServer(std::move(impl)));
}

AdminServer::AdminServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

AdminServer::~AdminServer() {
  impl_->io.stop();
  impl_->thread.join();
}

std::uint16_t AdminServer::port() const { return impl_->acceptor.local_endpoint().port(); }

}  // namespace offerstream
