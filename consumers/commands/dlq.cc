#include "consumers/commands/dlq.h"

#include <fmt/format.h>

#include <charconv>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "consumers/commands/check.h"
#include "consumers/commands/explain.h"
#include "consumers/kafka/kafka_client.h"
#include "consumers/kafka/kafka_producer.h"
#include "consumers/kafka/kafka_topics.h"
#include "consumers/offline/report/json_text.h"

namespace offerstream {
namespace {

constexpr int kTimeoutMs = 15'000;
constexpr std::uint64_t kShown = 20;

bool IsOurs(std::string_view header) { return header.starts_with("__connect.errors.") || header.starts_with("offerstream."); }

std::string_view HeaderOf(const Record& record, std::string_view name) {
  std::string_view found;
  for (const Header& header : record.headers) {
    if (header.name == name) found = header.value;   // the last one is the last refusal's
  }
  return found;
}

std::string ReasonOf(const Record& letter) { return std::string(HeaderOf(letter, "offerstream.error.reason")); }
bool IsPart(const Record& letter) { return !HeaderOf(letter, "offerstream.error.value.bytes").empty(); }

// Bytes as text where they are printable, else in hexadecimal.
void AddBytes(report::Object& object, const std::string& name, std::string_view bytes, bool null) {
  if (null) {
    object.Add(name, "null");
    return;
  }
  bool printable = true;
  for (const char c : bytes) printable = printable && (static_cast<unsigned char>(c) >= 0x20 && static_cast<unsigned char>(c) < 0x7f);
  if (printable) {
    object.Text(name, bytes);
    return;
  }
  std::string hex;
  for (const char c : bytes) hex += fmt::format("{:02x}", static_cast<unsigned char>(c));
  object.Text(name + "_hex", hex);
}

class Letters {
 public:
  explicit Letters(const DlqOptions& options) : options_(options), config_(LoadOrExplain(options.config, options.set)) {}
  const Config* config() const { return config_.get(); }

  /// Calls `each(topic of the letters, partition, letter)` for every one that was asked for; false stops.
  Status Read(const std::function<bool(const std::string&, std::int32_t, const Record&)>& each) {
    const std::vector<std::string> topics = Topics();
    if (topics.empty()) return Fail(Code::kUsage, "no input topic " + options_.topic + " in the configuration");
    auto admin = KafkaAdmin::Open(config_->kafka, config_->app_id + "-dlq");
    if (!admin) return tl::unexpected(admin.error());
    auto partitions = (*admin)->Partitions(topics, kTimeoutMs);
    if (!partitions) return tl::unexpected(partitions.error());
    const auto reader = OpenKafkaLogReader(config_->kafka, config_->app_id + "-dlq");
    std::uint64_t left = options_.limit > 0 ? options_.limit : UINT64_MAX;
    for (const std::string& topic : topics) {
      const auto found = partitions->find(topic);
      if (found == partitions->end()) return Fail(Code::kTopicMissing, topic + ": offerstream topics apply makes it");
      for (std::int32_t p = 0; p < found->second && left > 0; ++p) {
        if (options_.partition >= 0 && p != options_.partition) continue;
        auto bounds = reader->Bounds(topic, p);
        if (!bounds) return tl::unexpected(bounds.error());
        const std::int64_t from = std::max(bounds->low, options_.from);
        if (from >= bounds->high) continue;
        Status read = ReadLogRange(*reader, topic, p, from, bounds->high, 0, kTimeoutMs, [&](const Record& letter) {
          if (!options_.reason.empty() && ReasonOf(letter) != options_.reason) return true;
          return --left > 0 ? each(topic, p, letter) : (each(topic, p, letter), false);
        });
        if (!read) return read;
      }
    }
    return {};
  }

 private:
  std::vector<std::string> Topics() const {
    std::vector<std::string> topics;
    for (const InputConfig& input : config_->events) {
      if (options_.topic.empty() || options_.topic == input.topic) topics.push_back(DeadLetterTopic(input.topic));
    }
    return topics;
  }

  const DlqOptions& options_;
  std::unique_ptr<Config> config_;
};

int List(Letters& letters) {
  std::map<std::pair<std::string, std::string>, std::uint64_t> counts;
  Status read = letters.Read([&](const std::string& topic, std::int32_t, const Record& letter) {
    ++counts[{topic, ReasonOf(letter)}];
    return true;
  });
  if (!read) return Explain(read.error());
  std::uint64_t sum = 0;
  for (const auto& [key, n] : counts) {
    fmt::print("{} {} {}\n", key.first, key.second.empty() ? "no_reason" : key.second, n);
    sum += n;
  }
  fmt::print("{} dead letters\n", sum);
  return 0;
}

int Show(Letters& letters) {
  Status read = letters.Read([&](const std::string& topic, std::int32_t partition, const Record& letter) {
    report::Object object;
    object.Text("topic", topic).Count("partition", std::int64_t{partition}).Count("offset", letter.cause.offset);
    object.Text("reason", ReasonOf(letter)).Text("message", HeaderOf(letter, "__connect.errors.exception.message"));
    object.Text("from", fmt::format("{}[{}]@{}", HeaderOf(letter, "__connect.errors.topic"), HeaderOf(letter, "__connect.errors.partition"),
                                    HeaderOf(letter, "__connect.errors.offset")));
    AddBytes(object, "key", letter.key, letter.null_key);
    AddBytes(object, IsPart(letter) ? "value_begin" : "value", letter.value, letter.null_value);
    fmt::print("{}\n", object.str());
    return true;
  });
  return read ? 0 : Explain(read.error());
}

// Sends letters back to where they came from.
class Replay {
 public:
  Replay(const DlqOptions& options, std::unique_ptr<KafkaProducer> producer) : options_(options), producer_(std::move(producer)) {}

  bool Take(const std::string& topic, std::int32_t partition, const Record& letter) {
    const std::string_view input = HeaderOf(letter, "__connect.errors.topic"), number = HeaderOf(letter, "__connect.errors.partition");
    std::int32_t to = -1;
    std::from_chars(number.data(), number.data() + number.size(), to);
    const std::string place = fmt::format("{}[{}]@{}", topic, partition, letter.cause.offset);
    if (IsPart(letter) || to < 0 || DeadLetterTopic(std::string(input)) != topic) {
      fmt::print(stderr, "{}: left out: {}\n", place, IsPart(letter) ? "it holds only the beginning of its record" : "it does not say where it came from");
      ++left_out_;
      return true;
    }
    ++sent_;
    if (options_.dry_run) return true;
    std::vector<std::pair<std::string_view, std::string_view>> headers;
    for (const Header& header : letter.headers) {
      if (!IsOurs(header.name)) headers.emplace_back(header.name, header.value);
    }
    headers.emplace_back("offerstream.replayed", place);
    const OutRecord record{.partition = to, .null_key = letter.null_key, .null_value = letter.null_value, .key = letter.key,
                           .value = letter.value, .headers = headers, .timestamp_ms = letter.timestamp_ms};
    status_ = producer_->Send(std::string(input), record);
    return status_.has_value();
  }

  int End() {
    if (status_ && !options_.dry_run) status_ = producer_->Flush(kTimeoutMs);
    if (!status_) return Explain(status_.error());
    fmt::print("{} letters {}, {} left out\n", sent_, options_.dry_run ? "would be sent" : "sent", left_out_);
    return 0;
  }

 private:
  const DlqOptions& options_;
  std::unique_ptr<KafkaProducer> producer_;
  Status status_{};
  std::uint64_t sent_ = 0, left_out_ = 0;
};

}  // namespace

int RunDlq(const DlqOptions& given) {
  DlqOptions options = given;
  if (options.what == "show" && options.limit == 0) options.limit = kShown;
  if (options.what != "list" && options.what != "show" && options.what != "replay") {
    return Explain({Code::kUsage, 0, "dlq takes list, show or replay, not " + options.what});
  }
  Letters letters(options);
  if (letters.config() == nullptr) return ExitCode(Code::kConfiguration);
  if (options.what == "list") return List(letters);
  if (options.what == "show") return Show(letters);
  auto producer = KafkaProducer::Open({.kafka = letters.config()->kafka, .client_id = letters.config()->app_id + "-dlq", .transactional_id = {}});
  if (!producer) return Explain(producer.error());
  Replay replay(options, std::move(*producer));
  Status read = letters.Read([&](const std::string& topic, std::int32_t p, const Record& letter) { return replay.Take(topic, p, letter); });
  if (!read) return Explain(read.error());
  return replay.End();
}

}  // namespace offerstream
