#include <gtest/gtest.h>

#include <filesystem>

#include "consumers/config/config.h"
#include "consumers/wire/event_mapping.h"
#include "consumers/wire/mapping_check.h"

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
  EXPECT_EQ(studies, 5u);
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
