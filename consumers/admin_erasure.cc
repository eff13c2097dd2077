#include "consumers/admin_erasure.h"

#include <string>

#include "consumers/admin_json.h"
#include "consumers/wire/event_format.h"

namespace offerstream {

HttpReply EraseCustomer(ServiceView& service, const HttpRequest& request) {
  const std::string& id = request.parts[0];
  if (id.size() > kIdBytesMax) return ErrorReply(400, "No customer's id is longer than 128 bytes.");
  const auto asked = service.EraseCustomer(id);
  HttpReply reply = ErrorReply(503, asked ? std::string_view() : Sentence(asked.error().code));
  if (asked) {
    reply.status = 202;
    reply.body = ErasureRequestJson(*asked);
  }
  service.Audit("erase " + (asked ? asked->id : std::string("-")), id, request.peer, reply.status);
  return reply;
}

}  // namespace offerstream
