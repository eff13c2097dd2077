#include "consumers/config/settings.h"

#include <cassert>
#include <map>

#include "models/domain/campaign_plan.h"

namespace offerstream {

namespace {

using T = SettingType;
constexpr double kInf = 1e300;
constexpr double kSecond = 1000, kMinute = 60e3, kHour = 3.6e6, kDay = 86.4e6;
constexpr double kMiB = 1 << 20;

// Each effect is one sentence for the person who may change the key: what it does, and what it costs.
constexpr Setting kSettings[] = {
    {"version", T::kInteger, "1", 1, 1, "", true, "Version of this file's format."},
    {"currency", T::kText, "EUR", 3, 3, "", false, "Currency of every amount; an event in another one is refused."},
    {"dev", T::kBool, "false", 0, 0, "", false, "Development: silences warnings about replication."},

    {"app", T::kSection, "", 0, 0, "", false, "Who this is."},
    {"app.id", T::kText, "offerstream", 1, 64, "", false,
     "Prefix of internal topics and groups; cannot change while data exists."},
    {"app.instance", T::kText, "${HOSTNAME}", 1, 64, "", false,
     "Name of this process among its peers; must be stable over restarts and unique."},

    {"kafka", T::kSection, "", 0, 0, "", false, "Connection to Kafka."},
    {"kafka.brokers", T::kText, "localhost:9092", 1, 4096, "", false, "Bootstrap addresses, separated by commas."},
    {"kafka.common", T::kPass, "{}", 0, 0, "", false,
     "librdkafka properties of every client; NAME_file reads a secret from a file."},
    {"kafka.consumer", T::kPass, "{}", 0, 0, "", false, "librdkafka properties of consumers."},
    {"kafka.producer", T::kPass, "{}", 0, 0, "", false, "librdkafka properties of producers."},

    {"events", T::kList, "[{topic: events}]", 1, 16, "", false, "Input topics; co-partitioned."},
    {"events[].topic", T::kText, "events", 1, 249, "", false, "Topic to read."},
    {"events[].mapping", T::kText, "segment", 1, 4096, "", false,
     "Mapping of its records: a preset (segment, cloudevents, snowplow) or a file beside this one."},
    {"events[].on_bad_record", T::kChoice, "dead_letter", 0, 0, "dead_letter|skip|fail", false,
     "What becomes of a record that cannot be read."},
    {"events[].on_key_mismatch", T::kChoice, "reject", 0, 0, "reject|accept", false,
     "What becomes of an event whose customer is not its record's key."},
    {"events[].format", T::kChoice, "auto", 0, 0, "auto|json|cloudevents|confluent", false,
     "Envelope of the records; auto recognises it by header or first byte."},

    {"topics", T::kSection, "", 0, 0, "", false, "Output topics."},
    {"topics.decisions", T::kText, "decisions", 1, 249, "", false, "Topic of the decisions."},
    {"topics.caps", T::kText, "caps", 1, 249, "", false, "Topic of the caps that hold now."},

    {"decisions", T::kSection, "", 0, 0, "", false, "Form of the decision records."},
    {"decisions.detail", T::kChoice, "compact", 0, 0, "compact|full", false,
     "compact keeps a record near 500 bytes; full writes every candidate and the features."},

    {"state", T::kSection, "", 0, 0, "", false, "Where and how much is kept on this machine."},
    {"state.dir", T::kText, "/var/lib/offerstream", 1, 4096, "", false,
     "Directory of the local store; one process only."},
    {"state.memory", T::kSize, "2GiB", 64 * kMiB, 64e12, "", false, "Memory for profiles, cache and queues together."},
    {"state.shards", T::kInteger, "auto", 1, 256, "auto", false, "Threads that fold events; auto: one per core."},
    {"state.recovery_target", T::kDuration, "10s", 0, 10 * kMinute, "", false,
     "Longest re-fold after a crash; longer saves writes while running."},
    {"state.purge", T::kDuration, "1d", kSecond, 30 * kDay, "", false,
     "How often the files are rid of what was erased since; each time rewrites the tables concerned."},

    {"commit", T::kSection, "", 0, 0, "", false, "Size of a transaction."},
    {"commit.interval", T::kDuration, "100ms", 10, 5 * kSecond, "", false,
     "Longest time a transaction stays open; lower shows decisions sooner, higher costs the broker less."},
    {"commit.pause", T::kDuration, "10ms", 0, 5 * kSecond, "", false,
     "Least time between two commits when the input is drained."},
    {"commit.events_max", T::kInteger, "20000", 1, 1e6, "", false, "Most events in a transaction."},
    {"commit.bytes_max", T::kSize, "64MiB", kMiB, 1024 * kMiB, "", false, "Most input bytes in a transaction."},

    {"time", T::kSection, "", 0, 0, "", false, "Event time."},
    {"time.lateness", T::kDuration, "10m", 0, 90 * kDay, "", false,
     "How far behind the newest event another may be; later ones decide nothing."},
    {"time.idle_after", T::kDuration, "30s", kSecond, kDay, "", false,
     "A partition silent for so long takes its time from the clock."},
    {"time.dedup_horizon", T::kDuration, "7d", 0, 90 * kDay, "", false,
     "How long a repeated event id is recognised; longer costs 16 bytes an event."},

    {"channels", T::kTable, "", 1, kChannelsMax, "", true, "Ways to reach a customer."},
    {"channels.*.cost", T::kNumber, "0", 0, 1e9, "", false, "Cost of one impression in major units."},
    {"channels.*.cap", T::kSection, "", 0, 0, "", false, "Most impressions for one customer."},
    {"channels.*.cap.window", T::kDuration, "7d", kMinute, 90 * kDay, "", false,
     "Time in which impressions count against the cap."},
    {"channels.*.cap.start", T::kInteger, "8", 1, kCapMax, "", false, "Cap until one is learned."},
    {"channels.*.cap.max", T::kInteger, "20", 1, kCapMax, "", false, "Hard maximum; wins over what is learned."},
    {"channels.*.cap.learn", T::kBool, "true", 0, 0, "", false, "Learn the cap per segment from randomised evidence."},
    {"channels.*.cooldown", T::kDuration, "0s", 0, 90 * kDay, "", false, "Least time between two impressions."},
    {"channels.*.unsubscribe_value", T::kNumber, "0", 0, 1e9, "", false,
     "What a reachable customer is worth, in major units; lost when one unsubscribes."},

    {"products", T::kList, "[]", 0, kProductsMax, "", false, "What offers sell."},
    {"products[].id", T::kText, "", 1, 128, "", true, "Id as in events."},
    {"products[].category", T::kText, "", 0, 128, "", false,
     "Siblings: offers for products of one category lend each other priors."},

    {"offers", T::kList, "[]", 1, kOffersMax, "", true, "What may be decided."},
    {"offers[].id", T::kText, "", 1, 128, "", true, "Id as in events and decisions."},
    {"offers[].campaign", T::kText, "", 0, 128, "", false, "Campaign it belongs to."},
    {"offers[].product", T::kText, "", 0, 128, "", false, "Product it sells, one of products."},
    {"offers[].channels", T::kTexts, "", 1, kChannelsMax, "", false, "Channels it may use; all when not given."},
    {"offers[].value", T::kNumber, "1", 0, 1e9, "", false, "Value of its goal in major units."},
    {"offers[].goal", T::kText, "conversion", 1, 64, "", false, "Outcome it aims at."},
    {"offers[].lever", T::kNumber, "1", 0, 10, "", false, "Factor on its value: the business's thumb on the scale."},
    {"offers[].starts", T::kTime, "", 0, 0, "", false, "First moment it may be decided."},
    {"offers[].ends", T::kTime, "", 0, 0, "", false, "Moment from which it may not be decided any more."},
    {"offers[].repeatable", T::kBool, "true", 0, 0, "", false, "false: never to a customer who owns its product."},
    {"offers[].eligible", T::kFree, "", 0, 0, "", false, "Condition over attributes, segment and ownership."},
    {"offers[].budget", T::kText, "", 0, 128, "", false, "Budget its impressions are paid from, one of budgets."},
    {"budgets", T::kList, "[]", 0, kBudgetsMax, "", false, "Money for impressions; it is never overspent."},
    {"budgets[].id", T::kText, "", 1, 128, "", true, "Id as offers name it."},
    {"budgets[].amount", T::kNumber, "", 0, 1e9, "", true, "Major units a period, above 0."},
    {"budgets[].period", T::kDuration, "30d", kHour, 365 * kDay, "", false, "How long the amount is for; then comes the next."},
    {"budgets[].starts", T::kTime, "", 0, 0, "", false,
     "Begin of the first period, 1970-01-01 when not given; before it nothing is spent."},
    {"budgets[].pace", T::kChoice, "even", 0, 0, "even|asap", false,
     "even: a price on money makes it last the period; asap: spent until it is gone."},

    {"outcomes", T::kTable, "", 0, kOutcomesMax, "", false,
     "Answers to an impression that are learned; click and conversion are always there."},
    {"outcomes.*.kind", T::kChoice, "", 0, 0, "click|conversion|history", false,
     "Event kind that is this answer; history: known only from the outcomes of imported impressions."},
    {"outcomes.*.window", T::kDuration, "7d", kMinute, 90 * kDay, "", false,
     "How long after the impression an answer counts."},
    {"outcomes.*.value", T::kChoice, "none", 0, 0, "none|from_event", false,
     "from_event: the answer's own amount is recorded."},

    {"consent", T::kSection, "", 0, 0, "", false, "Permission to reach a customer."},
    {"consent.opt_in", T::kBool, "false", 0, 0, "", false, "true: a channel without a given consent is excluded."},
    {"consent.channels_from", T::kChoice, "attributes", 0, 0, "attributes|none", false,
     "attributes: consent_CHANNEL = true or false on a profile sets it."},

    {"decide", T::kSection, "", 0, 0, "", false, "When a decision is made."},
    {"decide.on", T::kTexts, "[request, click, conversion]", 0, 13,
     "impression|click|conversion|transaction|engagement|delivery|unsubscribe|complaint|profile|request", false,
     "Kinds of events that trigger one."},
    {"decide.min_interval", T::kDuration, "10m", 0, 30 * kDay, "", false,
     "Least time between two decisions for a customer and placement, requests too; 0 decides every time."},
    {"decide.valid_for", T::kDuration, "6h", kSecond, 90 * kDay, "", false, "How long a decision may be used."},
    {"decide.placements", T::kTexts, "[home]", 1, kPlacementsMax, "", false, "Places that ask for an offer."},
    {"decide.threshold", T::kNumber, "0", -1e9, 1e9, "", false,
     "Least score (value net of cost) in major units; at or below it no offer is made."},

    {"explore", T::kSection, "", 0, 0, "", false, "How much is tried to learn more."},
    {"explore.policy", T::kChoice, "inverse_gap", 0, 0, "inverse_gap|squarecb|epsilon_greedy|thompson|greedy|uniform", false,
     "How propensities follow from scores."},
    {"explore.kappa", T::kNumber, "10", 0, 1e6, "", false, "inverse_gap: higher explores less."},
    {"explore.gamma0", T::kNumber, "100", 0, 1e9, "", false, "squarecb: higher explores less."},
    {"explore.epsilon", T::kNumber, "0.05", 0, 1, "", false, "epsilon_greedy: share of uniform draws."},
    {"explore.lottery", T::kNumber, "0.01", 0, 1, "", false, "Least share drawn uniformly over all candidates."},
    {"explore.cap_lottery", T::kNumber, "0.1", 0, 1, "", false,
     "Share of customers whose cap is drawn: the evidence caps are learned from."},
    {"explore.seed", T::kInteger, "1", 0, 9.2e18, "", false, "Seed of every draw."},

    {"experiment", T::kSection, "", 0, 0, "", false, "Arms that show what decisions are worth."},
    {"experiment.holdout", T::kNumber, "0.05", 0, 1, "", false, "Share of customers who get no offer."},
    {"experiment.random", T::kNumber, "0.01", 0, 1, "", false, "Share of customers who get a uniform draw."},
    {"experiment.salt", T::kText, "offerstream", 0, 128, "", false, "Changes who is in which arm."},
    {"experiment.horizon", T::kDuration, "28d", kHour, 365 * kDay, "", false,
     "Time after enrolment in which a conversion counts for the lift."},
    {"experiment.margin", T::kNumber, "1", 0, 1, "", false, "Share of revenue that is earned, for incremental returns."},
    {"experiment.planned", T::kInteger, "20000", 100, 1e12, "", false,
     "Customers at which intervals that may be watched any time are tightest."},
    {"experiment.campaigns", T::kTable, "", 0, kCampaignsMax, "", false, "Campaigns with a holdout of their own."},
    {"experiment.campaigns.*.holdout", T::kNumber, "0.1", 0.0001, 0.99, "", false,
     "Share of customers outside the programme's holdout who get no offer of the campaign."},

    {"features", T::kSection, "", 0, 0, "", false, "What models see of a customer; a change makes a new schema."},
    {"features.attributes", T::kList, "[]", 0, kAttributesMax, "", false, "Attributes of events that are kept."},
    {"features.attributes[].name", T::kText, "", 1, 128, "", true, "Name as in events."},
    {"features.attributes[].type", T::kChoice, "number", 0, 0, "number|category|bool", false,
     "How it becomes features."},
    {"features.attributes[].center", T::kNumber, "0", -1e12, 1e12, "", false, "number: subtracted first."},
    {"features.attributes[].scale", T::kNumber, "1", 1e-12, 1e12, "", false,
     "number: divided by; about its standard deviation."},
    {"features.attributes[].knots", T::kTexts, "[]", 0, 12, "", false,
     "number: where its curve may bend and, in quarters, where crosses cut it: 3 to 12 ascending values; a normal's when not given."},
    {"features.attributes[].levels", T::kTexts, "[]", 0, 128, "", false,
     "category: a feature for each; other values have none."},
    {"features.attributes[].missing", T::kBool, "true", 0, 0, "", false,
     "number: one more feature that says it is missing."},
    {"features.attributes[].feature", T::kBool, "true", 0, 0, "", false,
     "false: kept for eligibility only, not seen by models."},
    {"features.attributes[].afterwards", T::kBool, "false", 0, 0, "", false,
     "true: it is known only after the answer (a call's duration), so figures with it are no forecast; reports say so."},
    {"features.profile", T::kFree,
     "[recency, frequency, monetary, deposits, withdrawals, days_since_click, click_rate, engagement]", 0, 0, "", false,
     "Numbers the profile keeps itself: names, or {name, center, scale}."},
    {"features.products", T::kBool, "false", 0, 0, "", false, "A feature for each product owned."},
    {"features.affinity", T::kBool, "false", 0, 0, "", false,
     "A feature for each category of products: its share of what the customer viewed, clicked and bought (half-life 30 d)."},
    {"features.churn", T::kBool, "false", 0, 0, "", false,
     "The chance that the customer has stopped buying, as said when it was looked at last (every 28 days); needs churn."},
    {"features.time", T::kChoice, "hour", 0, 0, "hour|week|true|false", false,
     "hour: time of day on the circle; week (or true): weekdays as well."},
    {"features.segment", T::kBool, "", 0, 0, "", false,
     "The learned segment, one-hot; default true when segments are learned."},
    {"features.channel", T::kBool, "", 0, 0, "", false,
     "The channel and its own click rate; default true with more than one channel."},
    {"features.ordinal", T::kBool, "true", 0, 0, "", false, "Which impression of the cap window it would be."},
    {"features.crosses", T::kFree, "", 0, 0, "", false,
     "Pairs that get joint features: [segment, channel], the default when it fits max; with learning.variants of crosses up to 6 pairs of numbers."},
    {"features.max", T::kInteger, "64", 1, kFeaturesMax, "", false, "Most features; learning costs its square."},

    {"segments", T::kSection, "", 0, 0, "", false, "Streaming segments of customers."},
    {"segments.features", T::kFree, "[recency, frequency, monetary, deposits, withdrawals]", 0, 0, "", false,
     "Profile numbers, and attributes of type number, segments are made of: names, or {name, center, scale}; [] turns them off."},
    {"segments.k", T::kInteger, "auto", 1, 12, "auto", false, "Number of segments; auto: by prediction strength."},

    {"learning", T::kSection, "", 0, 0, "", false, "How models learn."},
    {"learning.half_life", T::kSection, "", 0, 0, "", false, "How fast the past fades."},
    {"learning.half_life.level", T::kDuration, "7d", kHour, 3650 * kDay, "", false, "Half-life of the base rate."},
    {"learning.half_life.slope", T::kDuration, "28d", kHour, 3650 * kDay, "", false,
     "Half-life of what was learned of features."},
    {"learning.race", T::kBool, "true", 0, 0, "", false,
     "Variants of each model learn side by side and the best is served; false: one, of the first of variants.features."},
    {"learning.variants", T::kSection, "", 0, 0, "", false, "What races; each costs a whole model's learning."},
    {"learning.variants.half_lives", T::kBool, "true", 0, 0, "", false, "Half-lives four times longer and shorter."},
    {"learning.variants.variances", T::kBool, "false", 0, 0, "", false, "Prior variances of slopes .03 and .3 beside .1."},
    {"learning.variants.features", T::kTexts, "[linear]", 1, 4, "linear|curves|crosses|all", false,
     "Sets of features: a curve for each number, joint cells of pairs of numbers, both; the race starts with the first."},
    {"learning.variants.serve", T::kChoice, "leader", 0, 0, "leader|pool", false,
     "pool: all variants, weighted by how well they predict; a model's view and its cost to decide stay the same."},
    {"learning.adopt", T::kChoice, "commit", 0, 0, "commit|never", false, "never freezes the models that decide."},
    {"learning.snapshot", T::kSection, "", 0, 0, "", false, "When a model is published."},
    {"learning.snapshot.observations", T::kInteger, "1000", 1, 1e9, "", false, "After so many observations, at most four times in `every`."},
    {"learning.snapshot.every", T::kDuration, "1s", 10, kHour, "", false, "Or after this time, if there was any."},
    {"churn", T::kSection, "", 0, 0, "", false,
     "Who stops buying: with this section everybody who bought is looked at every 28 days, and learned from."},
    {"churn.horizon", T::kDuration, "91d", 7 * kDay, 365 * kDay, "", false,
     "Who buys within this time after a look has not left; what is learned is known only then."},
    {"churn.inactive_after", T::kDuration, "730d", 28 * kDay, 3650 * kDay, "", false,
     "After this time without a purchase nobody looks any more."},
    {"churn.purchases", T::kTexts, "[conversion, transaction]", 1, 2, "conversion|transaction", false,
     "Kinds of events that are a purchase; deposits, withdrawals and what is given back never are."},
    {"items", T::kSection, "", 0, 0, "", false,
     "What is bought together: with this section the events' products are learned from; up to 50 a customer are remembered for 30 days."},
    {"items.purchases", T::kTexts, "[conversion, transaction]", 1, 2, "conversion|transaction", false,
     "Kinds of events that are a purchase; what is given back never is."},

    {"metrics", T::kSection, "", 0, 0, "", false, "Metrics."},
    {"metrics.max_offers", T::kInteger, "200", 1, kOffersMax, "", false,
     "Offers with series of their own; the others count as other."},
    {"http", T::kSection, "", 0, 0, "", false, "The HTTP side."},
    {"http.listen", T::kText, "127.0.0.1:8080", 0, 256, "", false, "Address and port; empty: off."},
    {"http.admin_token_file", T::kText, "", 0, 4096, "", false,
     "File with the token of administrators; needed to listen beyond loopback."},
    {"privacy", T::kSection, "", 0, 0, "", false, "Names for customers in receipts and logs."},
    {"privacy.key_file", T::kText, "", 0, 4096, "", false,
     "File with the key of the hashes that stand for ids; empty: a public one, under which who guesses an id can check it."},
    {"log", T::kSection, "", 0, 0, "", false, "Logs on stderr."},
    {"log.level", T::kChoice, "info", 0, 0, "trace|debug|info|warn|error", false, "Least severity that is written."},
    {"log.format", T::kChoice, "text", 0, 0, "text|json", false, "Form of a line."},
};

const std::map<std::string_view, const Setting*>& ByPath() {
  static const auto table = [] {
    std::map<std::string_view, const Setting*> map;
    for (const Setting& setting : kSettings) map.emplace(setting.path, &setting);
    return map;
  }();
  return table;
}

}  // namespace

std::span<const Setting> Settings() { return kSettings; }

const Setting& SettingOf(std::string_view path) {
  const auto at = ByPath().find(path);
  assert(at != ByPath().end());
  return *at->second;
}

std::vector<std::string> Choices(const Setting& setting) {
  std::vector<std::string> words;
  std::string_view rest = setting.choices;
  while (!rest.empty()) {
    const auto bar = rest.find('|');
    words.emplace_back(rest.substr(0, bar));
    rest = bar == std::string_view::npos ? std::string_view{} : rest.substr(bar + 1);
  }
  return words;
}

}  // namespace offerstream
