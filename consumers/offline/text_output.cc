#include "consumers/offline/text_output.h"

#include <cerrno>
#include <cstring>

namespace offerstream {
namespace {
constexpr std::size_t kBufferBytes = 1u << 16;
}

TextOutput::~TextOutput() {
  (void)Flush();
  if (file_ != nullptr && file_ != stdout) std::fclose(file_);
}

Status TextOutput::Open(const std::string& path) {
  path_ = path;
  file_ = path == "-" ? stdout : std::fopen(path.c_str(), "wb");
  if (file_ == nullptr) return Fail(Code::kIo, "cannot create " + path + ": " + std::strerror(errno));
  return {};
}

void TextOutput::Line(std::string_view text) {
  if (file_ == nullptr || closed_) return;
  buffer_.append(text).push_back('\n');
  if (buffer_.size() >= kBufferBytes) (void)Flush();
}

Status TextOutput::Flush() {
  if (file_ == nullptr || closed_) return {};
  const std::size_t wanted = buffer_.size();
  const std::size_t written = std::fwrite(buffer_.data(), 1, wanted, file_);
  buffer_.clear();
  if (written == wanted && std::fflush(file_) == 0) return {};
  if (errno == EPIPE) {
    closed_ = true;
    return {};
  }
  return Fail(Code::kIo, "cannot write " + path_ + ": " + std::strerror(errno));
}

}  // namespace offerstream
