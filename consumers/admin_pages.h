// The read-only HTTP interface of a running service: health, metrics and /api/v1 as JSON. Described in
// metrics/admin_api.yaml, which a test holds against the routes.
#pragma once

#include "consumers/service_view.h"
#include "metrics/admin_routes.h"

namespace offerstream {

/// Adds every route to `routes`. Both must outlive the server. Numbers are JSON numbers, times RFC 3339 UTC.
void AddAdminPages(ServiceView& service, std::uint32_t metrics_max_offers, AdminRoutes& routes);

}  // namespace offerstream
