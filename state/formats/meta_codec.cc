#include "models/domain/bytes.h"
#include "state/formats/codecs.h"
#include "state/formats/framing.h"
#include "state/formats/packing.h"

namespace offerstream {
namespace {

constexpr std::uint8_t kVersion = 1;

void PutPosition(ByteWriter& out, const FoldPosition& p) {
  out.Varint(p.seq);
  out.Varint(p.offsets.size());
  for (std::int64_t offset : p.offsets) out.ZigZag(offset);
  PutTime(out, p.max_event_time);
  PutTime(out, p.watermark);
  PutTime(out, p.frontier);
  out.ZigZag(p.journal_offset);
  out.Varint(p.plan_epoch);
}

void GetPosition(ByteReader& in, FoldPosition& p) {
  p.seq = in.Varint();
  p.offsets.resize(in.Count(1));
  for (std::int64_t& offset : p.offsets) offset = in.ZigZag();
  p.max_event_time = GetTime(in);
  p.watermark = GetTime(in);
  p.frontier = GetTime(in);
  p.journal_offset = in.ZigZag();
  p.plan_epoch = static_cast<std::uint32_t>(in.Varint());
}

}  // namespace

void EncodeMeta(const PartitionMeta& meta, std::string& out) {
  const std::size_t begin = BeginFrame(FrameFormat::kMeta, kVersion, out);
  ByteWriter writer(out);
  writer.Varint(meta.format);
  PutPosition(writer, meta.committed);
  PutPosition(writer, meta.floor);
  writer.U64(meta.log_id.high);
  writer.U64(meta.log_id.low);
  writer.Text(meta.writer);
  std::string account;
  ByteWriter account_writer(account);
  meta.account.Save(account_writer);
  writer.Text(account);
  writer.ZigZag(meta.changelog_offset);
  PutTime(writer, meta.applied_at_ms);
  writer.Bool(meta.restoring);
  EndFrame(begin, out);
}

Result<PartitionMeta> DecodeMeta(std::string_view bytes) {
  const Result<Frame> frame = OpenFrame(FrameFormat::kMeta, kVersion, bytes);
  if (!frame) return tl::unexpected<Error>(frame.error());
  ByteReader in(frame->payload);
  PartitionMeta meta;
  meta.format = static_cast<std::uint32_t>(in.Varint());
  GetPosition(in, meta.committed);
  GetPosition(in, meta.floor);
  meta.log_id.high = in.U64();
  meta.log_id.low = in.U64();
  meta.writer = in.Text();
  ByteReader account(in.Text());
  const bool whole = meta.account.Load(account);
  meta.changelog_offset = in.ZigZag();
  meta.applied_at_ms = GetTime(in);
  meta.restoring = in.Bool();
  if (!whole || !in.ok() || !in.AtEnd()) return Fail(Code::kCorrupt, "meta record");
  return meta;
}

}  // namespace offerstream
