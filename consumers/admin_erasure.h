// The interface's way to erase a customer.
#pragma once

#include "consumers/service_view.h"
#include "metrics/admin_routes.h"

namespace offerstream {

/// DELETE of a customer. 202: the deletion is in the log, its receipt tells when it is done; 400 for what cannot be an id; 503 when
/// Kafka does not take it. A line in the log tells who asked.
HttpReply EraseCustomer(ServiceView& service, const HttpRequest& request);

}  // namespace offerstream
