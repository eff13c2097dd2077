#include "consumers/commands/mapping.h"

#include <fmt/format.h>

#include <cstdio>

#include "consumers/commands/check.h"
#include "consumers/wire/csv_reader.h"
#include "consumers/wire/event_decoder.h"
#include "consumers/wire/mapping_check.h"

namespace offerstream {

namespace {

int Explain(const Error& error) {
  fmt::print(stderr, "{} {}\n", Sentence(error.code), error.detail);
  return ExitCode(error.code);
}

int Test(const std::vector<std::shared_ptr<const EventMapping>>& mappings,
         const std::shared_ptr<const CampaignPlan>& plan) {
  std::size_t failures = 0;
  for (const auto& mapping : mappings) {
    const MappingVerdict verdict = TestMapping(mapping, plan);
    for (const ConfigError& failure : verdict.failures) fmt::print("{}\n", failure.Text());
    fmt::print("{}: {} of {} tests passed\n", mapping->name, verdict.passed, mapping->tests.size());
    failures += verdict.failures.size();
  }
  return failures == 0 ? 0 : ExitCode(Code::kGateFailed);
}

// One file's records through the decoder; `show` sees each record with what became of it and says whether to go on.
template <typename Show>
Status EachRecord(const std::string& path, const std::shared_ptr<const EventMapping>& mapping,
                  const std::shared_ptr<const CampaignPlan>& plan, Show show) {
  auto file = InputFile::Open(path, *mapping);
  if (!file) return tl::unexpected<Error>(file.error());
  EventDecoder decoder(plan, mapping, false);
  DecodedBatch batch;
  std::string key, value;
  for (std::int64_t n = 0;; ++n) {
    const auto there = (*file)->Next(key, value);
    if (!there) return tl::unexpected<Error>(there.error());
    if (!*there) return {};
    batch.Clear();
    Record record;
    record.value = value;
    record.key = key;
    record.null_key = key.empty();
    record.cause.offset = n;
    decoder.Decode(record, batch);
    if (!show(value, batch)) return {};
  }
}

int Try(const MappingOptions& options, const std::shared_ptr<const EventMapping>& mapping,
        const std::shared_ptr<const CampaignPlan>& plan) {
  std::uint64_t shown = 0;
  for (const std::string& path : options.inputs) {
    const Status status = EachRecord(path, mapping, plan, [&](const std::string&, const DecodedBatch& batch) {
      const Decoded& decoded = batch.records[0];
      if (decoded.bad) fmt::print("bad record {}: {} ({})\n", shown, ReasonText(decoded.reason), decoded.detail);
      for (std::uint32_t i = 0; i < decoded.size; ++i)
        fmt::print("{}\n", EventAsText(batch.events[decoded.begin + i], *plan));
      if (!decoded.bad && decoded.size == 0) fmt::print("record {}: no event\n", shown);
      return ++shown < options.limit;
    });
    if (!status) return Explain(status.error());
  }
  return 0;
}

int Rows(const MappingOptions& options, const std::shared_ptr<const EventMapping>& mapping,
         const std::shared_ptr<const CampaignPlan>& plan) {
  for (const std::string& path : options.inputs) {
    const Status status = EachRecord(path, mapping, plan, [&](const std::string& value, const DecodedBatch& batch) {
      if (options.keyed && batch.records[0].size > 0)
        fmt::print("{}\t", batch.events[batch.records[0].begin].customer_id);
      fmt::print("{}\n", value);
      return true;
    });
    if (!status) return Explain(status.error());
  }
  return 0;
}

}  // namespace

int RunMapping(const MappingOptions& options) {
  std::unique_ptr<Config> config;
  if (!options.config.empty())
    config = LoadOrExplain(options.config, options.set);
  else
    config = std::move(ParseConfig(DefaultConfigText(), "default").config);
  if (config == nullptr) return ExitCode(Code::kConfiguration);
  std::vector<std::string> names;
  if (!options.mapping.empty())
    names.push_back(options.mapping);
  else
    for (const InputConfig& input : config->events) names.push_back(input.mapping);
  std::vector<std::shared_ptr<const EventMapping>> mappings;
  bool good = true;
  for (const std::string& name : names) {
    const LoadedMapping loaded = LoadMapping(name);
    for (const ConfigError& error : loaded.errors) fmt::print(stderr, "{}\n", error.Text());
    good = good && loaded.mapping != nullptr;
    mappings.push_back(loaded.mapping);
  }
  if (!good) return ExitCode(Code::kConfiguration);
  if (options.action == "test") return Test(mappings, config->plan);
  return options.action == "rows" ? Rows(options, mappings[0], config->plan) : Try(options, mappings[0], config->plan);
}

}  // namespace offerstream
