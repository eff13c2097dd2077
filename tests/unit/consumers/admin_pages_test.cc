#include "consumers/admin_pages.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include "consumers/admin_json.h"

namespace offerstream {
namespace {

/// A service with one customer and one learned cell, as the pages see it.
class OneCustomer final : public ServiceView {
 public:
  OneCustomer() {
    auto plan = std::make_shared<CampaignPlan>();
    plan->channels.push_back({.id = "push"});
    plan->outcomes = {{.id = "click"}, {.id = "conversion"}};
    plan->offers.push_back({.id = "card", .campaign_id = "winter", .channels = {ChannelIndex(0)}, .value = 40, .goal = OutcomeIndex(1)});
    plan->attributes.push_back({.name = "job", .type = AttributeType::kCategory, .levels = {"clerk"}});
    plan->text = "app: \"x\"";
    plan->churn.on = true;
    plan->Index();
    plan_ = plan;
    auto models = std::make_shared<AdoptedModels>();
    auto caps = std::make_shared<CapView>();
    caps->version = 12;
    caps->cells.push_back({.segment = 3, .channel = ChannelIndex(0), .limit = 9, .low = 8, .high = 10, .impressions = 5000});
    models->caps = caps;
    auto segments = std::make_shared<SegmentView>();
    segments->macros.push_back({.id = 7, .slot = 2, .share = 1});
    models->segments = segments;
    auto churn = std::make_shared<ChurnView>();
    churn->version = 5;
    churn->segments = {{0, 40, .25, 1000, 300}, {7, 10, .5, 200, 120}};
    models->churn = churn;
    auto items = std::make_shared<ItemsView>();
    items->version = 8;
    items->items.push_back({H64("lamp"), 12, {{H64("bulb"), .5, 6}}});
    models->items = items;
    models_ = models;
  }
  std::shared_ptr<const CampaignPlan> plan() const override { return plan_; }
  Readiness readiness() const override { return ready ? Readiness{true, {}} : Readiness{false, {"partition 2 is restoring"}}; }
  bool alive() const override { return true; }
  std::vector<ShardView> shards() const override {
    ShardView shard;
    shard.records = 17;
    shard.rejected["decode"] = 2;
    PartitionView p;
    p.lag = 5;
    p.counters.events[static_cast<std::size_t>(EventKind::kClick)] = 11;
    p.counters.selections = {4};
    shard.partitions.push_back(p);
    return {shard};
  }
  LearnerView learner() const override {
    LearnerView view;
    view.lag = 7;
    ModelReport report;
    report.id = "card/conversion";
    report.drivers.push_back({"job=clerk", 0.5, 1.65, 1.2, 2.2, 3.1});
    report.drivers.push_back({"segment_slot=2*channel=push", 0.1, 1.11, 1, 1.2, 2});
    report.drivers.push_back({"segment_slot=3", 0, 1, 0.5, 2, 0});
    view.models.push_back(report);
    return view;
  }
  std::shared_ptr<const AdoptedModels> models() const override { return models_; }
  std::vector<std::string> RecentDecisions(std::size_t limit) const override {
    return std::vector<std::string>(std::min<std::size_t>(limit, 2), "{\"decision_id\":\"1\"}");
  }
  Result<ErasureRequest> EraseCustomer(std::string_view id) override {
    if (!ready) return Fail(Code::kKafkaUnreachable);
    return ErasureRequest{"erase-1", "hash of " + std::string(id), "app-erasures", {0, 1}};
  }
  void Audit(std::string_view deed, std::string_view id, std::string_view, unsigned status) const override {
    audit.push_back(std::string(deed) + "|" + std::string(id) + "|" + std::to_string(status));
  }
  mutable std::vector<std::string> audit{};
  Result<CustomerView> Customer(std::string_view id) override {
    if (id != "ann") return Fail(Code::kNotFound);
    CustomerView view;
    view.profile.id = "ann";
    AttributeValue job;
    job.type = AttributeValue::Type::kText;
    job.text = plan_->attributes[0].level_hashes[0];
    view.profile.attributes.push_back({AttributeIndex(0), job});
    Buying& bought = view.profile.KeepHabits().buying.emplace_back();
    bought.known = {0, 86'400'000, 5000, 2};
    bought.looked = 2 * 86'400'000;
    bought.buys = .25f;
    view.watermark = 90 * Duration{86'400'000};
    view.profile.value = {0, 0, 100, 0};
    view.caps.push_back({ChannelIndex(0), 9, 3, CapSource::kLearned, kNever, 0});
    return view;
  }
  std::map<std::string, std::pair<std::uint64_t, std::uint64_t>> StateSizes() const override { return {{"profiles", {100, 1}}}; }
  std::uint64_t DiskFree() const override { return 1; }

  bool ready = true;

 private:
  std::shared_ptr<const CampaignPlan> plan_{};
  std::shared_ptr<const AdoptedModels> models_{};
};

class AdminPages : public testing::Test {
 protected:
  AdminPages() { AddAdminPages(service_, 200, routes_); }
  HttpReply Get(std::string_view target) {
    HttpRequest request;
    request.method = "GET";
    EXPECT_TRUE(ParseTarget(target, request));
    return routes_.Answer(std::move(request));
  }
  OneCustomer service_{};
  AdminRoutes routes_{};
};

TEST_F(AdminPages, CustomerShowsTextsThePlanKnowsAndCapsThatHold) {
  const HttpReply reply = Get("/api/v1/customers/ann");
  EXPECT_EQ(reply.status, 200u);
  EXPECT_NE(reply.body.find("\"job\":\"clerk\""), std::string::npos) << reply.body;
  EXPECT_NE(reply.body.find("\"limit\":9,\"used\":3,\"remaining\":6,\"source\":\"learned\""), std::string::npos) << reply.body;
  EXPECT_EQ(Get("/api/v1/customers/bob").status, 404u);
}

TEST_F(AdminPages, AnErasureIsAcceptedToldWhereItsReceiptWillBeAndAudited) {
  const auto erase = [&](std::string_view target) {
    HttpRequest request;
    request.method = "DELETE";
    request.content_type = "application/json";
    request.peer = "127.0.0.1";
    EXPECT_TRUE(ParseTarget(target, request));
    return routes_.Answer(std::move(request));
  };
  const HttpReply reply = erase("/api/v1/customers/ann");
  EXPECT_EQ(reply.status, 202u);
  EXPECT_EQ(reply.body, "{\"request_id\":\"erase-1\",\"customer\":\"hash of ann\",\"receipts\":\"app-erasures\",\"partitions\":[0,1]}\n");
  EXPECT_EQ(erase("/api/v1/customers/" + std::string(129, 'x')).status, 400u);
  EXPECT_EQ(erase("/api/v1/offers").status, 405u);
  service_.ready = false;
  EXPECT_EQ(erase("/api/v1/customers/bob").status, 503u);
  EXPECT_EQ(service_.audit.front(), "erase erase-1|ann|202");
  EXPECT_EQ(service_.audit.back(), "erase -|bob|503");
}

TEST_F(AdminPages, ChurnTellsWhatIsAtRiskOfACustomerAndOfSegments) {
  const std::string ann = Get("/api/v1/customers/ann").body, all = Get("/api/v1/churn").body, metrics = Get("/metrics").body;
  // Half of the hundred is left after 90 days: 50 ln 2 / 90 d = 140.65 a year, three quarters of it at risk.
  EXPECT_NE(ann.find("\"orders\":2,\"spent\":50,\"looked\":\"1970-01-03T00:00:00.000Z\",\"leave_probability\":0.75,\"spend_a_year\":140.6"), std::string::npos) << ann;
  EXPECT_NE(ann.find("\"value_at_risk\":105.4"), std::string::npos) << ann;
  EXPECT_NE(all.find("{\"segment\":7,\"customers\":10,\"leave_probability\":0.5,\"spend_a_year\":200,\"value_at_risk\":120}"), std::string::npos) << all;
  EXPECT_NE(all.find("{\"segment\":null,\"customers\":40"), std::string::npos) << all;
  EXPECT_NE(metrics.find("offerstream_churn_value_at_risk{segment=\"all\"} 300"), std::string::npos);
  EXPECT_NE(metrics.find("offerstream_churn_leave_ratio{segment=\"7\"} 0.5"), std::string::npos);
}

TEST_F(AdminPages, SimilarItemsOfOneThatIsKnownAndOfNone) {
  const std::string body = Get("/api/v1/items/lamp/similar").body;
  EXPECT_NE(body.find("\"item\":\"lamp\",\"bought\":12,\"similar\":[{\"item\":\"#"), std::string::npos) << body;
  EXPECT_EQ(Get("/api/v1/items/chair/similar").status, 404u);
}

TEST_F(AdminPages, ReadyzTellsWhyNot) {
  EXPECT_EQ(Get("/readyz").status, 200u);
  service_.ready = false;
  const HttpReply reply = Get("/readyz");
  EXPECT_EQ(reply.status, 503u);
  EXPECT_NE(reply.body.find("partition 2 is restoring"), std::string::npos);
}

TEST_F(AdminPages, MetricsCountWhatTheShardsCounted) {
  const std::string text = Get("/metrics").body;
  EXPECT_NE(text.find("offerstream_records_total 17"), std::string::npos) << text;
  EXPECT_NE(text.find("offerstream_events_total{kind=\"click\"} 11"), std::string::npos);
  EXPECT_NE(text.find("offerstream_events_rejected_total{reason=\"decode\"} 2"), std::string::npos);
  EXPECT_NE(text.find("offerstream_offer_selections_total{offer=\"card\",channel=\"push\"} 4"), std::string::npos);
  EXPECT_NE(text.find("offerstream_cap_limit{segment=\"3\",channel=\"push\"} 9"), std::string::npos);
}

TEST_F(AdminPages, PromtoolAcceptsTheWholePage) {
  if (std::system("command -v promtool >/dev/null 2>&1") != 0) GTEST_SKIP() << "promtool is not installed";
  const std::string path = testing::TempDir() + "service_metrics.txt";
  std::ofstream(path) << Get("/metrics").body;
  EXPECT_EQ(std::system(("promtool check metrics < " + path).c_str()), 0);
}

TEST_F(AdminPages, DriversOfAModelAndOfNone) {
  EXPECT_NE(Get("/api/v1/models/card/conversion/drivers").body.find("\"odds_ratio\":1.65"), std::string::npos);
  EXPECT_EQ(Get("/api/v1/models/card/sale/drivers").status, 404u);
}

TEST_F(AdminPages, DriversNameSegmentsByTheIdTheSegmentsPageHas) {
  EXPECT_NE(Get("/api/v1/segments").body.find("{\"id\":7,"), std::string::npos);
  const std::string drivers = Get("/api/v1/models/card/conversion/drivers").body;
  EXPECT_NE(drivers.find("{\"feature\":\"segment=7*channel=push\","), std::string::npos) << drivers;
  EXPECT_NE(drivers.find("{\"feature\":\"segment_slot=3\","), std::string::npos) << drivers;   // nobody has it
}

TEST_F(AdminPages, DecisionsLimitIsChecked) {
  EXPECT_EQ(Get("/api/v1/decisions?limit=1").body, "[{\"decision_id\":\"1\"}]\n");
  EXPECT_EQ(Get("/api/v1/decisions?limit=0").status, 400u);
  EXPECT_EQ(Get("/api/v1/decisions?limit=x").status, 400u);
  EXPECT_EQ(Get("/api/v1/decisions?limit=1001").status, 400u);
}

TEST_F(AdminPages, EveryPageIsWellFormedJson) {
  if (std::system("command -v python3 >/dev/null 2>&1") != 0) GTEST_SKIP() << "python3 is not installed";
  for (const std::string path : {"/", "/livez", "/readyz", "/api/v1/customers/ann", "/api/v1/offers", "/api/v1/segments", "/api/v1/preferences", "/api/v1/churn", "/api/v1/items/lamp/similar", "/api/v1/caps",
                                 "/api/v1/models", "/api/v1/models/card/conversion/drivers", "/api/v1/experiments",
                                 "/api/v1/pipeline", "/api/v1/decisions", "/api/v1/config"}) {
    const std::string file = testing::TempDir() + "page.json";
    std::ofstream(file) << Get(path).body;
    EXPECT_EQ(std::system(("python3 -m json.tool < " + file + " > /dev/null").c_str()), 0) << path;
  }
}

TEST_F(AdminPages, DescriptionNamesExactlyTheRoutes) {
  std::ifstream in(OFFERSTREAM_SOURCE_DIR "/metrics/admin_api.yaml");
  std::set<std::string> described, routed;
  const std::regex path_line("^  (/[^:]*):.*"), placeholder("\\{[a-z_]+\\}");
  for (std::string line; std::getline(in, line);) {
    std::smatch match;
    if (std::regex_match(line, match, path_line)) described.insert(std::regex_replace(match[1].str(), placeholder, "{}"));
  }
  for (const std::string& pattern : routes_.Patterns()) routed.insert(pattern);
  EXPECT_EQ(described, routed);
}

}  // namespace
}  // namespace offerstream
