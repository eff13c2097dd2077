#include "consumers/wire/event_builder.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "consumers/config/quantity_text.h"
#include "models/domain/decision.h"
#include "models/domain/event_time.h"
#include "models/domain/random.h"

namespace offerstream {

namespace {

using Type = FieldValue::Type;

// Text of a truth value as people and tables write it: 1, 0, 2 for neither.
int Truth(std::string_view text) {
  if (text == "true" || text == "1" || text == "yes" || text == "True") return 1;
  if (text == "false" || text == "0" || text == "no" || text == "False") return 0;
  return 2;
}

bool ParseHex16(std::string_view text, std::uint64_t& out) {
  if (text.size() != 16) return false;
  const auto [end, error] = std::from_chars(text.data(), text.data() + 16, out, 16);
  return error == std::errc() && end == text.data() + 16;
}

std::string* NextText(DecodedBatch& batch) {
  if (batch.texts_used == batch.texts.size()) {
    batch.texts.push_back(std::make_unique<std::string>());
    // Room for both ids and a suffix: appending never moves what views point to.
    batch.texts.back()->reserve(2 * kIdBytesMax + 32);
  }
  std::string* text = batch.texts[batch.texts_used++].get();
  text->clear();
  return text;
}

}  // namespace

void DecodedBatch::Clear() {
  records.clear();
  events.clear();
  texts_used = attributes_used = 0;
}

bool ParseMoney(std::string_view text, Money& out) {
  const bool negative = !text.empty() && text[0] == '-';
  std::size_t at = negative ? 1 : 0, digits = 0;
  std::int64_t minor = 0;
  int decimals = -1;
  bool exact = at < text.size();
  for (; at < text.size() && exact; ++at) {
    if (text[at] == '.' && decimals < 0 && digits > 0) {
      decimals = 0;
      continue;
    }
    const unsigned digit = static_cast<unsigned char>(text[at]) - '0';
    if (digit > 9 || digits > 16)
      exact = false;
    else if (decimals < 2)
      minor = minor * 10 + digit, ++digits, decimals += decimals >= 0;
    else if (decimals == 2)
      minor += digit >= 5, ++decimals;  // the third decimal rounds, half away from zero
  }
  if (exact && digits > 0 && text.back() != '.') {
    for (int i = std::max(decimals, 0); i < 2; ++i) minor *= 10;
    if (minor > kMoneyMax) return false;
    out = negative ? -minor : minor;
    return true;
  }
  double major = 0;
  if (!ParseNumber(text, major) || std::abs(major) > static_cast<double>(kMoneyMax) / 100) return false;
  out = static_cast<Money>(std::round(major * 100));
  return true;
}

FieldValue EventBuilder::Value(const CompiledRule& compiled, const Record& record, const FieldTable& fields,
                               std::string& scratch) const {
  const FieldRule& rule = *compiled.rule;
  FieldValue value;
  if (rule.constant) {
    value = {Type::kText, *rule.constant};
  } else if (rule.row) {
    const auto at = rule.row->find("{n}");
    scratch = fmt::format("{}{}{}", std::string_view(*rule.row).substr(0, at), record.cause.offset,
                          std::string_view(*rule.row).substr(at + 3));
    value = {Type::kText, scratch};
  } else {
    for (const std::uint16_t slot : compiled.slots) {
      const FieldValue& found = fields.At(slot);
      if (found.Usable()) {
        value = found;
        break;
      }
      if (found.type == Type::kNull) value = found;
    }
  }
  if (compiled.plain) return value;
  if (value.Usable() && compiled.names.size() > 0) {
    const std::uint16_t name = compiled.names.Find(value.text);
    if (name != TextTable::kNone) return {Type::kText, compiled.values[name]};
    if (rule.standard) return {Type::kText, *rule.standard};
  }
  if (!value.Usable() && rule.standard) return {Type::kText, *rule.standard};
  return value;
}

bool EventBuilder::Holds(const CompiledCondition& compiled, const FieldTable& fields) const {
  const FieldCondition& condition = *compiled.condition;
  const FieldValue& value = fields.At(compiled.slot);
  bool holds = false;
  switch (condition.test) {
    case FieldCondition::Test::kPresent:
      holds = value.Usable();
      break;
    case FieldCondition::Test::kAbsent:
      holds = !value.Usable();
      break;
    case FieldCondition::Test::kStartsWith:
      for (const std::string& text : condition.values)
        holds = holds || (value.Usable() && value.text.starts_with(text));
      break;
    case FieldCondition::Test::kContains:
      for (const std::string& text : condition.values)
        holds = holds || (value.Usable() && value.text.find(text) != std::string_view::npos);
      break;
    case FieldCondition::Test::kIs:
    case FieldCondition::Test::kIn:
      for (const std::string& text : condition.values) holds = holds || (value.Usable() && value.text == text);
      break;
  }
  return holds != condition.negated;
}

void EventBuilder::Build(const Record& record, const FieldTable& fields, DecodedBatch& batch, Decoded& decoded) {
  decoded.begin = static_cast<std::uint32_t>(batch.events.size());
  const auto texts = batch.texts_used, attributes = batch.attributes_used;
  for (const CompiledCondition& condition : skip_) {
    if (Holds(condition, fields)) return;
  }
  bool good = CheckLists(fields);
  good = good && ((main_.conditional && !Holds(main_.when, fields)) || OneEvent(main_, record, fields, 0, batch, decoded));
  for (std::size_t i = 0; i < emits_.size() && good; ++i) {
    if (!emits_[i].conditional || Holds(emits_[i].when, fields))
      good = OneEvent(emits_[i], record, fields, i + 1, batch, decoded);
  }
  if (!good) {
    batch.events.resize(decoded.begin);
    batch.texts_used = texts;
    batch.attributes_used = attributes;
    decoded.bad = true;
    decoded.reason = refusal_.code;
    decoded.detail = refusal_.sentence;
  }
  decoded.size = static_cast<std::uint32_t>(batch.events.size()) - decoded.begin;
}

void EventBuilder::BuildDelete(const Record& record, DecodedBatch& batch, Decoded& decoded) {
  decoded.begin = static_cast<std::uint32_t>(batch.events.size());
  if (record.null_key || record.key.empty() || record.key.size() > kIdBytesMax) {
    decoded.bad = true;
    decoded.reason = record.key.size() > kIdBytesMax ? Code::kTooLarge : Code::kNoCustomerId;
    decoded.detail = "an erasure (record without value) needs its customer as key";
    return;
  }
  std::string* text = NextText(batch);
  Event& event = batch.events.emplace_back();
  event.kind = EventKind::kDelete;
  text->append(record.key);
  std::string_view request;
  for (const Header& header : record.headers) {
    if (header.name == kRequestHeader) request = header.value;
  }
  if (!request.empty() && request.size() <= kIdBytesMax) {
    text->append(request);
  } else {
    // No id of its own: its place in the log is one.
    fmt::format_to(std::back_inserter(*text), "erase-{}-{}-{}", record.cause.input, record.cause.partition,
                   record.cause.offset);
  }
  event.customer_id = std::string_view(*text).substr(0, record.key.size());
  event.event_id = std::string_view(*text).substr(record.key.size());
  event.customer_hash = H64(event.customer_id);
  event.event_hash = H64(event.event_id);
  event.time = std::max<EventTime>(record.timestamp_ms, 0);
  event.cause = record.cause;
  decoded.timestamp_from_record = true;
  decoded.size = 1;
}

bool EventBuilder::OneEvent(const CompiledTemplate& event, const Record& record, const FieldTable& fields,
                            std::size_t emit, DecodedBatch& batch, Decoded& decoded) {
  const CompiledRule& kind_rule = event.fields[static_cast<std::size_t>(Field::kKind)];
  std::uint8_t kind = static_cast<std::uint8_t>(EventKind::kIgnore);
  const FieldValue kind_value = Value(kind_rule, record, fields, scratch_[0]);
  if (kind_value.Usable()) kind = KindCode(kind_value.text);
  if (kind == static_cast<std::uint8_t>(EventKind::kIgnore)) return true;
  Event out;
  out.failed = kind == kFailedDelivery;
  out.kind = out.failed ? EventKind::kDelivery : static_cast<EventKind>(kind);
  out.cause = record.cause;
  out.cause.part = static_cast<std::uint16_t>(batch.events.size() - decoded.begin);
  if (!Identify(event, record, fields, emit, batch, out, decoded)) return false;
  if (!Time(event.fields[static_cast<std::size_t>(Field::kTime)], record, fields, out.time, decoded)) return false;
  if (!References(event, record, fields, batch, out) || !Amounts(event, record, fields, out)) return false;
  if (!Attributes(record, fields, batch, out)) return false;
  batch.events.push_back(out);
  return true;
}

bool EventBuilder::Identify(const CompiledTemplate& event, const Record& record, const FieldTable& fields,
                            std::size_t emit, DecodedBatch& batch, Event& out, Decoded& decoded) {
  const FieldValue id = Value(event.fields[static_cast<std::size_t>(Field::kEventId)], record, fields, scratch_[0]);
  if (!id.Usable() || id.type == Type::kContainer || id.text.empty())
    return Refuse(Code::kNoEventId, "the event has no id");
  if (id.text.size() > kIdBytesMax) return Refuse(Code::kTooLarge, "the event's id is longer than 128 bytes");
  FieldValue customer = Value(event.fields[static_cast<std::size_t>(Field::kCustomerId)], record, fields, scratch_[1]);
  if (out.kind == EventKind::kCampaignCost) {
    // It belongs to no customer; its campaign stands in for one.
    const FieldValue campaign =
        Value(event.fields[static_cast<std::size_t>(Field::kCampaignId)], record, fields, scratch_[2]);
    scratch_[1] =
        fmt::format("campaign:{}", campaign.Usable() ? campaign.text.substr(0, kIdBytesMax - 9) : std::string_view{});
    customer = {Type::kText, scratch_[1]};
  } else {
    if (!customer.Usable() || customer.type == Type::kContainer || customer.text.empty()) {
      return Refuse(Code::kNoCustomerId, "the event names no customer");
    }
    if (customer.text.size() > kIdBytesMax)
      return Refuse(Code::kTooLarge, "the customer's id is longer than 128 bytes");
    if (!record.null_key && record.key != customer.text) {
      decoded.key_mismatch = true;
      if (reject_key_mismatch_) return Refuse(Code::kKeyMismatch, "the record's key is not the event's customer");
    }
  }
  std::string* text = NextText(batch);
  text->append(customer.text).append(id.text);
  if (emit > 0) {
    fmt::format_to(std::back_inserter(*text), "#{}", emit);
  }
  out.customer_id = std::string_view(*text).substr(0, customer.text.size());
  out.event_id = std::string_view(*text).substr(customer.text.size());
  out.customer_hash = H64(out.customer_id);
  out.event_hash = H64(out.event_id);
  return true;
}

bool EventBuilder::ParseTime(const FieldRule& rule, const FieldValue& value, EventTime& out) const {
  if (!rule.format.empty()) return value.type == Type::kText && ParseByFormat(value.text, rule.format, out);
  bool ms = false, s = false;
  for (const TimeForm form : rule.forms) {
    if (form == TimeForm::kRfc3339 && value.type == Type::kText && ParseRfc3339(value.text, out)) return true;
    ms = ms || form == TimeForm::kEpochMs;
    s = s || form == TimeForm::kEpochS;
  }
  double number = 0;
  if ((!ms && !s) || (value.type != Type::kNumber && value.type != Type::kText) || !ParseNumber(value.text, number))
    return false;
  // With both forms allowed the size tells: as seconds, 1e11 would be the year 5138.
  if (s && (!ms || std::abs(number) < 1e11)) number *= 1000;
  if (std::abs(number) > 1e15) return false;
  out = static_cast<EventTime>(std::floor(number));
  return true;
}

bool EventBuilder::Time(const CompiledRule& compiled, const Record& record, const FieldTable& fields, EventTime& out,
                        Decoded& decoded) {
  const FieldRule& rule = *compiled.rule;
  const FieldValue value = rule.given ? Value(compiled, record, fields, scratch_[0]) : FieldValue{};
  if (rule.start) {
    double n = static_cast<double>(record.cause.offset);
    if (!rule.from.empty() && (!value.Usable() || !ParseNumber(value.text, n)))
      return Refuse(Code::kTimestampInvalid, "the event's time is no number");
    if (std::abs(n) > 1e15) return Refuse(Code::kTimestampInvalid, "the event's time is out of range");
    out = *rule.start + static_cast<EventTime>(n * static_cast<double>(rule.step));
  } else if (value.Usable()) {
    if (!ParseTime(rule, value, out))
      return Refuse(Code::kTimestampInvalid, "the event's time is in no form the mapping names");
    // Segment's rule: a device whose clock is wrong is wrong in the same way when it sends.
    EventTime original = 0, sent = 0, received = record.timestamp_ms;
    if (compiled.original != PathTree::kNone && compiled.slots.size() > 0 && !fields.At(compiled.slots[0]).Usable() &&
        ParseTime(rule, fields.At(compiled.original), original) && ParseTime(rule, fields.At(compiled.sent), sent)) {
      if (compiled.received != PathTree::kNone) ParseTime(rule, fields.At(compiled.received), received);
      if (received > 0) out = received - (sent - original);
    }
  } else if (record.timestamp_ms > 0) {
    out = record.timestamp_ms;
    decoded.timestamp_from_record = true;
  } else {
    return Refuse(Code::kTimestampInvalid, "neither the event nor its record has a time");
  }
  if (out < 0 || out > kEventTimeMax)
    return Refuse(Code::kTimestampInvalid, "the event's time is before 1970 or after 9999");
  if (record.timestamp_ms > 0 && out > record.timestamp_ms + kFutureTolerance) {
    return Refuse(Code::kTimestampFuture, "the event's time is more than five minutes after its record's");
  }
  return true;
}

bool EventBuilder::References(const CompiledTemplate& event, const Record& record, const FieldTable& fields,
                              const DecodedBatch& batch, Event& out) {
  bool good = true;
  const auto text = [&](Field field) -> std::string_view {
    const CompiledRule& rule = event.fields[static_cast<std::size_t>(field)];
    if (!rule.rule->given) return {};
    const FieldValue value = Value(rule, record, fields, scratch_[0]);
    if (!value.Usable()) return {};
    if (value.type == Type::kContainer) good = Refuse(Code::kSchema, "a list or an object stands where a text belongs");
    if (value.text.size() > kTextBytesMax) good = Refuse(Code::kSchema, "a text is longer than 1024 bytes");
    return good ? value.text : std::string_view{};
  };
  if (const auto offer = text(Field::kOfferId); !offer.empty()) {
    out.offer = OfferIndex(offers_.Find(offer));
    out.offer_hash = out.offer.known() ? plan_->offers[out.offer.value].hash : H64(offer);
  }
  if (const auto product = text(Field::kProductId); !product.empty()) {
    out.product = ProductIndex(products_.Find(product));
    out.product_hash = out.product.known() ? plan_->products[out.product.value].hash : H64(product);
    if (batch.product_names != nullptr) batch.product_names->try_emplace(out.product_hash, product);
  }
  if (const auto channel = text(Field::kChannel); !channel.empty()) out.channel = ChannelIndex(channels_.Find(channel));
  if (const auto placement = text(Field::kPlacement); !placement.empty())
    out.placement = PlacementIndex(placements_.Find(placement));
  if (const auto arm = text(Field::kArm); !arm.empty()) {
    const bool policy = arm == "policy" || arm == "treatment", holdout = arm == "holdout" || arm == "control";
    if (!policy && !holdout) return Refuse(Code::kSchema, "arm must be policy (treatment) or holdout (control)");
    out.arm = static_cast<std::uint8_t>(policy ? Arm::kPolicy : Arm::kHoldout);
  }
  if (out.arm != Event::kNoArm || out.kind == EventKind::kCampaignCost) {   // nobody else asks for it
    if (const auto campaign = text(Field::kCampaignId); !campaign.empty())
      out.campaign = CampaignIndex(campaigns_.Find(campaign));
  }
  // An id that is not ours in form names no decision: the answer is joined by its window, as if none were named.
  if (const auto id = text(Field::kDecisionId); !id.empty() && !ParseHex16(id, out.decision_id)) out.decision_id = 0;
  if (const auto currency = text(Field::kCurrency); !currency.empty() && currency != plan_->currency) {
    return Refuse(Code::kSchema, "the event's currency is not the configured one");
  }
  if (const auto direction = text(Field::kDirection); !direction.empty()) {
    if (direction != "in" && direction != "out") return Refuse(Code::kSchema, "direction must be in or out");
    out.direction = direction == "in" ? Direction::kIn : Direction::kOut;
  }
  return good;
}

bool EventBuilder::Amounts(const CompiledTemplate& event, const Record& record, const FieldTable& fields, Event& out) {
  // -1: wrong, 0: absent, 1: there.
  const auto number = [&](Field field, double& value) {
    const CompiledRule& rule = event.fields[static_cast<std::size_t>(field)];
    if (!rule.rule->given) return 0;
    const FieldValue found = Value(rule, record, fields, scratch_[0]);
    if (!found.Usable() || found.text.empty()) return found.type == Type::kContainer ? -1 : 0;
    return (found.type == Type::kNumber || found.type == Type::kText) && ParseNumber(found.text, value) ? 1 : -1;
  };
  double propensity = 0;
  const int logged = number(Field::kPropensity, propensity);
  if (logged < 0 || (logged > 0 && !(propensity > 0 && propensity <= 1)))
    return Refuse(Code::kSchema, "propensity must lie in (0, 1]");
  out.propensity = propensity;
  if (number(Field::kQuantity, out.quantity) < 0) return Refuse(Code::kSchema, "quantity is no number");
  if (number(Field::kCost, out.cost) < 0 || out.cost < 0) return Refuse(Code::kSchema, "cost is no number from 0 up");
  const CompiledRule& value_rule = event.fields[static_cast<std::size_t>(Field::kValue)];
  if (value_rule.rule->given) {
    const FieldValue value = Value(value_rule, record, fields, scratch_[0]);
    if (value.type == Type::kBool || value.type == Type::kContainer) return Refuse(Code::kSchema, "value is no amount");
    if (value.Usable() && !value.text.empty()) {
      if (!ParseMoney(value.text, out.value)) return Refuse(Code::kSchema, "value is no amount");
      double factor = 1;
      if (value_rule.times != PathTree::kNone) {
        const FieldValue& times = fields.At(value_rule.times);
        double major = 0;
        if (!times.Usable() || !ParseNumber(times.text, factor) || !ParseNumber(value.text, major) ||
            std::abs(major * factor) > static_cast<double>(kMoneyMax) / 100) {
          return Refuse(Code::kSchema, "value is no amount");
        }
        out.value = static_cast<Money>(std::round(major * factor * 100));
      }
      if (out.value < 0 && !value_rule.rule->negative) return Refuse(Code::kSchema, "value is negative");
      out.has_value = true;
    }
  }
  const CompiledRule& service = event.fields[static_cast<std::size_t>(Field::kTransactional)];
  if (service.rule->given) {
    const FieldValue value = Value(service, record, fields, scratch_[0]);
    const int truth = value.Usable() ? service.rule->is ? value.text == *service.rule->is : Truth(value.text) : 0;
    if (truth > 1) return Refuse(Code::kSchema, "transactional is neither true nor false");
    out.transactional = truth == 1;
  }
  for (const auto& [bit, rule] : event.outcomes) {
    const FieldValue value = Value(rule, record, fields, scratch_[0]);
    if (!value.Usable()) continue;
    const int truth = rule.rule->is ? value.text == *rule.rule->is : Truth(value.text);
    if (truth > 1) return Refuse(Code::kSchema, "an outcome is neither true nor false");
    out.outcomes_known |= bit;
    if (truth == 1) out.outcomes_yes |= bit;
  }
  return true;
}

bool EventBuilder::Attributes(const Record& record, const FieldTable& fields, DecodedBatch& batch, Event& out) {
  std::vector<AttributeUpdate>* updates = nullptr;
  for (const CompiledAttribute& attribute : attributes_) {
    const FieldValue value = Value(attribute.source, record, fields, scratch_[0]);
    const FieldRule& rule = *attribute.source.rule;
    if (value.type == Type::kAbsent && rule.sum.empty()) continue;
    AttributeUpdate update{attribute.attribute, {}};
    const bool unknown = !value.Usable() || value.text.empty() ||
                         (missing_.size() > 0 && missing_.Find(value.text) != TextTable::kNone);
    if (value.type == Type::kContainer) return Refuse(Code::kSchema, "an attribute is a list or an object");
    if (rule.Reckoned()) {
      update.value = Reckon(attribute.source, value, fields);
    } else if (!unknown && (rule.is || rule.contains)) {
      const bool same = rule.is ? value.text == *rule.is : value.text.find(*rule.contains) != std::string_view::npos;
      update.value = {AttributeValue::Type::kBool, same ? 1.0 : 0.0, 0};
      if (attribute.type == AttributeType::kNumber) update.value.type = AttributeValue::Type::kNumber;
    } else if (!unknown && attribute.type == AttributeType::kNumber) {
      double number = value.text == "true" ? 1 : 0;
      if (value.type == Type::kBool || ParseNumber(value.text, number)) {
        update.value = {AttributeValue::Type::kNumber, number, 0};
      } else if (!mapping_->attributes.numbers_auto) {
        return Refuse(Code::kSchema, "an attribute declared as number is none");
      }
    } else if (!unknown && attribute.type == AttributeType::kBool) {
      const int truth = Truth(value.text);
      if (truth > 1) return Refuse(Code::kSchema, "an attribute declared as bool is neither true nor false");
      update.value = {AttributeValue::Type::kBool, static_cast<double>(truth), 0};
    } else if (!unknown) {
      if (value.text.size() > kTextBytesMax) return Refuse(Code::kSchema, "a text is longer than 1024 bytes");
      update.value = {AttributeValue::Type::kText, 0, H64(value.text)};
    }
    if (updates == nullptr) {
      if (batch.attributes_used == batch.attributes.size())
        batch.attributes.push_back(std::make_unique<std::vector<AttributeUpdate>>());
      updates = batch.attributes[batch.attributes_used++].get();
      updates->clear();
    }
    updates->push_back(update);
  }
  if (updates != nullptr) out.attributes = *updates;
  return true;
}

}  // namespace offerstream
