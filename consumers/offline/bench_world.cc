#include "consumers/offline/bench_world.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>

#include "consumers/config/config.h"
#include "models/domain/event_time.h"
#include "models/domain/fixed_math.h"

namespace offerstream {
namespace {

constexpr std::size_t kOffers = 20, kChannels = 6, kFeatures = 64;
constexpr std::array<std::string_view, kChannels> kChannelNames = {"push", "email", "sms", "app", "web", "branch"};
constexpr std::array<std::string_view, 12> kJobs = {"admin",      "manual",     "entrepreneur", "housemaid",
                                                    "management", "retired",    "self-run",     "services",
                                                    "student",    "technician", "unemployed",   "other"};
constexpr std::array<std::string_view, 5> kEducation = {"basic", "school", "college", "university", "unknown"};
constexpr std::array<std::string_view, 3> kMarital = {"single", "married", "divorced"};
constexpr std::array<std::string_view, 3> kRegions = {"north", "south", "west"};
constexpr EventTime kStart = 1'772'323'200'000;  // 2026-03-01T00:00:00Z
constexpr double kEventsPerDay =
    5;  // of one customer: about three observations an impression fall due in the time of a run
constexpr double kZipf = 1.1;
constexpr std::size_t kRecordBytes = 318;

void AppendList(std::span<const std::string_view> words, std::string& out) {
  for (std::size_t i = 0; i < words.size(); ++i)
    fmt::format_to(std::back_inserter(out), "{}{}", i == 0 ? "" : ", ", words[i]);
}

}  // namespace

std::string BenchConfigText(const BenchWorkload& workload) {
  std::string text = "version: 1\napp: { id: bench, instance: bench-0 }\nchannels:\n";
  const auto append = std::back_inserter(text);
  for (const std::string_view channel : kChannelNames) {
    fmt::format_to(
        append,
        "  {}: {{ cost: 0.002, cap: {{ window: 7d, start: 8, max: 20, learn: true }}, unsubscribe_value: 12 }}\n",
        channel);
  }
  text += "products:\n";
  for (std::size_t p = 0; p < 5; ++p)
    fmt::format_to(append, "  - {{ id: product-{}, category: {} }}\n", p, p < 3 ? "cards" : "deposits");
  text += "offers:\n";
  for (std::size_t o = 0; o < kOffers; ++o) {
    fmt::format_to(append,
                   "  - {{ id: offer-{:02}, campaign: spring, product: product-{}, channels: [{}], value: {}, "
                   "eligible: {{ attribute: age, min: {} }} }}\n",
                   o, o % 5, kChannelNames[o % kChannels], 20 + 3 * o, 18 + o % 4);
  }
  text +=
      "outcomes:\n  click: { kind: click, window: 7d }\n  conversion: { kind: conversion, window: 30d, value: "
      "from_event }\n";
  fmt::format_to(append, "decide: {{ on: [{}], min_interval: 0s, valid_for: 6h, placements: [home] }}\n",
                 workload.every_event ? "impression, request, click, conversion" : "request, click, conversion");
  text +=
      "features:\n  attributes:\n    - { name: age, type: number, center: 45, scale: 15, missing: false }\n"
      "    - { name: income, type: number, center: 50, scale: 20, missing: false }\n"
      "    - { name: balance, type: number, center: 5, scale: 5, missing: false }\n";
  const auto category = [&](std::string_view name, std::span<const std::string_view> levels) {
    fmt::format_to(append, "    - {{ name: {}, type: category, levels: [", name);
    AppendList(levels, text);
    text += "] }\n";
  };
  category("job", kJobs);
  category("education", kEducation);
  category("marital", kMarital);
  category("region", kRegions);
  text +=
      "  time: week\n  segment: true\n  channel: true\n  ordinal: true\n  crosses: []\n"
      "segments: { features: [recency, frequency, monetary, deposits, withdrawals], k: 4 }\n";
  return text;
}

Result<std::shared_ptr<const CampaignPlan>> BenchPlan(const BenchWorkload& workload) {
  const LoadedConfig loaded = ParseConfig(BenchConfigText(workload), "bench.yaml");
  if (!loaded.config) return Fail(Code::kConfiguration, loaded.errors.front().Text());
  if (loaded.config->plan->features.size() != kFeatures) {
    return Fail(Code::kConfiguration,
                fmt::format("the workload has {} features", loaded.config->plan->features.size()));
  }
  return loaded.config->plan;
}

void BenchCustomerId(std::size_t customer, std::string& out) {
  out.clear();
  fmt::format_to(std::back_inserter(out), "c-{:010}", customer);
}

// ---- Records
// -----------------------------------------------------------------------------------------------------------

void BenchRecords::Reserve(std::size_t records) {
  arena_.reserve(records * (kRecordBytes + 16));
  ends_.reserve(2 * records);
  times_.reserve(records);
}

void BenchRecords::Add(std::string_view key, std::string_view value, EventTime time) {
  arena_.append(key);
  ends_.push_back(arena_.size());
  arena_.append(value);
  ends_.push_back(arena_.size());
  times_.push_back(time);
}

// ---- Events
// ------------------------------------------------------------------------------------------------------------

BenchEvents::BenchEvents(std::shared_ptr<const CampaignPlan> plan, const BenchWorkload& workload)
    : plan_(std::move(plan)),
      zipf_(workload.zipf),
      draws_(workload.seed, 1, 0, Purpose::kSimulation),
      customers_(workload.customers),
      now_(kStart),
      step_(86'400'000.0 / (kEventsPerDay * static_cast<double>(workload.customers))) {
  if (!zipf_) return;
  double sum = 0;
  for (std::size_t i = 0; i < customers_.size(); ++i) {
    sum += fixed::Exp(-kZipf * fixed::Log(static_cast<double>(i + 1)));
    zipf_sums_.push_back(sum);
  }
}

std::size_t BenchEvents::Draw() {
  if (!zipf_) return draws_.Below(customers_.size());
  const double at = draws_.Uniform() * zipf_sums_.back();
  const auto rank =
      static_cast<std::size_t>(std::lower_bound(zipf_sums_.begin(), zipf_sums_.end(), at) - zipf_sums_.begin());
  return rank * 7919 % customers_.size();  // neighbours in rank are not neighbours in memory
}

void BenchEvents::Head(std::string_view type, std::size_t customer) {
  BenchCustomerId(customer, id_);
  value_.clear();
  fmt::format_to(std::back_inserter(value_), R"({{"type":"{}","messageId":"{:016x}","userId":"{}","timestamp":")", type,
                 H64({++serial_}), id_);
  AppendTime(now_, value_);
  value_ += '"';
}

// What real events carry along and nobody reads: filled up to the size of the canonical event.
void BenchEvents::Foot(std::size_t, BenchRecords& out) {
  constexpr std::string_view kOpen = R"(,"context":{"library":"web-2.4.1","locale":"en-GB","agent":")",
                             kClose = R"("}})";
  constexpr std::string_view kAgent =
      "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0 Safari/537.36 Edition/1.0 ";
  value_ += kOpen;
  while (value_.size() + kClose.size() < kRecordBytes) {
    value_.append(kAgent.substr(0, kRecordBytes - kClose.size() - value_.size()));
  }
  value_ += kClose;
  out.Add(id_, value_, now_);
}

void BenchEvents::Reference(OfferIndex offer, DecisionId decision) {
  const OfferSpec& spec = plan_->offers[offer.value];
  fmt::format_to(std::back_inserter(value_), R"("channel":"{}","offer_id":"{}","campaign_id":"spring")",
                 plan_->channels[spec.channels.front().value].id, spec.id);
  if (decision != 0) fmt::format_to(std::back_inserter(value_), R"(,"decision_id":"{:016x}")", decision);
}

void BenchEvents::Introduce(std::size_t customer, BenchRecords& out) {
  Head("identify", customer);
  fmt::format_to(
      std::back_inserter(value_),
      R"(,"traits":{{"age":{},"income":{:.1f},"balance":{:.2f},"job":"{}","education":"{}","marital":"{}","region":"{}"}})",
      18 + draws_.Below(60), 20 + 60 * draws_.Uniform(), 10 * draws_.Uniform(), kJobs[draws_.Below(kJobs.size())],
      kEducation[draws_.Below(kEducation.size())], kMarital[draws_.Below(kMarital.size())],
      kRegions[draws_.Below(kRegions.size())]);
  Foot(customer, out);
}

void BenchEvents::Next(BenchRecords& out) {
  now_part_ += step_;
  now_ += static_cast<EventTime>(now_part_);
  now_part_ -= static_cast<double>(static_cast<EventTime>(now_part_));
  current_ = Draw();
  Customer& customer = customers_[current_];
  const double kind = draws_.Uniform();
  const OfferIndex foreign(draws_.Below(plan_->offers.size()));
  if (kind < 0.2) {
    Head("page", current_);
    value_ += R"(,"name":"home","properties":{"placement":"home"})";
  } else if (kind < 0.9) {
    const bool ours = customer.decided != 0 && now_ < customer.valid_until;
    customer.shown = ours ? customer.decided : 0;
    customer.shown_offer = ours ? customer.offer : foreign;
    customer.decided = 0;
    Head("track", current_);
    value_ += R"(,"event":"Promotion Viewed","properties":{)";
    Reference(customer.shown_offer, customer.shown);
    value_ += '}';
  } else {
    const bool click = kind < 0.98;
    Head("track", current_);
    value_ += click ? R"(,"event":"Promotion Clicked","properties":{)" : R"(,"event":"Order Completed","properties":{)";
    Reference(customer.shown_offer.known() ? customer.shown_offer : foreign, customer.shown);
    if (!click)
      fmt::format_to(std::back_inserter(value_), R"(,"revenue":{:.2f},"currency":"EUR")", 10 + 90 * draws_.Uniform());
    value_ += '}';
  }
  Foot(current_, out);
}

void BenchEvents::Decided(const Decision& decision) {
  if (!decision.has_offer) return;
  Customer& customer = customers_[current_];
  customer.decided = decision.id;
  customer.offer = decision.candidates[decision.chosen].offer;
  customer.valid_until = decision.valid_until;
}

}  // namespace offerstream
