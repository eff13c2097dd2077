// The byte form of a segmenter: version, settings it depends on, epochs, micro-clusters, reservoir, segments, votes.
// Little endian; add at the end under a new version, never renumber.
#include <algorithm>
#include <cmath>

#include "models/learning/segmenter.h"

namespace offerstream {
namespace {

constexpr std::uint8_t kVersion = 2;   // 1: micro-clusters without strangers

bool Finite(std::span<const double> values) {
  return std::all_of(values.begin(), values.end(), [](double v) { return std::isfinite(v); });
}

/// Reads exactly `count` numbers.
bool ReadNumbers(ByteReader& in, std::vector<double>& out, std::size_t count) {
  out.clear();
  in.F64s(out);
  return in.ok() && out.size() == count && Finite(out);
}

}  // namespace

void Segmenter::Save(ByteWriter& out) const {
  out.U8(kVersion);
  out.Varint(settings_.dimension);
  out.U32(first_epoch_);
  out.Varint(epochs_.size());
  for (const Epoch& e : epochs_) {
    for (const std::vector<double>* values : {&e.centre, &e.scale, &e.low, &e.high}) out.F64s(*values);
  }
  micros_.Save(out);
  SaveReservoir(out);
  SaveSegments(out);
  out.U32(k_);
  out.U32(candidate_k_);
  out.U32(votes_);
  out.F64s(strength_);
  for (std::uint64_t v : {step_, moves_, moves_since_step_, moves_since_vote_, refused_, dropped_}) out.U64(v);
  out.I64(step_hour_);
  out.I64(vote_hour_);
}

void Segmenter::SaveReservoir(ByteWriter& out) const {
  out.Varint(reservoir_.size());
  for (const auto& [customer, r] : reservoir_) {
    out.U64(customer);
    out.I64(r.time);
    out.U32(r.epoch);
    out.U32(r.segment);
    for (float v : r.z) out.F32(v);
  }
}

void Segmenter::SaveSegments(ByteWriter& out) const {
  out.Varint(segments_.size());
  for (const Segment& s : segments_) {
    out.U32(s.id);
    out.U8(s.slot);
    out.F64(s.share);
    out.F64(s.radius);
    out.F64s(s.centre);
    out.F64s(s.anchor);
  }
  out.U32(identity_.next_id);
  for (std::uint64_t step : identity_.freed) out.U64(step);
  out.Varint(events_.size());
  for (const SegmentEvent& e : events_) {
    out.U8(static_cast<std::uint8_t>(e.kind));
    out.I64(e.time);
    out.U64(e.step);
    out.U32(e.segment);
    out.U32(e.other);
    out.F64(e.amount);
  }
}

Result<Segmenter> Segmenter::Restore(SegmentSettings settings, ByteReader& in) {
  Segmenter s(std::move(settings));
  const std::uint8_t version = in.U8();
  if (in.ok() && version > kVersion) return Fail(Code::kFormatTooNew, "segments: written by a newer version");
  const std::uint64_t dimension = in.Varint();
  if (!in.ok() || version == 0) return Fail(Code::kCorrupt, "segments: header");
  if (dimension != s.settings_.dimension) {
    return Fail(Code::kConfiguration, "segments: the number of features differs from the snapshot's");
  }
  if (!s.RestoreEpochs(in)) return Fail(Code::kCorrupt, "segments: epochs");
  if (!s.micros_.Restore(in, version >= 2)) return Fail(Code::kCorrupt, "segments: micro-clusters");
  if (!s.RestoreReservoir(in)) return Fail(Code::kCorrupt, "segments: reservoir");
  if (!s.RestoreSegments(in)) return Fail(Code::kCorrupt, "segments: segments");
  s.k_ = in.U32();
  s.candidate_k_ = in.U32();
  s.votes_ = in.U32();
  in.F64s(s.strength_);
  for (std::uint64_t* v : {&s.step_, &s.moves_, &s.moves_since_step_, &s.moves_since_vote_, &s.refused_, &s.dropped_}) {
    *v = in.U64();
  }
  s.step_hour_ = in.I64();
  s.vote_hour_ = in.I64();
  const bool sound = s.k_ <= kMostSegments && s.candidate_k_ <= kMostSegments && (s.strength_.empty() || s.strength_.size() == kMostSegments) &&
                     Finite(s.strength_) && (s.k_ != 0 || s.segments_.empty());
  if (!in.ok() || !sound) return Fail(Code::kCorrupt, "segments: counters");
  return s;
}

bool Segmenter::RestoreEpochs(ByteReader& in) {
  const std::size_t d = settings_.dimension;
  first_epoch_ = in.U32();
  const std::size_t count = in.Count(4 * 8 * d);
  if (count == 0 || first_epoch_ == 0 || first_epoch_ > UINT32_MAX - count) return false;
  epochs_.clear();
  for (std::size_t i = 0; i < count; ++i) {
    Epoch e;
    for (std::vector<double>* values : {&e.centre, &e.scale, &e.low, &e.high}) {
      if (!ReadNumbers(in, *values, d)) return false;
    }
    for (std::size_t j = 0; j < d; ++j) {
      if (!(e.scale[j] > 0) || e.low[j] > e.high[j]) return false;
    }
    epochs_.push_back(std::move(e));
  }
  return true;
}

bool Segmenter::RestoreReservoir(ByteReader& in) {
  const std::size_t count = in.Count(24 + 4 * settings_.dimension);
  if (count > kReservoir) return false;
  for (std::size_t i = 0; i < count; ++i) {
    const IdHash customer = in.U64();
    Resident r{.time = in.I64(), .epoch = in.U32(), .segment = in.U32(), .z = {}};
    r.z.resize(settings_.dimension);
    bool sound = reservoir_.empty() || customer > reservoir_.rbegin()->first;
    for (float& v : r.z) sound = std::isfinite(v = in.F32()) && sound;
    sound = sound && in.ok() && r.epoch >= first_epoch_ && r.epoch <= epoch() && r.time <= micros_.clock();
    if (!sound) return false;
    reservoir_.emplace_hint(reservoir_.end(), customer, std::move(r));
  }
  return in.ok();
}

bool Segmenter::RestoreSegments(ByteReader& in) {
  const std::size_t d = settings_.dimension, count = in.Count(23 + 16 * d);
  if (count > kMostSegments) return false;
  std::uint32_t slots = 0;
  for (std::size_t i = 0; i < count; ++i) {
    Segment s;
    s.id = in.U32();
    s.slot = in.U8();
    s.share = in.F64();
    s.radius = in.F64();
    if (!ReadNumbers(in, s.centre, d) || !ReadNumbers(in, s.anchor, d)) return false;
    const bool ordered = s.id > (segments_.empty() ? 0 : segments_.back().id);
    if (!ordered || s.slot >= SegmentView::kSlots || (slots >> s.slot & 1) != 0) return false;
    if (!std::isfinite(s.share) || !std::isfinite(s.radius)) return false;
    slots |= 1u << s.slot;
    segments_.push_back(std::move(s));
  }
  identity_.next_id = in.U32();
  for (std::uint64_t& step : identity_.freed) step = in.U64();
  if (identity_.next_id <= (segments_.empty() ? 0 : segments_.back().id)) return false;
  const std::size_t events = in.Count(33);
  for (std::size_t i = 0; i < events; ++i) {
    SegmentEvent e;
    const std::uint8_t kind = in.U8();
    if (kind < 1 || kind > static_cast<std::uint8_t>(SegmentEventKind::kDrift)) return false;
    e.kind = static_cast<SegmentEventKind>(kind);
    e.time = in.I64();
    e.step = in.U64();
    e.segment = in.U32();
    e.other = in.U32();
    e.amount = in.F64();
    events_.push_back(e);
  }
  return in.ok();
}

}  // namespace offerstream
