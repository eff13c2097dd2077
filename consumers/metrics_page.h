// The numbers of a running service as one Prometheus page.
#pragma once

#include <string>

#include "consumers/service_view.h"
#include "metrics/admin_routes.h"

namespace offerstream {

/// One scrape: reads copies of the workers' plain counters; the hot path is not touched. `metrics_max_offers` bounds
/// the offer label. Any thread.
std::string RenderMetrics(const ServiceView& service, const AdminRoutes& routes, std::uint32_t metrics_max_offers);

}  // namespace offerstream
