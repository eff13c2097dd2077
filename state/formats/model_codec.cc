#include "models/domain/bytes.h"
#include "state/formats/codecs.h"
#include "state/formats/framing.h"

namespace offerstream {
namespace {
constexpr std::uint8_t kVersion = 1;
}  // namespace

void EncodeModel(std::string_view id, std::uint64_t version, std::string_view body, std::string& out) {
  const std::size_t begin = BeginFrame(FrameFormat::kModel, kVersion, out);
  ByteWriter writer(out);
  writer.Text(id);
  writer.Varint(version);
  writer.Text(body);
  EndFrame(begin, out);
}

Result<StoredModel> DecodeModel(std::string_view bytes) {
  const Result<Frame> frame = OpenFrame(FrameFormat::kModel, kVersion, bytes);
  if (!frame) return tl::unexpected<Error>(frame.error());
  ByteReader in(frame->payload);
  StoredModel model;
  model.id = in.Text();
  model.version = in.Varint();
  model.body = in.Text();
  if (!in.ok() || !in.AtEnd()) return Fail(Code::kCorrupt, "model snapshot");
  return model;
}

}  // namespace offerstream
