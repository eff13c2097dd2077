#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

#include "models/domain/recent_items.h"
#include "tests/support/record_samples.h"

namespace offerstream {
namespace {

std::string FromHex(std::string_view hex) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes.push_back(static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16)));
  }
  return bytes;
}

std::string ToHex(std::string_view bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string hex;
  for (unsigned char c : bytes) {
    hex.push_back(kDigits[c >> 4]);
    hex.push_back(kDigits[c & 15]);
  }
  return hex;
}

// The kept bytes; `now` is what the encoder makes today.
std::string Kept(const std::string& name, const std::string& now, int version = 1) {
  const std::string path = std::string(OFFERSTREAM_SOURCE_DIR) + "/tests/formats/version" + std::to_string(version) + "/" + name + ".hex";
  std::ifstream in(path);
  if (!in && std::getenv("OFFERSTREAM_WRITE_FORMATS") != nullptr) {
    std::ofstream(path) << ToHex(now) << '\n';
    in.open(path);
  }
  EXPECT_TRUE(in) << path;
  const std::string hex{std::istreambuf_iterator<char>(in), {}};
  return FromHex(hex);
}

TEST(StoredBytes, ProfileRowsOfBeforeThereWereCampaigns) {
  const auto plan = samples::Plan();
  for (std::uint64_t seed : {1, 7, 12}) {
    const CustomerProfile p = samples::Profile(*plan, seed);
    CustomerProfile q;
    ASSERT_TRUE(DecodeProfile(*plan, Kept("profile-first-" + std::to_string(seed), ""), q));
    EXPECT_EQ(q.as_of, 5u);
    EXPECT_EQ(q.value.d90, p.value.d90);
    ASSERT_EQ(q.enrolments.size(), p.enrolments.size());
    if (p.Programme() == nullptr) continue;
    EXPECT_EQ(q.Programme()->at, p.Programme()->at);
    EXPECT_EQ(q.Programme()->conversions, p.Programme()->conversions);
    EXPECT_EQ(q.Programme()->value, p.Programme()->value);
    EXPECT_EQ(q.Programme()->pre_value, p.Programme()->pre_value);
    EXPECT_EQ(q.Programme()->arm, kArmUnknown);
  }
}

TEST(StoredBytes, ProfileRowsOfVersion1) {
  const auto plan = samples::Plan();
  for (std::uint64_t seed : {1, 7, 12}) {
    const CustomerProfile p = samples::Profile(*plan, seed);
    std::string now;
    EncodeProfile(*plan, p, 5, now);
    const std::string kept = Kept("profile-" + std::to_string(seed), now);
    EXPECT_EQ(ToHex(now), ToHex(kept));
    CustomerProfile q;
    ASSERT_TRUE(DecodeProfile(*plan, kept, q));
    EXPECT_EQ(q.as_of, 5u);
    EXPECT_EQ(q.exposures.size(), p.exposures.size());
    EXPECT_EQ(q.value.d90, p.value.d90);
    EXPECT_EQ(q.impressions, p.impressions);
  }
}

TEST(StoredBytes, ProfileRowsThatKeepTheTimeOfAClosedEnrolment) {
  const auto plan = samples::Plan();
  for (std::uint64_t seed : {1, 7, 12}) {
    const CustomerProfile p = samples::Profile(*plan, seed);
    CustomerProfile q;
    ASSERT_TRUE(DecodeProfile(*plan, Kept("profile-timed-" + std::to_string(seed), ""), q));
    EXPECT_EQ(q.enrolled_in, p.enrolled_in);
    EXPECT_EQ(q.exposures.size(), p.exposures.size());
    std::string read, made;
    EncodeProfile(*plan, q, 5, read);
    EncodeProfile(*plan, p, 5, made);
    EXPECT_EQ(ToHex(read), ToHex(made));
  }
}

TEST(StoredBytes, TombstonesOfVersion1) {
  std::string now;
  EncodeTombstone(77, now);
  const std::string kept = Kept("tombstone", now);
  EXPECT_EQ(ToHex(now), ToHex(kept));
  const Result<RowPeek> peek = PeekProfile(kept);
  ASSERT_TRUE(peek);
  EXPECT_TRUE(peek->gone);
  EXPECT_EQ(peek->as_of, 77u);
}

TEST(StoredBytes, ObservationsOfVersion1) {
  const auto plan = samples::Plan();
  const ObservationBatch batch = samples::Observations(*plan, 1, 12);
  const std::string now = samples::Encoded(*plan, batch), kept = Kept("observations", now);
  EXPECT_EQ(ToHex(now), ToHex(kept));
  ObservationBatch read;
  ASSERT_TRUE(DecodeObservations(*plan, kept, read));
  ASSERT_EQ(read.rows.size(), 12u);
  EXPECT_EQ(read.arena, batch.arena);
}

TEST(StoredBytes, ControlRecordsOfVersion1) {
  std::string now;
  EncodeControl(3, "app_id: bank\n", now);
  const std::string kept = Kept("control", now);
  EXPECT_EQ(ToHex(now), ToHex(kept));
  const Result<ControlRecord> record = DecodeControl(kept);
  ASSERT_TRUE(record);
  EXPECT_EQ(record->epoch, 3u);
  EXPECT_EQ(record->text, "app_id: bank\n");
}

TEST(StoredBytes, ModelSnapshotsOfVersion1) {
  std::string now;
  EncodeModel("gold/click", 123'456, "body", now);
  const std::string kept = Kept("model", now);
  EXPECT_EQ(ToHex(now), ToHex(kept));
  const Result<StoredModel> model = DecodeModel(kept);
  ASSERT_TRUE(model);
  EXPECT_EQ(model->id, "gold/click");
  EXPECT_EQ(model->version, 123'456u);
  EXPECT_EQ(model->body, "body");
}

TEST(StoredBytes, MetaRecordsOfVersion1) {
  std::string now;
  EncodeMeta(samples::Meta(), now);
  const std::string kept = Kept("meta", now);
  EXPECT_EQ(ToHex(now), ToHex(kept));
  const Result<PartitionMeta> meta = DecodeMeta(kept);
  ASSERT_TRUE(meta);
  EXPECT_EQ(meta->committed.offsets, samples::Meta().committed.offsets);
  EXPECT_EQ(meta->account.adopted, samples::Meta().account.adopted);
}

TEST(StoredBytes, JournalPiecesOfVersion1) {
  const auto plan = samples::Plan();
  JournalReader reader;
  JournalRecord record;
  for (std::size_t i = 0; i < 3; ++i) {
    const Result<bool> complete = reader.Add(*plan, Kept("journal-" + std::to_string(i), ""), record);
    ASSERT_TRUE(complete);
    EXPECT_EQ(*complete, i == 2);
  }
  EXPECT_EQ(record.facts.size(), 4u);
  EXPECT_FALSE(record.takes_turns);   // customers had none then
  EXPECT_EQ(record.decisions_digest, samples::Journal(*plan, 1, 4).decisions_digest);
}

TEST(StoredBytes, JournalPiecesOfVersion2) {
  const auto plan = samples::Plan();
  const JournalRecord sample = samples::Journal(*plan, 1, 4);
  JournalReader reader;
  JournalRecord record;
  for (std::size_t i = 0; i < 3; ++i) {
    const Result<bool> complete = reader.Add(*plan, Kept("journal-" + std::to_string(i), "", 2), record);
    ASSERT_TRUE(complete);
    EXPECT_EQ(*complete, i == 2);
  }
  EXPECT_EQ(record.facts.size(), 4u);
  EXPECT_TRUE(record.takes_turns);
  ASSERT_EQ(record.turns.size(), 2u);
  EXPECT_EQ(record.turns[1].customer, sample.turns[1].customer);
  EXPECT_EQ(record.turns[1].move.z, sample.turns[1].move.z);
  EXPECT_EQ(record.turns[1].buys, TurnFact::kNotLooked);   // nobody was looked at then
  EXPECT_EQ(record.decisions_digest, samples::Journal(*plan, 1, 4).decisions_digest);
}

TEST(StoredBytes, JournalPiecesOfVersion3) {
  const auto plan = samples::Plan();
  const JournalRecord sample = samples::Journal(*plan, 1, 4);
  const std::vector<std::string> pieces = EncodeJournal(*plan, sample, 400);
  JournalReader reader;
  JournalRecord record;
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    const std::string kept = Kept("journal-" + std::to_string(i), pieces[i], 3);
    EXPECT_EQ(ToHex(pieces[i]), ToHex(kept));
    const Result<bool> complete = reader.Add(*plan, kept, record);
    ASSERT_TRUE(complete);
    EXPECT_EQ(*complete, i + 1 == pieces.size());
  }
  ASSERT_EQ(record.turns.size(), 2u);
  EXPECT_EQ(record.turns[0].buys, TurnFact::kNotLooked);
  EXPECT_EQ(record.turns[1].move.z, sample.turns[1].move.z);
  EXPECT_EQ(record.turns[1].buys, .75f);
  EXPECT_EQ(record.turns[1].segment, 6u);
  EXPECT_EQ(record.decisions_digest, sample.decisions_digest);
}

TEST(StoredBytes, ProfileRowsOfVersion2KnowWhatWasBought) {
  const auto plan = samples::Plan();
  plan->churn.on = plan->items.on = true;
  const CustomerProfile p = samples::Buyer(*plan, 7);
  std::string now;
  EncodeProfile(*plan, p, 5, now);
  const std::string kept = Kept("profile-buyer", now, 2);
  EXPECT_EQ(ToHex(now), ToHex(kept));
  CustomerProfile q;
  ASSERT_TRUE(DecodeProfile(*plan, kept, q));
  ASSERT_NE(q.Bought(), nullptr);
  EXPECT_EQ(q.Bought()->known.orders, 3);
  EXPECT_EQ(q.Bought()->known.spent, -12'345);
  ASSERT_EQ(q.Bought()->looks.size(), 2u);
  EXPECT_TRUE(q.Bought()->looks[1].bought);
  EXPECT_EQ(q.Bought()->looks[1].buys, .125f);
  ASSERT_EQ(q.Recent().size(), 2u);
  EXPECT_EQ(q.Recent()[1].item, H64("lamp"));
  EXPECT_EQ(q.Recent()[1].time, 1'690'000'000'000);
  plan->churn.on = plan->items.on = false;   // who looks at nobody forgets it
  CustomerProfile forgotten;
  ASSERT_TRUE(DecodeProfile(*plan, kept, forgotten));
  EXPECT_TRUE(forgotten.habits.empty());
}

TEST(StoredBytes, ObservationsOfVersion2TellWhoStopsBuyingAndWhatIsBoughtTogether) {
  const auto plan = samples::Plan();
  const ObservationBatch batch = samples::ChurnRows();
  const std::string now = samples::Encoded(*plan, batch), kept = Kept("observations", now, 2);
  EXPECT_EQ(ToHex(now), ToHex(kept));
  ObservationBatch read;
  ASSERT_TRUE(DecodeObservations(*plan, kept, read));
  ASSERT_EQ(read.rows.size(), 3u);
  EXPECT_EQ(read.rows[0].kind, ObservationKind::kChurnLook);
  EXPECT_EQ(read.rows[0].value, 12'345);
  EXPECT_EQ(read.rows[0].probability, .25);
  EXPECT_EQ(read.rows[1].kind, ObservationKind::kChurnRow);
  EXPECT_EQ(read.rows[1].y, 1);
  EXPECT_EQ(read.rows[2].kind, ObservationKind::kBasket);
  EXPECT_EQ(read.arena, batch.arena);
  IdHash item = 0;
  ASSERT_TRUE(ReadItem(std::span<const float, kItemFloats>(read.Features(read.rows[2])), item));
  EXPECT_EQ(item, 0xfedcba9876543210u);
}

}  // namespace
}  // namespace offerstream
