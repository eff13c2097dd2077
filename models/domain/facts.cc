#include "models/domain/facts.h"

#include "models/domain/random.h"

namespace offerstream {
namespace {

// Bits of the first byte of EventFacts.
constexpr std::uint8_t kHasImpression = 1, kHasMove = 2;
// Bits of a decision's flags.
constexpr std::uint8_t kHasOffer = 1, kLottery = 2;

template <typename Table, typename Index>
IdHash HashOf(const Table& table, Index index) {
  return index.value < table.size() ? table[index.value].hash : 0;
}

template <typename Index>
Index Known(const std::map<IdHash, Index>& by_hash, IdHash hash) {
  const auto at = by_hash.find(hash);
  return at == by_hash.end() ? Index{} : at->second;
}

void SaveDecision(const CampaignPlan& plan, const DecisionFact& fact, ByteWriter& out) {
  const auto& placements = plan.decide.placements;
  out.U64(fact.id);
  out.U64(fact.placement.value < placements.size() ? H64(placements[fact.placement.value]) : 0);
  out.U8(static_cast<std::uint8_t>((fact.has_offer ? kHasOffer : 0) | (fact.lottery ? kLottery : 0)));
  out.U8(static_cast<std::uint8_t>(fact.arm));
  out.Varint(fact.segment);
  out.U8(fact.segment_slot);
  if (!fact.has_offer) return;
  out.U64(HashOf(plan.offers, fact.offer));
  out.U64(HashOf(plan.channels, fact.channel));
  out.F64(fact.propensity);
  out.U8(static_cast<std::uint8_t>(plan.outcomes.size()));
  for (std::size_t o = 0; o < plan.outcomes.size(); ++o) {
    const ServedLabel& served = fact.served[o];
    out.U64(H64(plan.outcomes[o].id));
    out.F64(served.logit);
    out.F64(served.probability);
    out.F64(served.cap_logit);
    out.U8(served.mask);
    out.Bool(served.hold);
  }
}

void LoadDecision(const CampaignPlan& plan, ByteReader& in, DecisionFact& fact) {
  fact = DecisionFact{};
  fact.id = in.U64();
  const IdHash placement = in.U64();
  for (std::size_t p = 0; p < plan.decide.placements.size(); ++p) {
    if (H64(plan.decide.placements[p]) == placement) fact.placement = PlacementIndex(p);
  }
  const std::uint8_t flags = in.U8();
  fact.has_offer = (flags & kHasOffer) != 0;
  fact.lottery = (flags & kLottery) != 0;
  const std::uint8_t arm = in.U8();
  if (flags > (kHasOffer | kLottery) || arm > static_cast<std::uint8_t>(Arm::kRandom)) in.Fail();
  fact.arm = static_cast<Arm>(arm);
  fact.segment = static_cast<std::uint32_t>(in.Varint());
  fact.segment_slot = in.U8();
  if (!fact.has_offer) return;
  fact.offer = Known(plan.offer_by_hash, in.U64());
  fact.channel = Known(plan.channel_by_hash, in.U64());
  fact.propensity = in.F64();
  const std::uint8_t outcomes = in.U8();
  if (outcomes > kOutcomesMax) in.Fail();
  for (std::size_t n = 0; n < outcomes && in.ok(); ++n) {
    const IdHash outcome = in.U64();
    ServedLabel served;
    served.logit = in.F64();
    served.probability = in.F64();
    served.cap_logit = in.F64();
    served.mask = in.U8();
    served.hold = in.Bool();
    for (std::size_t o = 0; o < plan.outcomes.size(); ++o) {
      if (H64(plan.outcomes[o].id) == outcome) fact.served[o] = served;
    }
  }
}

}  // namespace

void SaveCoordinates(const Coordinates& place, ByteWriter& out) {
  out.U64(place.micro);
  out.I64(place.time);
  out.U32(place.epoch);
  out.F32s(place.z);
}

bool LoadCoordinates(ByteReader& in, Coordinates& place) {
  place.micro = in.U64();
  place.time = in.I64();
  place.epoch = in.U32();
  in.F32s(place.z);
  if (place.z.size() > kSegmentDimensionMax) in.Fail();
  return in.ok();
}

void EventFacts::Clear() {
  decisions.clear();
  caps.clear();
  has_impression = has_move = false;
  impression = DecisionFact{};
  move.micro = 0;
  move.time = kNever;
  move.z.clear();
  move.epoch = 0;
}

void EventFacts::Save(const CampaignPlan& plan, ByteWriter& out) const {
  out.U8(static_cast<std::uint8_t>((has_impression ? kHasImpression : 0) | (has_move ? kHasMove : 0)));
  out.Varint(decisions.size());
  for (const DecisionFact& fact : decisions) SaveDecision(plan, fact, out);
  out.Varint(caps.size());
  for (const CapFact& cap : caps) {
    out.U64(HashOf(plan.channels, cap.channel));
    out.U16(cap.limit);
    out.U8(static_cast<std::uint8_t>(cap.source));
  }
  if (has_impression) SaveDecision(plan, impression, out);
  if (has_move) SaveCoordinates(move, out);
}

bool EventFacts::Load(const CampaignPlan& plan, ByteReader& in) {
  Clear();
  const std::uint8_t flags = in.U8();
  if (flags > (kHasImpression | kHasMove)) in.Fail();
  for (std::size_t n = in.Count(20); n > 0 && in.ok(); --n) LoadDecision(plan, in, decisions.emplace_back());
  for (std::size_t n = in.Count(11); n > 0 && in.ok(); --n) {
    CapFact& cap = caps.emplace_back();
    cap.channel = Known(plan.channel_by_hash, in.U64());
    cap.limit = in.U16();
    const std::uint8_t source = in.U8();
    if (source > static_cast<std::uint8_t>(CapSource::kLottery)) in.Fail();
    cap.source = static_cast<CapSource>(source);
  }
  has_impression = (flags & kHasImpression) != 0;
  has_move = (flags & kHasMove) != 0;
  if (has_impression) LoadDecision(plan, in, impression);
  if (has_move) LoadCoordinates(in, move);
  return in.ok();
}

}  // namespace offerstream
