#include "consumers/wire/event_decoder.h"

#include <simdjson.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "consumers/wire/event_builder.h"
#include "consumers/wire/event_format.h"
#include "models/domain/decision.h"
#include "models/domain/random.h"

namespace offerstream {

namespace {

namespace json = simdjson::ondemand;
using Type = FieldValue::Type;

// A record at least this long is looked at for nesting before it is parsed; shorter ones cannot be deep.
constexpr std::size_t kDepthCheckFrom = 2 * kJsonDepthMax;

// Deepest nesting of brackets outside texts.
std::size_t Depth(std::string_view text) {
  std::size_t depth = 0, deepest = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted) {
      if (c == '\\')
        ++i;
      else if (c == '"')
        quoted = false;
    } else if (c == '"') {
      quoted = true;
    } else if (c == '[' || c == '{') {
      deepest = std::max(deepest, ++depth);
    } else if ((c == ']' || c == '}') && depth > 0) {
      --depth;
    }
  }
  return deepest;
}

std::string_view HeaderValue(const Record& record, std::string_view name) {
  for (const Header& header : record.headers) {
    if (!header.null && header.name == name) return header.value;
  }
  return {};
}

bool StartsWith(std::string_view text, std::initializer_list<unsigned char> magic) {
  return text.size() >= magic.size() &&
         std::equal(magic.begin(), magic.end(), text.begin(),
                    [](unsigned char a, char b) { return a == static_cast<unsigned char>(b); });
}

}  // namespace

struct EventDecoder::Impl {
  Impl(std::shared_ptr<const CampaignPlan> plan, std::shared_ptr<const EventMapping> event_mapping,
       bool reject_key_mismatch)
      : mapping(event_mapping),
        builder(std::move(plan), std::move(event_mapping), reject_key_mismatch),
        specversion(builder.paths().Add({false, {"specversion"}})),
        fields(Prepare()) {}

  std::size_t Prepare() {
    builder.paths().LinkEventRoot("data");
    return builder.paths().slots();
  }

  // Strips envelopes of bytes; false with a reason when the payload is none we read.
  static bool Payload(std::string_view& value, Decoded& decoded) {
    const auto refuse = [&](Code code, const char* sentence) {
      decoded.bad = true;
      decoded.reason = code;
      decoded.detail = sentence;
      return false;
    };
    if (value.size() > kRecordBytesMax) return refuse(Code::kTooLarge, "the record is larger than 1 MiB");
    if (StartsWith(value, {0})) {
      // Confluent: 0, four bytes of schema id, payload.
      if (value.size() < 6) return refuse(Code::kDecode, "the record ends inside its schema id");
      value.remove_prefix(5);
      if (value[0] != '{') return refuse(Code::kUnsupportedEncoding, "the payload behind the schema id is not JSON");
    }
    if (StartsWith(value, {0xef, 0xbb, 0xbf})) value.remove_prefix(3);
    if (StartsWith(value, {0x1f, 0x8b}) || StartsWith(value, {0x28, 0xb5, 0x2f, 0xfd}) ||
        StartsWith(value, {'O', 'b', 'j', 1})) {
      return refuse(Code::kUnsupportedEncoding, "the record is compressed or Avro");
    }
    if (StartsWith(value, {0x0a}) && value.size() > 2 && static_cast<unsigned char>(value[1]) + 2u <= value.size() &&
        std::string_view("{ \n\r\t").find(value[1]) == std::string_view::npos) {
      // Field 1 of wire type 2 with a length that fits: a Protobuf message, no JSON after a line break.
      return refuse(Code::kUnsupportedEncoding, "the record looks like Protobuf");
    }
    if (value.size() >= kDepthCheckFrom && Depth(value) > kJsonDepthMax)
      return refuse(Code::kDecode, "the record is nested too deeply");
    return true;
  }

  bool Parse(std::string_view value, std::uint16_t root) {
    if (buffer.size() < value.size() + simdjson::SIMDJSON_PADDING)
      buffer.resize(value.size() * 2 + simdjson::SIMDJSON_PADDING);
    std::memcpy(buffer.data(), value.data(), value.size());
    // The parser reads past the end; what stands there must not depend on the record before.
    std::memset(buffer.data() + value.size(), ' ', simdjson::SIMDJSON_PADDING);
    json::document document;
    if (parser.iterate(buffer.data(), value.size(), buffer.size()).get(document)) return false;
    json::object object;
    if (document.get_object().get(object)) return false;
    // Past the last brace nothing may stand.
    return Walk(object, root) && document.current_location().error() == simdjson::OUT_OF_BOUNDS;
  }

  // Fills the table from an object; wanted paths are few and shallow, so this recursion is bounded by the mapping.
  bool Walk(json::object& object, std::uint16_t node) {
    for (auto entry : object) {
      json::field field;
      if (std::move(entry).get(field)) return false;
      const char* raw = field.key().raw();
      const char* end = static_cast<const char*>(
          std::memchr(raw, '"', static_cast<std::size_t>(buffer.data() + buffer.size() - raw)));
      if (end == nullptr) return false;
      std::string_view key(raw, static_cast<std::size_t>(end - raw));
      if (std::memchr(key.data(), '\\', key.size()) != nullptr && field.unescaped_key().get(key)) return false;
      const PathTree::Child* child = builder.paths().Find(node, key);
      if (child != nullptr && !Take(field.value(), *child)) return false;
    }
    return true;
  }

  // A list's items are its fields, named by their number.
  bool WalkItems(json::value& value, std::uint16_t node) {
    json::array items;
    if (value.get_array().get(items)) return false;
    std::size_t n = 0;
    for (auto entry : items) {
      json::value item;
      if (entry.get(item)) return false;
      char digits[24];
      const char* end = std::to_chars(digits, digits + sizeof(digits), n++).ptr;
      const PathTree::Child* child = builder.paths().Find(node, std::string_view(digits, static_cast<std::size_t>(end - digits)));
      if (child != nullptr && !Take(item, *child)) return false;
    }
    return true;
  }

  bool Take(json::value value, const PathTree::Child& child) {
    json::json_type type;
    if (value.type().get(type)) return false;
    FieldValue found;
    switch (type) {
      case json::json_type::string:
        found.type = Type::kText;
        if (value.get_string().get(found.text)) return false;
        break;
      case json::json_type::number: {
        found.type = Type::kNumber;
        found.text = value.raw_json_token();
        while (!found.text.empty() && static_cast<unsigned char>(found.text.back()) <= ' ') found.text.remove_suffix(1);
        double number;
        if (value.get_double().get(number)) return false;
        break;
      }
      case json::json_type::boolean: {
        bool truth;
        if (value.get_bool().get(truth)) return false;
        found.type = Type::kBool;
        found.text = truth ? "true" : "false";
        break;
      }
      case json::json_type::null: {
        bool null;
        if (value.is_null().get(null) || !null) return false;
        found.type = Type::kNull;
        break;
      }
      case json::json_type::object:
        if (child.node != PathTree::kNone) {
          json::object inner;
          if (value.get_object().get(inner) || !Walk(inner, child.node)) return false;
        }
        found.type = Type::kContainer;
        break;
      case json::json_type::array:
        if (child.node != PathTree::kNone && !WalkItems(value, child.node)) return false;
        found.type = Type::kContainer;
        break;
    }
    if (child.slot != PathTree::kNone) fields.Set(child.slot, found);
    return true;
  }

  // Attributes of a CloudEvent in binary mode stand in headers.
  void TakeHeaders(const Record& record) {
    for (const Header& header : record.headers) {
      if (header.null || !header.name.starts_with("ce_")) continue;
      const PathTree::Child* child = builder.paths().Find(PathTree::kEnvelopeRoot, header.name.substr(3));
      if (child != nullptr && child->slot != PathTree::kNone) fields.Set(child->slot, {Type::kText, header.value});
    }
  }

  void Decode(const Record& record, DecodedBatch& batch) {
    Decoded& decoded = batch.records.emplace_back();
    decoded.begin = static_cast<std::uint32_t>(batch.events.size());
    if (record.null_value) return builder.BuildDelete(record, batch, decoded);
    std::string_view value = record.value;
    if (!Payload(value, decoded)) return;
    fields.Clear();
    bool structured = mapping->cloudevents, binary = false;
    if (!record.headers.empty()) {
      binary = !HeaderValue(record, "ce_specversion").empty();
      structured =
          !binary && (structured || HeaderValue(record, "content-type").starts_with("application/cloudevents"));
    }
    if (binary) TakeHeaders(record);
    bool good = Parse(value, structured ? PathTree::kEnvelopeRoot : PathTree::kEventRoot);
    if (good && !structured && !binary && fields.At(specversion).type == Type::kText) {
      // A CloudEvent in structured mode without the header that says so.
      fields.Clear();
      good = Parse(value, PathTree::kEnvelopeRoot);
    }
    if (!good) {
      decoded.bad = true;
      decoded.reason = Code::kDecode;
      decoded.detail = "the record is not one JSON object";
      return;
    }
    builder.Build(record, fields, batch, decoded);
  }

  std::shared_ptr<const EventMapping> mapping;
  EventBuilder builder;
  std::uint16_t specversion;
  FieldTable fields;
  json::parser parser{};
  std::string buffer{};
};

EventDecoder::EventDecoder(std::shared_ptr<const CampaignPlan> plan, std::shared_ptr<const EventMapping> mapping,
                           bool reject_key_mismatch)
    : impl_(std::make_unique<Impl>(std::move(plan), std::move(mapping), reject_key_mismatch)) {}
EventDecoder::~EventDecoder() = default;

void EventDecoder::Decode(const Record& record, DecodedBatch& batch) { impl_->Decode(record, batch); }

DecisionId MakeDecisionId(std::string_view topic, std::int32_t partition, std::int64_t offset, std::size_t placement) {
  return DecisionIdOf(H64(topic), Cause{0, partition, offset}, PlacementIndex(placement));
}

}  // namespace offerstream
