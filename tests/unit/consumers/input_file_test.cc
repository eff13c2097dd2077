#include <gtest/gtest.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <cstdlib>
#include <fstream>

#include "consumers/wire/csv_reader.h"
#include "consumers/wire/dead_letter.h"
#include "models/domain/random.h"

namespace offerstream {
namespace {

class InputFileTest : public ::testing::Test {
 protected:
  ~InputFileTest() override {
    for (const std::string& path : made_) ::unlink(path.c_str());
  }
  std::string Make(const std::string& ending, const std::string& bytes) {
    const std::string path = ::testing::TempDir() + "offerstream-input-" + std::to_string(::getpid()) + "-" +
                             std::to_string(made_.size()) + ending;
    std::ofstream(path, std::ios::binary) << bytes;
    made_.push_back(path);
    return path;
  }
  std::vector<std::string> Records(const std::string& path, const EventMapping& mapping) {
    std::vector<std::string> records;
    auto file = InputFile::Open(path, mapping);
    if (!file) return {"cannot open"};
    for (std::string key, value;;) {
      const auto there = (*file)->Next(key, value);
      if (!there) {
        records.push_back("error " + there.error().detail.substr(there.error().detail.rfind('/') + 1));
        return records;
      }
      if (!*there) return records;
      records.push_back(key.empty() ? value : key + "=" + value);
    }
  }
  static std::string Gzip(const std::string& text) {
    std::string out(text.size() + 200, '\0');
    z_stream stream{};
    deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
    stream.avail_in = static_cast<uInt>(text.size());
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    deflate(&stream, Z_FINISH);
    out.resize(stream.total_out);
    deflateEnd(&stream);
    return out;
  }
  static std::string Zstd(const std::string& text) {
    std::string out(ZSTD_compressBound(text.size()), '\0');
    out.resize(ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 3));
    return out;
  }
  std::vector<std::string> made_;
};

TEST_F(InputFileTest, PlainGzipAndZstdGiveTheSameLines) {
  const std::string text = "{\"a\":1}\n\nu1\t{\"a\":2}\r\n{\"a\":3}";
  const std::vector<std::string> expected = {"{\"a\":1}", "u1={\"a\":2}", "{\"a\":3}"};
  const EventMapping json;
  EXPECT_EQ(Records(Make("", text), json), expected);
  EXPECT_EQ(Records(Make(".gz", Gzip(text.substr(0, 9)) + Gzip(text.substr(9))), json), expected);
  EXPECT_EQ(Records(Make(".zst", Zstd(text.substr(0, 9)) + Zstd(text.substr(9))), json), expected);
}

TEST_F(InputFileTest, ACutOffOrDamagedFileIsAnErrorNotAnEnd) {
  const EventMapping json;
  std::string text;
  for (int i = 0; i < 1000; ++i) text += "{\"n\":" + std::to_string(i * 7919) + "}\n";
  const std::string gzip = Gzip(text), zstd = Zstd(text);
  EXPECT_TRUE(
      Records(Make(".gz", gzip.substr(0, gzip.size() - 20)), json).back().ends_with("the compressed file is cut off"));
  EXPECT_TRUE(
      Records(Make(".zst", zstd.substr(0, zstd.size() - 20)), json).back().ends_with("the compressed file is cut off"));
  EXPECT_TRUE(Records(Make(".gz", "not gzip at all"), json).back().ends_with("the compressed file is damaged"));
  EXPECT_EQ(Records("/nowhere/at/all", json).back(), "cannot open");
}

TEST_F(InputFileTest, CsvRowsBecomeObjectsOfTexts) {
  EventMapping csv;
  csv.csv = true;
  csv.csv_form.delimiter = ';';
  const std::string text = "\xef\xbb\xbf\"a\";b;\"c d\"\r\n1;\"x;\"\"y\"\"\";\n2;\"two\nlines\";z;too many\n3\n";
  const std::vector<std::string> expected = {R"({"a":"1","b":"x;\"y\"","c d":null})",
                                             R"({"a":"2","b":"two\u000alines","c d":"z"})", R"({"a":"3"})"};
  EXPECT_EQ(Records(Make(".csv", text), csv), expected);
  EXPECT_TRUE(Records(Make(".csv", "a;b\n1;\"open\n"), csv).back().find("never closed") != std::string::npos);
}

TEST_F(InputFileTest, AFileWithoutHeaderTakesItsNamesFromTheMapping) {
  EventMapping csv;
  csv.csv = true;
  csv.csv_form.header = false;
  csv.csv_form.columns = {"x", "y"};
  EXPECT_EQ(Records(Make(".csv", "1,2\n3,4\n"), csv),
            (std::vector<std::string>{R"({"x":"1","y":"2"})", R"({"x":"3","y":"4"})"}));
}

TEST(DeadLetter, KeepsBytesAndHeadersAndSaysWhy) {
  Record record;
  record.key = "u1";
  record.null_key = false;
  record.value = std::string_view("\x00\xff{", 3);
  record.headers = {{"trace", "abc"}};
  record.timestamp_ms = 7;
  record.cause = {0, 2, 41};
  Decoded decoded;
  decoded.bad = true;
  decoded.reason = Code::kDecode;
  decoded.detail = "the record is not one JSON object";
  DeadLetterWriter writer;
  const DeadLetter& letter = writer.Write(record, decoded, "events");
  EXPECT_EQ(letter.key, record.key);
  EXPECT_EQ(letter.value, record.value);
  EXPECT_EQ(letter.timestamp_ms, 7);
  std::string all;
  for (const Header& header : letter.headers) all += std::string(header.name) + "=" + std::string(header.value) + "\n";
  EXPECT_EQ(all,
            "trace=abc\n__connect.errors.topic=events\n__connect.errors.partition=2\n__connect.errors.offset=41\n"
            "__connect.errors.stage=VALUE_CONVERTER\n__connect.errors.class.name=offerstream.decode\n"
            "__connect.errors.exception.message=the record is not one JSON object\nofferstream.error.reason=decode\n");
}

TEST(DeadLetter, OfARecordThatWouldNotFitKeepsHashAndPrefix) {
  const std::string value(2'000'000, 'x');
  Record record;
  record.value = value;
  Decoded decoded;
  decoded.bad = true;
  decoded.reason = Code::kTooLarge;
  DeadLetterWriter writer;
  const DeadLetter& letter = writer.Write(record, decoded, "events");
  EXPECT_LT(letter.value.size(), 2000u);
  EXPECT_EQ(letter.headers[0].value, "2000000");
  char hash[17];
  std::snprintf(hash, sizeof(hash), "%016llx", static_cast<unsigned long long>(H64(value)));
  EXPECT_EQ(letter.headers[1].value, hash);
  EXPECT_EQ(letter.headers.back().value, "too_large");
}

}  // namespace
}  // namespace offerstream
