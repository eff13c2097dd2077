#include <array>
#include <cassert>

#include "models/domain/prefetch.h"
#include "models/domain/random.h"
#include "state/formats/bounded_writer.h"
#include "state/formats/codecs.h"
#include "state/formats/framing.h"
#include "state/formats/packing.h"

namespace offerstream {
namespace {

// A record is of the first version that has its kinds: what is not used does not keep anybody from going back. All rows of
// a model are of kinds of one version.
constexpr std::uint8_t kVersion = 2, kFirstVersion = 1;
constexpr std::uint8_t VersionOf(ObservationKind kind) { return kind < ObservationKind::kChurnRow ? kFirstVersion : kVersion; }
constexpr ObservationKind kLastKind[] = {ObservationKind::kPreference, ObservationKind::kBasket};   // by version

// A row says by these bits which fields differ from their defaults; only those follow, in the order of the bits. A field
// is never lost because its kind "should not" use it, and an unused one costs nothing. Stored: add at the end.
enum Field : std::uint32_t {
  kYOne = 1u << 0,
  kFeatures = 1u << 1,
  kExposure = 1u << 2,
  kFrom = 1u << 3,
  kTo = 1u << 4,
  kSegment = 1u << 5,
  kChannel = 1u << 6,
  kN = 1u << 7,
  kPropensity = 1u << 8,
  kServedLogit = 1u << 9,
  kProbability = 1u << 10,
  kArm = 1u << 11,
  kValue = 1u << 12,
  kDelay = 1u << 13,
  kOutcome = 1u << 14,
  kLottery = 1u << 15,
  kUnsubscribed = 1u << 16,
  kInstant = 1u << 17,
  kPreValue = 1u << 18,
  kCustomer = 1u << 19,
  kOldPlace = 1u << 20,
  kNewPlace = 1u << 21,
  kYOther = 1u << 22,
  kCost = 1u << 23,
  kHeld = 1u << 24,
};
constexpr std::uint32_t kKnownFields = (1u << 25) - 1;
constexpr std::size_t kOutcomesListed = 250;

bool Empty(const Coordinates& c) { return c.micro == 0 && c.time == kNever && c.epoch == 0 && c.z.empty(); }

std::uint32_t FieldsOf(const Observation& o) {
  std::uint32_t fields = 0;
  const auto add = [&](bool present, Field field) { fields |= present ? field : 0u; };
  add(o.y == 1.0f, kYOne);
  add(o.y != 1.0f && std::bit_cast<std::uint32_t>(o.y) != 0, kYOther);
  add(o.x_size != 0, kFeatures);
  add(o.exposure != 0, kExposure);
  add(o.from != 0, kFrom);
  add(o.to != 0, kTo);
  add(o.segment != 0, kSegment);
  add(o.channel != ChannelIndex::kNone, kChannel);
  add(o.n != 0, kN);
  add(!IsZero(o.propensity), kPropensity);
  add(!IsZero(o.served_logit), kServedLogit);
  add(!IsZero(o.probability), kProbability);
  add(o.arm != 0, kArm);
  add(o.value != 0, kValue);
  add(o.delay != 0, kDelay);
  add(o.outcome != OutcomeIndex::kNone, kOutcome);
  add(o.lottery, kLottery);
  add(o.unsubscribed, kUnsubscribed);
  add(o.instant, kInstant);
  add(o.held, kHeld);
  add(!IsZero(o.pre_value), kPreValue);
  add(!IsZero(o.cost), kCost);
  add(o.customer != 0, kCustomer);
  add(o.places != nullptr && !Empty(o.places->old_place), kOldPlace);
  add(o.places != nullptr && !Empty(o.places->new_place), kNewPlace);
  return fields;
}

void PutPlace(BoundedWriter& out, const Coordinates& c) {
  out.U64(c.micro);
  PutTime(out, c.time);
  out.Varint(c.epoch);
  out.Varint(c.z.size());
  out.Bytes(reinterpret_cast<const char*>(c.z.data()), c.z.size() * sizeof(float));
}
// The default when the row has none: the memory may have held another row's.
void GetPlace(ByteReader& in, bool there, Coordinates& c) {
  c.z.clear();
  if (!there) {
    c = {};
    return;
  }
  c.micro = in.U64();
  c.time = GetTime(in);
  c.epoch = static_cast<std::uint32_t>(in.Varint());
  in.F32s(c.z);
}

// The channels and outcomes the record mentions, in plan order, once by hash; rows name them by position.
struct Dictionary {
  std::array<std::uint8_t, 256> channel{}, outcome{};

  void Write(const CampaignPlan& plan, const ObservationBatch& batch, std::span<const std::uint32_t> rows, ByteWriter& out) {
    std::array<bool, 256> channels{}, outcomes{};
    for (std::uint32_t row : rows) {
      const Observation& o = batch.rows[row];
      if (o.channel < plan.channels.size()) channels[o.channel & 0xff] = true;
      if (o.outcome < plan.outcomes.size()) outcomes[o.outcome & 0xff] = true;
    }
    channel.fill(kDictionaryNone);
    outcome.fill(kDictionaryNone);
    std::uint8_t count = 0;
    for (std::size_t i = 0; i < plan.channels.size() && i < kDictionaryNone; ++i) {
      if (channels[i]) channel[i] = count++;
    }
    out.U8(count);
    for (std::size_t i = 0; i < plan.channels.size() && i < kDictionaryNone; ++i) {
      if (channels[i]) out.U64(plan.channels[i].hash);
    }
    count = 0;
    for (std::size_t i = 0; i < plan.outcomes.size() && i < kOutcomesListed; ++i) {
      if (outcomes[i]) outcome[i] = count++;
    }
    out.U8(count);
    for (std::size_t i = 0; i < plan.outcomes.size() && i < kOutcomesListed; ++i) {
      if (outcomes[i]) out.U64(H64(plan.outcomes[i].id));
    }
  }
};

void PutRow(const ObservationBatch& batch, const Observation& o, const Dictionary& dictionary, std::uint64_t& previous_time,
            BoundedWriter& out) {
  const std::uint32_t fields = FieldsOf(o);
  out.U8(static_cast<std::uint8_t>(o.kind));
  out.Varint(fields);
  PutDelta(out, static_cast<std::uint64_t>(o.time), previous_time);
  if (fields & kFeatures) PutFeatures(out, batch.Features(o));
  if (fields & kExposure) out.U64(o.exposure);
  if (fields & kFrom) PutTime(out, o.from);
  if (fields & kTo) PutTime(out, o.to);
  if (fields & kSegment) out.Varint(o.segment);
  if (fields & kChannel) out.U8(dictionary.channel[o.channel & 0xff]);
  if (fields & kN) out.Varint(o.n);
  if (fields & kPropensity) out.F64(o.propensity);
  if (fields & kServedLogit) out.F64(o.served_logit);
  if (fields & kProbability) out.F64(o.probability);
  if (fields & kArm) out.U8(o.arm);
  if (fields & kValue) out.ZigZag(o.value);
  if (fields & kDelay) out.ZigZag(o.delay);
  if (fields & kOutcome) out.U8(dictionary.outcome[o.outcome & 0xff]);
  if (fields & kPreValue) out.F64(o.pre_value);
  if (fields & kCustomer) out.U64(o.customer);
  if (fields & kOldPlace) PutPlace(out, o.places->old_place);
  if (fields & kNewPlace) PutPlace(out, o.places->new_place);
  if (fields & kYOther) out.F32(o.y);
  if (fields & kCost) out.F64(o.cost);
}

// A transaction's rows are more than the caches hold and a model's lie scattered among them: memory a few rows ahead.
constexpr std::size_t kFetchRow = 8, kFetchFeatures = 4;
void Fetch(const ObservationBatch& batch, std::uint32_t row) {
  const auto* bytes = reinterpret_cast<const char*>(&batch.rows[row]);
  for (std::size_t line = 0; line < sizeof(Observation); line += 64) PrefetchLine(bytes + line);
}
void FetchFeatures(const ObservationBatch& batch, std::uint32_t row) {
  const std::span<const float> x = batch.Features(batch.rows[row]);
  for (std::size_t i = 0; i < x.size(); i += 64 / sizeof(float)) PrefetchLine(x.data() + i);
}

// Largest row: all fields, the most features, and places far beyond any plan's dimension.
constexpr std::size_t kRowBytesMax = 512 + 6 * kPackedFeaturesMax;
// More than a row can take: its fields, both places, features.
std::size_t RowBytes(const Observation& o) {
  const std::size_t numbers = o.places == nullptr ? 0 : o.places->old_place.z.size() + o.places->new_place.z.size();
  return 256 + numbers * sizeof(float) + o.x_size * 6u;
}

// Reads one record's rows into a batch.
class Reader {
 public:
  Reader(const CampaignPlan& plan, const Frame& frame, ObservationBatch& batch)
      : plan_(plan), in_(frame.payload), batch_(batch), last_kind_(static_cast<std::uint8_t>(kLastKind[frame.version - 1])) {}

  bool Rows() {
    const IdHash model = in_.U64();
    Dictionaries();
    const std::size_t count = in_.Count(3);
    std::uint64_t previous_time = 0;
    for (std::size_t i = 0; i < count && in_.ok(); ++i) {
      Observation& o = batch_.rows.emplace_back();
      o.model = model;
      Row(o, previous_time);
    }
    return in_.ok() && in_.AtEnd();
  }

 private:
  void Dictionaries() {
    const std::uint8_t channels = in_.U8();
    for (std::size_t i = 0; i < channels && in_.ok(); ++i) {
      const auto found = plan_.channel_by_hash.find(in_.U64());
      if (found != plan_.channel_by_hash.end()) channel_[i] = found->second.value;
    }
    const std::uint8_t outcomes = in_.U8();
    for (std::size_t i = 0; i < outcomes && in_.ok(); ++i) {
      const std::uint64_t hash = in_.U64();
      for (std::size_t outcome = 0; outcome < plan_.outcomes.size(); ++outcome) {
        if (H64(plan_.outcomes[outcome].id) == hash) outcome_[i] = static_cast<std::uint16_t>(outcome);
      }
    }
  }

  void Row(Observation& o, std::uint64_t& previous_time) {
    const std::uint8_t kind = in_.U8();
    const std::uint64_t fields = in_.Varint();
    if (kind < 1 || kind > last_kind_ || (fields & ~std::uint64_t{kKnownFields})) {
      return in_.Fail();
    }
    o.kind = static_cast<ObservationKind>(kind);
    o.time = static_cast<EventTime>(GetDelta(in_, previous_time));
    if (fields & kFeatures) {
      o.x_begin = static_cast<std::uint32_t>(batch_.arena.size());
      GetFeatures(in_, batch_.arena);
      o.x_size = static_cast<std::uint32_t>(batch_.arena.size()) - o.x_begin;
    }
    if (fields & kExposure) o.exposure = in_.U64();
    if (fields & kFrom) o.from = GetTime(in_);
    if (fields & kTo) o.to = GetTime(in_);
    if (fields & kSegment) o.segment = static_cast<std::uint32_t>(in_.Varint());
    if (fields & kChannel) o.channel = channel_[in_.U8()];
    if (fields & kN) o.n = static_cast<std::uint32_t>(in_.Varint());
    if (fields & kPropensity) o.propensity = in_.F64();
    if (fields & kServedLogit) o.served_logit = in_.F64();
    if (fields & kProbability) o.probability = in_.F64();
    if (fields & kArm) o.arm = in_.U8();
    if (fields & kValue) o.value = in_.ZigZag();
    if (fields & kDelay) o.delay = in_.ZigZag();
    if (fields & kOutcome) o.outcome = outcome_[in_.U8()];
    o.lottery = fields & kLottery;
    o.unsubscribed = fields & kUnsubscribed;
    o.instant = fields & kInstant;
    o.held = fields & kHeld;
    if (fields & kPreValue) o.pre_value = in_.F64();
    if (fields & kCustomer) o.customer = in_.U64();
    if (fields & (kOldPlace | kNewPlace)) {
      MovePlaces& places = batch_.Move(o);
      GetPlace(in_, fields & kOldPlace, places.old_place);
      GetPlace(in_, fields & kNewPlace, places.new_place);
    }
    if (fields & kYOne) o.y = 1;
    if (fields & kYOther) o.y = in_.F32();
    if (fields & kCost) o.cost = in_.F64();
  }

  static std::array<std::uint16_t, 256> None() {
    std::array<std::uint16_t, 256> all{};
    all.fill(0xffff);
    return all;
  }

  const CampaignPlan& plan_;
  ByteReader in_;
  ObservationBatch& batch_;
  std::uint8_t last_kind_;
  std::array<std::uint16_t, 256> channel_ = None(), outcome_ = None();
};

}  // namespace

void EncodeObservations(const CampaignPlan& plan, const ObservationBatch& batch, std::span<const std::uint32_t> rows,
                        std::string& out) {
  assert(!rows.empty());
  const IdHash model = batch.rows[rows.front()].model;
  const std::size_t begin = BeginFrame(FrameFormat::kObservations, VersionOf(batch.rows[rows.front()].kind), out);
  ByteWriter writer(out);
  writer.U64(model);
  Dictionary dictionary;
  dictionary.Write(plan, batch, rows, writer);
  writer.Varint(rows.size());
  std::uint64_t previous_time = 0;
  // Row by row on the stack, because a check for room per piece would cost more than the pieces.
  std::array<char, kRowBytesMax> bytes;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (i + kFetchRow < rows.size()) Fetch(batch, rows[i + kFetchRow]);
    if (i + kFetchFeatures < rows.size()) FetchFeatures(batch, rows[i + kFetchFeatures]);
    const Observation& row = batch.rows[rows[i]];
    assert(row.model == model && RowBytes(row) <= bytes.size());
    BoundedWriter piece(bytes.data());
    PutRow(batch, row, dictionary, previous_time, piece);
    writer.Bytes(bytes.data(), static_cast<std::size_t>(piece.at() - bytes.data()));
  }
  EndFrame(begin, out);
}

Status DecodeObservations(const CampaignPlan& plan, std::string_view bytes, ObservationBatch& batch) {
  const Result<Frame> frame = OpenFrame(FrameFormat::kObservations, kVersion, bytes);
  if (!frame) return tl::unexpected<Error>(frame.error());
  const std::size_t rows = batch.rows.size(), floats = batch.arena.size();
  if (!Reader(plan, *frame, batch).Rows()) {
    batch.rows.resize(rows);
    batch.arena.resize(floats);
    return Fail(Code::kCorrupt, "observations record");
  }
  return {};
}

void EncodeControl(std::uint32_t epoch, std::string_view plan_text, std::string& out) {
  const std::size_t begin = BeginFrame(FrameFormat::kControl, kFirstVersion, out);
  ByteWriter writer(out);
  writer.Varint(epoch);
  writer.Text(plan_text);
  EndFrame(begin, out);
}

Result<ControlRecord> DecodeControl(std::string_view bytes) {
  const Result<Frame> frame = OpenFrame(FrameFormat::kControl, kFirstVersion, bytes);
  if (!frame) return tl::unexpected<Error>(frame.error());
  ByteReader in(frame->payload);
  ControlRecord record;
  record.epoch = static_cast<std::uint32_t>(in.Varint());
  record.text = in.Text();
  if (!in.ok() || !in.AtEnd()) return Fail(Code::kCorrupt, "control record");
  return record;
}

ObservationRecordType PeekObservationRecord(std::string_view bytes) {
  if (bytes.size() < kFrameHeaderBytes) return ObservationRecordType::kDamaged;
  if (PeekFormat(bytes) == static_cast<std::uint8_t>(FrameFormat::kObservations)) return ObservationRecordType::kObservations;
  if (PeekFormat(bytes) == static_cast<std::uint8_t>(FrameFormat::kControl)) return ObservationRecordType::kControl;
  return ObservationRecordType::kDamaged;
}

}  // namespace offerstream
