#include "consumers/admin_pages.h"

#include <charconv>
#include <utility>

#include "consumers/admin_erasure.h"
#include "consumers/admin_json.h"
#include "consumers/wire/experiment_json.h"
#include "consumers/metrics_page.h"
#include "metrics/health.h"

namespace offerstream {
namespace {

HttpReply Json(std::string body) { return {200, "application/json", std::move(body)}; }

HttpReply Index(const AdminRoutes& routes) {
  std::string body = "{\"paths\":[", before;
  for (const std::string& pattern : routes.Patterns()) {
    if (pattern == std::exchange(before, pattern)) continue;   // another method
    if (body.back() != '[') body += ",";
    body += JsonText(pattern);
  }
  return Json(body + "]}\n");
}

HttpReply Decisions(const ServiceView& service, const HttpRequest& request) {
  std::size_t limit = 20;
  if (const auto at = request.query.find("limit"); at != request.query.end()) {
    const auto [end, error] = std::from_chars(at->second.data(), at->second.data() + at->second.size(), limit);
    if (error != std::errc() || end != at->second.data() + at->second.size() || limit == 0 || limit > 1000) {
      return ErrorReply(400, "limit is a whole number from 1 to 1000");
    }
  }
  std::string body = "[";
  for (const std::string& line : service.RecentDecisions(limit)) {
    if (body.size() > 1) body += ",";
    body += line;
  }
  return Json(body + "]\n");
}

HttpReply Customer(ServiceView& service, const HttpRequest& request) {
  const auto view = service.Customer(request.parts[0]);
  HttpReply reply = view ? Json(CustomerJson(view->plan != nullptr ? *view->plan : *service.plan(), *view))
                    : view.error().code == Code::kNotFound ? ErrorReply(404, "This instance knows no such customer.")
                                                           : ErrorReply(503, Sentence(view.error().code));
  service.Audit("read", request.parts[0], request.peer, reply.status);
  return reply;
}

HttpReply Drivers(const ServiceView& service, const HttpRequest& request) {
  const std::string body = DriversJson(service.learner(), request.parts[0] + "/" + request.parts[1], service.models().get());
  return body.empty() ? ErrorReply(404, "There is no such model; /api/v1/models lists them.") : Json(body);
}

}  // namespace

void AddAdminPages(ServiceView& service, std::uint32_t metrics_max_offers, AdminRoutes& routes) {
  const auto add = [&routes](std::string pattern, std::string name, AdminRoutes::Route route) {
    routes.Add(std::move(pattern), std::move(name), std::move(route));
  };
  add("/", "index", [&routes](const HttpRequest&) { return Index(routes); });
  add("/livez", "livez", [&service](const HttpRequest&) {
    const bool ok = service.alive();
    return HttpReply{ok ? 200u : 503u, "application/json", HealthJson(ok, {"a worker makes no progress"})};
  });
  add("/readyz", "readyz", [&service](const HttpRequest&) {
    const Readiness r = service.readiness();
    return HttpReply{r.ready ? 200u : 503u, "application/json", HealthJson(r.ready, r.reasons)};
  });
  add("/metrics", "metrics", [&service, &routes, metrics_max_offers](const HttpRequest&) {
    return HttpReply{200, "text/plain; version=0.0.4; charset=utf-8", RenderMetrics(service, routes, metrics_max_offers)};
  });
  add("/api/v1/customers/{}", "customer", [&service](const HttpRequest& r) { return Customer(service, r); });
  routes.Add("/api/v1/customers/{}", "erase", [&service](const HttpRequest& r) { return EraseCustomer(service, r); }, Access::kAdmin, "DELETE");
  add("/api/v1/offers", "offers", [&service](const HttpRequest&) { return Json(OffersJson(*service.plan())); });
  add("/api/v1/segments", "segments",
      [&service](const HttpRequest&) { return Json(SegmentsJson(*service.plan(), service.models().get())); });
  add("/api/v1/caps", "caps",
      [&service](const HttpRequest&) { return Json(CapsJson(*service.plan(), service.models().get())); });
  add("/api/v1/preferences", "preferences",
      [&service](const HttpRequest&) { return Json(PreferencesJson(*service.plan(), service.models().get())); });
  add("/api/v1/churn", "churn",
      [&service](const HttpRequest&) { return Json(ChurnJson(*service.plan(), service.models().get())); });
  add("/api/v1/items/{}/similar", "similar", [&service](const HttpRequest& r) {
    const std::string body = SimilarItemsJson(*service.plan(), service.models().get(), r.parts[0]);
    return body.empty() ? ErrorReply(404, "Nothing is known of such an item; it is learned with a section items.") : Json(body);
  });
  add("/api/v1/models", "models", [&service](const HttpRequest&) { return Json(ModelsJson(service.learner())); });
  add("/api/v1/models/{}/{}/drivers", "drivers", [&service](const HttpRequest& r) { return Drivers(service, r); });
  add("/api/v1/experiments", "experiments",
      [&service](const HttpRequest&) { return Json(ExperimentsJson(*service.plan(), service.models().get()) + "\n"); });
  add("/api/v1/campaigns", "campaigns",
      [&service](const HttpRequest&) { return Json(CampaignsJson(*service.plan(), service.models().get()) + "\n"); });
  add("/api/v1/pipeline", "pipeline", [&service](const HttpRequest&) { return Json(PipelineJson(service)); });
  add("/api/v1/decisions", "decisions", [&service](const HttpRequest& r) { return Decisions(service, r); });
  add("/api/v1/config", "config", [&service](const HttpRequest&) { return Json(ConfigJson(*service.plan())); });
}

}  // namespace offerstream
