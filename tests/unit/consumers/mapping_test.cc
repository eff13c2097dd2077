#include <gtest/gtest.h>

#include <filesystem>

#include "consumers/config/config.h"
#include "consumers/wire/event_mapping.h"
#include "consumers/wire/mapping_check.h"
#include "consumers/wire/mapping_lists.h"

namespace offerstream {
namespace {

void ExpectPassed(const std::string& mapping_name, const std::shared_ptr<const CampaignPlan>& plan) {
  const LoadedMapping loaded = LoadMapping(mapping_name);
  for (const ConfigError& error : loaded.errors) ADD_FAILURE() << error.Text();
  ASSERT_NE(loaded.mapping, nullptr);
  EXPECT_FALSE(loaded.mapping->tests.empty()) << mapping_name << " has no tests";
  const MappingVerdict verdict = TestMapping(loaded.mapping, plan);
  for (const ConfigError& failure : verdict.failures) ADD_FAILURE() << failure.Text();
  EXPECT_EQ(verdict.passed, loaded.mapping->tests.size());
}

TEST(Mapping, EveryPresetPassesItsOwnTests) {
  const auto plan = ParseConfig(DefaultConfigText(), "offerstream.yaml").config->plan;
  for (const char* preset : {"segment", "cloudevents", "snowplow"}) ExpectPassed(preset, plan);
}

TEST(Mapping, EveryStudyIsSoundAndPassesItsOwnTests) {
  std::size_t studies = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(std::string(OFFERSTREAM_SOURCE_DIR) + "/deploy/studies")) {
    if (!entry.is_directory()) continue;
    const LoadedConfig loaded = LoadConfig(entry.path().string() + "/offerstream.yaml");
    for (const ConfigError& error : loaded.errors) ADD_FAILURE() << error.Text();
    ASSERT_NE(loaded.config, nullptr) << entry.path();
    ExpectPassed(loaded.config->events[0].mapping, loaded.config->plan);
    ++studies;
  }
  EXPECT_EQ(studies, 10u);
}

TEST(Mapping, AStudysOtherConfigurationsAreSoundToo) {
  for (const char* config : {"bank-marketing/leaky.yaml", "starbucks/history.yaml"}) {
    const LoadedConfig loaded = LoadConfig(std::string(OFFERSTREAM_SOURCE_DIR) + "/deploy/studies/" + config);
    for (const ConfigError& error : loaded.errors) ADD_FAILURE() << error.Text();
    ASSERT_NE(loaded.config, nullptr) << config;
    ExpectPassed(loaded.config->events[0].mapping, loaded.config->plan);
  }
}

TEST(Mapping, PrintedListsAreReadAndWhatIsNoneStaysAText) {
  const auto read = [](const char* text) {
    std::string json;
    return AppendList(text, json) ? json : "none";
  };
  EXPECT_EQ(read("[[-55, 'Withdrawal', 3929.99], [-2, 'it\\'s', 1e3]]"), "[[-55,\"Withdrawal\",3929.99],[-2,\"it's\",1e3]]");
  EXPECT_EQ(read("[None, True, False, \"a\\\"b\"]"), "[null,true,false,\"a\\\"b\"]");
  EXPECT_EQ(read("[]"), "[]");
  EXPECT_EQ(read("no list"), "none");
  EXPECT_EQ(read("['open]"), "none");
  EXPECT_EQ(read("[bare]"), "none");
}

TEST(Mapping, EveryItemOfAListBecomesAnEventAndNumbersAreReckoned) {
  const LoadedConfig config = ParseConfig(
      "version: 1\nevents: [ { topic: t, mapping: segment } ]\nchannels: { phone: {} }\noffers: [ { id: o } ]\nfeatures:\n  attributes:\n"
      "    - { name: sum }\n    - { name: age }\n    - { name: log }\n    - { name: web, type: bool }\n", "c.yaml");
  ASSERT_NE(config.config, nullptr);
  const LoadedMapping loaded = ParseMapping(
      "version: 1\nfields: { event_id: { from: /id }, customer_id: { from: /id }, kind: { const: ignore }, time: { start: 2026-01-10, step: 1s } }\n"
      "emit:\n  - each: { of: /moves, max: 2 }\n    fields: { kind: { const: transaction }, time: { from: '/moves/*/0', start: 2026-01-10, step: 1d }, value: { from: '/moves/*/1' } }\n"
      "  - when: { from: /channels, contains: web }\n    fields: { kind: { const: profile } }\n"
      "attributes:\n  fields: { sum: { sum: [/a, /b] }, age: { from: /born, factor: -1, plus: 2014 }, log: { from: /a, log: true }, web: { from: /channels, contains: web } }\n"
      "tests:\n  - { name: two, input: { id: x, moves: [[-3, 5.5], [-1, 2]], channels: 'web, mail', a: 1.5, b: 2, born: 1970 }, expect: [\n"
      "      { kind: transaction, event_id: 'x#1', time: '2026-01-07T00:00:00.000Z', value: '5.50' }, { kind: transaction, event_id: 'x#2', value: '2.00' },\n"
      "      { kind: profile, attributes: { sum: '3.5', age: '44', web: 'true' } } ] }\n"
      "  - { name: none, input: { id: x, moves: [], channels: mail, a: 1 }, expect: [] }\n"
      "  - { name: unknown part, input: { id: x, channels: web, a: 1, b: many, born: 1970 }, expect: [ { kind: profile, attributes: { sum: '', age: '44' } } ] }\n"
      "  - { name: too long, input: { id: x, moves: [[-3, 1], [-2, 1], [-1, 1]] }, expect: { error: schema } }\n"
      "  - { name: no list, input: { id: x, moves: many }, expect: { error: schema } }\n",
      "m.yaml");
  for (const ConfigError& error : loaded.errors) ADD_FAILURE() << error.Text();
  ASSERT_NE(loaded.mapping, nullptr);
  const MappingVerdict verdict = TestMapping(loaded.mapping, config.config->plan);
  for (const ConfigError& failure : verdict.failures) ADD_FAILURE() << failure.Text();
  EXPECT_EQ(verdict.passed, 5u);
}

TEST(Mapping, AFailingTestIsToldAtItsPlace) {
  const auto plan = ParseConfig(DefaultConfigText(), "offerstream.yaml").config->plan;
  const LoadedMapping loaded = ParseMapping(
      "version: 1\nfields: { event_id: { from: /id }, customer_id: { from: /who }, kind: { const: request } }\n"
      "tests:\n  - { name: wrong, input: { id: a, who: b }, expect: { event_id: z } }\n",
      "m.yaml");
  ASSERT_NE(loaded.mapping, nullptr);
  const MappingVerdict verdict = TestMapping(loaded.mapping, plan);
  ASSERT_EQ(verdict.failures.size(), 1u);
  EXPECT_EQ(verdict.failures[0].Text(), "m.yaml:4:54: test 'wrong': event 0: event_id is 'a', not 'z'");
}

TEST(Mapping, MistakesAreToldAtOnceWithTheirPlaces) {
  const LoadedMapping loaded = ParseMapping(
      "version: 1\nfromat: json\nfields:\n  event_id: { from: id }\n  kind: { const: impresion }\n  time: { as: [iso], "
      "start: 2026-01-01 }\n"
      "  offr_id: { const: a }\n",
      "m.yaml");
  std::vector<std::string> lines;
  for (const ConfigError& error : loaded.errors) lines.push_back(error.Text());
  const std::vector<std::string> expected = {
      "m.yaml:2:1: fromat: unknown key; did you mean 'format'?",
      "m.yaml:4:21: fields.event_id.from: a JSON Pointer like /properties/id or a CloudEvents attribute like ce_id is "
      "wanted, not 'id'",
      "m.yaml:5:18: fields.kind: no kind 'impresion'; did you mean 'impression'?",
      "m.yaml:6:9: fields.time: start and step go together",
      "m.yaml:6:15: fields.time.as: no form 'iso'",
      "m.yaml:7:3: fields.offr_id: unknown key; did you mean 'offer_id'?",
  };
  EXPECT_EQ(lines, expected);
}

TEST(Mapping, PointersFollowRfc6901) {
  FieldPath path;
  ASSERT_TRUE(ParseFieldPath("/a~1b/c~0d/", path));
  EXPECT_EQ(path.keys, (std::vector<std::string>{"a/b", "c~d", ""}));
  ASSERT_TRUE(ParseFieldPath("", path));
  EXPECT_TRUE(path.keys.empty());
  EXPECT_FALSE(ParseFieldPath("/a~2", path));
  EXPECT_FALSE(ParseFieldPath("a/b", path));
}

}  // namespace
}  // namespace offerstream
