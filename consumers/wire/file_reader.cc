#include "consumers/wire/file_reader.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <cerrno>
#include <cstring>
#include <vector>

namespace offerstream {

namespace {
constexpr std::size_t kChunk = 256 * 1024;
}  // namespace

// A source of bytes: plain descriptor, zlib or zstd over it.
struct FileReader::Impl {
  enum class Form { kPlain, kGzip, kZstd };

  ~Impl() {
    if (form == Form::kGzip && gzip_open) inflateEnd(&gzip);
    if (zstd != nullptr) ZSTD_freeDStream(zstd);
    if (fd > 2) ::close(fd);
  }

  // Fills `in` when it is used up; false at the end of the file.
  Result<bool> Fill() {
    if (in_at < in_size) return true;
    for (;;) {
      const ssize_t n = ::read(fd, in.data(), in.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return Fail(Code::kIo, fmt::format("{}: {}", path, std::strerror(errno)));
      in_at = 0;
      in_size = static_cast<std::size_t>(n);
      return n > 0;
    }
  }

  // Appends decompressed bytes to `text`; false at the end.
  Result<bool> More() {
    auto there = Fill();
    if (!there) return there;
    if (form == Form::kPlain) {
      if (!*there) return false;
      text.append(in.data() + in_at, in_size - in_at);
      in_at = in_size;
      return true;
    }
    return form == Form::kGzip ? MoreGzip(*there) : MoreZstd(*there);
  }
  Result<bool> MoreGzip(bool there) {
    if (!there) {
      if (inside) return Fail(Code::kIo, path + ": the compressed file is cut off");
      return false;
    }
    if (!inside) {
      // One member after the other, as 'cat a.gz b.gz' makes them.
      if (!gzip_open ? inflateInit2(&gzip, 15 + 32) != Z_OK : inflateReset(&gzip) != Z_OK)
        return Fail(Code::kIo, path + ": zlib");
      gzip_open = inside = true;
    }
    gzip.next_in = reinterpret_cast<Bytef*>(in.data() + in_at);
    gzip.avail_in = static_cast<uInt>(in_size - in_at);
    gzip.next_out = reinterpret_cast<Bytef*>(out.data());
    gzip.avail_out = static_cast<uInt>(out.size());
    const int code = inflate(&gzip, Z_NO_FLUSH);
    if (code != Z_OK && code != Z_STREAM_END && code != Z_BUF_ERROR)
      return Fail(Code::kIo, path + ": the compressed file is damaged");
    in_at = in_size - gzip.avail_in;
    text.append(out.data(), out.size() - gzip.avail_out);
    inside = code != Z_STREAM_END;
    return true;
  }
  Result<bool> MoreZstd(bool there) {
    if (!there) {
      if (inside) return Fail(Code::kIo, path + ": the compressed file is cut off");
      return false;
    }
    ZSTD_inBuffer from{in.data(), in_size, in_at};
    ZSTD_outBuffer to{out.data(), out.size(), 0};
    const std::size_t code = ZSTD_decompressStream(zstd, &to, &from);
    if (ZSTD_isError(code) != 0)
      return Fail(Code::kIo, fmt::format("{}: the compressed file is damaged ({})", path, ZSTD_getErrorName(code)));
    in_at = from.pos;
    text.append(out.data(), to.pos);
    inside = code != 0;
    return true;
  }

  std::string path{};
  int fd = -1;
  Form form = Form::kPlain;
  std::vector<char> in = std::vector<char>(kChunk), out = std::vector<char>(kChunk);
  std::size_t in_at = 0, in_size = 0;
  std::string text{};  // decompressed, from text_at on not yet given out
  std::size_t text_at = 0, searched = 0;
  bool ended = false, gzip_open = false, inside = false;
  z_stream gzip{};
  ZSTD_DStream* zstd = nullptr;
};

FileReader::FileReader(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
FileReader::~FileReader() = default;

Result<std::unique_ptr<FileReader>> FileReader::Open(const std::string& path) {
  auto impl = std::make_unique<Impl>();
  impl->path = path == "-" ? "stdin" : path;
  impl->fd = path == "-" ? 0 : ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (impl->fd < 0) return Fail(Code::kIo, fmt::format("{}: {}", path, std::strerror(errno)));
  if (path.ends_with(".gz")) impl->form = Impl::Form::kGzip;
  if (path.ends_with(".zst")) {
    impl->form = Impl::Form::kZstd;
    impl->zstd = ZSTD_createDStream();
    if (impl->zstd == nullptr) return Fail(Code::kIo, path + ": zstd");
    // A frame may not ask for more than 128 MiB of window.
    ZSTD_DCtx_setParameter(impl->zstd, ZSTD_d_windowLogMax, 27);
  }
  return std::unique_ptr<FileReader>(new FileReader(std::move(impl)));
}

Result<bool> FileReader::Next(std::string& line) {
  Impl& i = *impl_;
  for (;;) {
    const auto end = i.text.find('\n', i.text_at + i.searched);
    if (end != std::string::npos || (i.ended && i.text_at < i.text.size())) {
      const std::size_t stop = end != std::string::npos ? end : i.text.size();
      line.assign(i.text, i.text_at, stop - i.text_at);
      if (!line.empty() && line.back() == '\r') line.pop_back();
      i.text_at = stop + (end != std::string::npos);
      i.searched = 0;
      ++line_;
      return true;
    }
    if (i.ended) return false;
    i.searched = i.text.size() - i.text_at;
    if (i.searched > kLineBytesMax)
      return Fail(Code::kTooLarge,
                  fmt::format("{}: line {} is longer than {} bytes", i.path, line_ + 1, kLineBytesMax));
    i.text.erase(0, i.text_at);
    i.text_at = 0;
    const auto more = i.More();
    if (!more) return more;
    i.ended = !*more;
  }
}

bool FileReader::Ready() {
  Impl& i = *impl_;
  if (i.ended || i.text.find('\n', i.text_at) != std::string::npos || i.in_at < i.in_size) return true;
  pollfd poll{i.fd, POLLIN, 0};
  return ::poll(&poll, 1, 0) > 0;
}

}  // namespace offerstream
