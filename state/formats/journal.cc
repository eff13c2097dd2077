#include "state/formats/journal.h"

#include <algorithm>
#include <cassert>

#include "models/domain/bytes.h"
#include "state/formats/framing.h"
#include "state/formats/packing.h"

namespace offerstream {
namespace {

constexpr std::uint8_t kVersion = 3, kFirstWithTurns = 2, kFirstWithLooks = 3;
// Header of a piece inside its frame: seq u64, number of the piece u32, last u8.
constexpr std::size_t kPieceHeaderBytes = 13;
// The least a turn takes: customer, micro-cluster and time of 8 bytes each, epoch of 4, a count.
constexpr std::size_t kTurnBytes = 29;

struct Piece {
  std::uint8_t version = 0;
  TxnSeq seq = 0;
  std::uint32_t number = 0;
  bool last = false;
  std::string_view bytes{};
};

Result<Piece> OpenPiece(std::string_view framed) {
  const Result<Frame> frame = OpenFrame(FrameFormat::kJournal, kVersion, framed);
  if (!frame) return tl::unexpected<Error>(frame.error());
  ByteReader in(frame->payload);
  Piece piece;
  piece.version = frame->version;
  piece.seq = in.U64();
  piece.number = in.U32();
  piece.last = in.Bool();
  if (!in.ok()) return Fail(Code::kCorrupt, "journal piece");
  piece.bytes = in.Take(in.left());
  return piece;
}

void PutRecord(const CampaignPlan& plan, const JournalRecord& r, ByteWriter& out) {
  out.U64(r.log_id.high);
  out.U64(r.log_id.low);
  out.Varint(r.plan_epoch);
  out.Varint(r.ranges.size());
  for (const JournalRecord::Range& range : r.ranges) {
    out.Varint(range.input);
    out.ZigZag(range.from);
    out.ZigZag(static_cast<std::int64_t>(static_cast<std::uint64_t>(range.to) - static_cast<std::uint64_t>(range.from)));
  }
  out.Varint(r.adopted.size());
  for (const auto& [model, version] : r.adopted) {
    out.U64(model);
    out.Varint(version);
  }
  PutTime(out, r.clock);
  out.Varint(r.sweep_max);
  PutTime(out, r.max_event_time);
  PutTime(out, r.watermark);
  PutTime(out, r.frontier);
  out.Varint(r.facts.size());
  std::uint64_t previous_offset = 0;
  for (const RecordedFacts& f : r.facts) {
    out.Varint(f.cause.input);
    out.ZigZag(f.cause.partition);
    out.Varint(f.cause.part);
    PutDelta(out, static_cast<std::uint64_t>(f.cause.offset), previous_offset);
    f.facts.Save(plan, out);
  }
  out.Varint(r.turns.size());
  for (const TurnFact& turn : r.turns) {
    out.U64(turn.customer);
    SaveCoordinates(turn.move, out);
    out.F32(turn.buys);
    out.Varint(turn.segment);
  }
  out.Varint(r.records);
  out.Varint(r.decisions);
  out.Varint(r.dead_letters);
  out.U64(r.records_digest);
  out.U64(r.decisions_digest);
}

bool GetRecord(const CampaignPlan& plan, std::uint8_t version, ByteReader& in, JournalRecord& r) {
  r.log_id.high = in.U64();
  r.log_id.low = in.U64();
  r.plan_epoch = static_cast<std::uint32_t>(in.Varint());
  r.ranges.resize(in.Count(3));
  for (JournalRecord::Range& range : r.ranges) {
    range.input = static_cast<std::uint16_t>(in.Varint());
    range.from = in.ZigZag();
    range.to = static_cast<std::int64_t>(static_cast<std::uint64_t>(range.from) + static_cast<std::uint64_t>(in.ZigZag()));
  }
  r.adopted.resize(in.Count(9));
  for (auto& [model, version] : r.adopted) {
    model = in.U64();
    version = in.Varint();
  }
  r.clock = GetTime(in);
  r.sweep_max = in.Varint();
  r.max_event_time = GetTime(in);
  r.watermark = GetTime(in);
  r.frontier = GetTime(in);
  const std::size_t facts = in.Count(5);
  r.facts.clear();
  std::uint64_t previous_offset = 0;
  for (std::size_t i = 0; i < facts && in.ok(); ++i) {
    RecordedFacts& f = r.facts.emplace_back();
    f.cause.input = static_cast<std::uint16_t>(in.Varint());
    f.cause.partition = static_cast<std::int32_t>(in.ZigZag());
    f.cause.part = static_cast<std::uint16_t>(in.Varint());
    f.cause.offset = static_cast<std::int64_t>(GetDelta(in, previous_offset));
    if (!f.facts.Load(plan, in)) return false;
  }
  r.takes_turns = version >= kFirstWithTurns;
  r.turns.resize(r.takes_turns ? in.Count(kTurnBytes) : 0);
  for (TurnFact& turn : r.turns) {
    turn.customer = in.U64();
    if (!LoadCoordinates(in, turn.move)) return false;
    if (version < kFirstWithLooks) continue;
    turn.buys = in.F32();
    turn.segment = static_cast<std::uint32_t>(in.Varint());
  }
  r.records = in.Varint();
  r.decisions = in.Varint();
  r.dead_letters = in.Varint();
  r.records_digest = in.U64();
  r.decisions_digest = in.U64();
  return in.ok() && in.AtEnd();
}

}  // namespace

std::vector<std::string> EncodeJournal(const CampaignPlan& plan, const JournalRecord& record, std::size_t piece_bytes_max) {
  assert(piece_bytes_max > kFrameHeaderBytes + kPieceHeaderBytes);
  std::string body;
  ByteWriter body_writer(body);
  PutRecord(plan, record, body_writer);
  const std::size_t room = piece_bytes_max - kFrameHeaderBytes - kPieceHeaderBytes;
  std::vector<std::string> pieces;
  std::size_t at = 0;
  do {
    const std::size_t size = std::min(room, body.size() - at);
    std::string& piece = pieces.emplace_back();
    const std::size_t begin = BeginFrame(FrameFormat::kJournal, kVersion, piece);
    ByteWriter out(piece);
    out.U64(record.seq);
    out.U32(static_cast<std::uint32_t>(pieces.size() - 1));
    out.Bool(at + size == body.size());
    piece.append(body, at, size);
    EndFrame(begin, piece);
    at += size;
  } while (at < body.size());
  return pieces;
}

Result<bool> JournalReader::Add(const CampaignPlan& plan, std::string_view framed, JournalRecord& record) {
  const Result<Piece> piece = OpenPiece(framed);
  if (!piece) return tl::unexpected<Error>(piece.error());
  if (piece->number == 0) {
    pending_.clear();
    seq_ = piece->seq;
    next_piece_ = 0;
  }
  if (piece->seq != seq_ || piece->number != next_piece_) return Fail(Code::kCorrupt, "journal pieces out of order");
  ++next_piece_;
  pending_.append(piece->bytes);
  if (!piece->last) return false;
  ByteReader in(pending_);
  record = JournalRecord{};
  record.seq = seq_;
  const bool whole = GetRecord(plan, piece->version, in, record);
  pending_.clear();
  seq_ = 0;
  next_piece_ = 0;
  if (!whole) return Fail(Code::kCorrupt, "journal record");
  return true;
}

TxnSeq PeekJournalSeq(std::string_view framed) {
  const Result<Piece> piece = OpenPiece(framed);
  return piece ? piece->seq : 0;
}

std::uint32_t PeekJournalEpoch(std::string_view framed) {
  const Result<Piece> piece = OpenPiece(framed);
  if (!piece || piece->number != 0) return 0;
  ByteReader in(piece->bytes);
  (void)in.U64();   // log id
  (void)in.U64();
  const auto epoch = static_cast<std::uint32_t>(in.Varint());
  return in.ok() ? epoch : 0;
}

}  // namespace offerstream
