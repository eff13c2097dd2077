// Observations, control records, models, meta records and the journal: there and back, and damage.
#include <gtest/gtest.h>

#include "state/formats/framing.h"
#include "tests/support/record_samples.h"

namespace offerstream {
namespace {

template <typename Decode>
void ExpectEveryDamageIsNoticed(const std::string& bytes, Decode decode) {
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string damaged = bytes;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
    ASSERT_FALSE(decode(damaged)) << bit;
  }
  for (std::size_t size = 0; size < bytes.size(); ++size) ASSERT_FALSE(decode(bytes.substr(0, size))) << size;
  ASSERT_FALSE(decode(bytes + 'x'));
}

TEST(ObservationCodec, EveryFieldOfEveryRowComesBack) {
  const auto plan = samples::Plan();
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    ObservationBatch batch = samples::Observations(*plan, seed, 1 + seed % 40);
    for (std::size_t r = 0; r < batch.rows.size(); ++r) batch.rows[r].held = (seed + r) % 3 == 0;  // later than the kept sample
    const std::string bytes = samples::Encoded(*plan, batch);
    EXPECT_EQ(PeekObservationRecord(bytes), ObservationRecordType::kObservations);
    ObservationBatch read;
    ASSERT_TRUE(DecodeObservations(*plan, bytes, read)) << seed;
    ASSERT_EQ(read.rows.size(), batch.rows.size());
    EXPECT_EQ(read.arena, batch.arena);
    for (std::size_t i = 0; i < batch.rows.size(); ++i) {
      const Observation &a = batch.rows[i], &b = read.rows[i];
      EXPECT_EQ(a.kind, b.kind);
      EXPECT_EQ(a.model, b.model);
      EXPECT_EQ(a.time, b.time);
      EXPECT_EQ(a.exposure, b.exposure);
      EXPECT_EQ(a.x_size, b.x_size);
      EXPECT_EQ(a.y, b.y);
      EXPECT_EQ(a.from, b.from);
      EXPECT_EQ(a.to, b.to);
      EXPECT_EQ(a.delay, b.delay);
      EXPECT_EQ(a.value, b.value);
      EXPECT_EQ(a.served_logit, b.served_logit);
      EXPECT_EQ(a.probability, b.probability);
      EXPECT_EQ(a.propensity, b.propensity);
      EXPECT_EQ(a.n, b.n);
      EXPECT_EQ(a.segment, b.segment);
      EXPECT_EQ(a.channel, b.channel);
      EXPECT_EQ(a.outcome, b.outcome);
      EXPECT_EQ(a.arm, b.arm);
      EXPECT_EQ(a.lottery, b.lottery);
      EXPECT_EQ(a.held, b.held);
      EXPECT_EQ(a.unsubscribed, b.unsubscribed);
      EXPECT_EQ(a.instant, b.instant);
      EXPECT_EQ(a.pre_value, b.pre_value);
      EXPECT_EQ(a.customer, b.customer);
      static const MovePlaces kNone{};   // where both are at their defaults the row says nothing of them
      const MovePlaces &was = a.places == nullptr ? kNone : *a.places, &is = b.places == nullptr ? kNone : *b.places;
      EXPECT_EQ(was.old_place.micro, is.old_place.micro);
      EXPECT_EQ(was.new_place.z, is.new_place.z);
      EXPECT_EQ(was.new_place.time, is.new_place.time);
    }
    EXPECT_EQ(samples::Encoded(*plan, read), bytes);
  }
}

TEST(ObservationCodec, ChannelsAndOutcomesFollowTheReadersPlanAndUnknownOnesAreNone) {
  const auto plan = samples::Plan();
  ObservationBatch batch;
  for (std::uint16_t i = 0; i < 3; ++i) {
    Observation& o = batch.rows.emplace_back();
    o.channel = i;
    o.outcome = i;
  }
  const std::string bytes = samples::Encoded(*plan, batch);
  auto other = samples::Plan();
  other->channels.erase(other->channels.begin());
  std::swap(other->outcomes[1], other->outcomes[2]);
  other->Index();
  ObservationBatch read;
  ASSERT_TRUE(DecodeObservations(*other, bytes, read));
  EXPECT_EQ(read.rows[0].channel, ChannelIndex::kNone);
  EXPECT_EQ(read.rows[1].channel, 0);
  EXPECT_EQ(read.rows[2].channel, 1);
  EXPECT_EQ(read.rows[1].outcome, 2);
  EXPECT_EQ(read.rows[2].outcome, 1);
}

TEST(ObservationCodec, ABatchUsedAgainReadsTheSame) {
  const auto plan = samples::Plan();
  ObservationBatch read;
  for (std::uint64_t seed = 1; seed < 30; ++seed) {   // the memory of a Move's places holds the last record's
    const std::string bytes = samples::Encoded(*plan, samples::Observations(*plan, seed, 20));
    read.Clear();
    ASSERT_TRUE(DecodeObservations(*plan, bytes, read));
    EXPECT_EQ(samples::Encoded(*plan, read), bytes) << seed;
  }
}

TEST(ObservationCodec, ARefusedRecordAddsNothing) {
  const auto plan = samples::Plan();
  ObservationBatch batch = samples::Observations(*plan, 1, 3);
  const std::string good = samples::Encoded(*plan, batch);
  ExpectEveryDamageIsNoticed(good, [&](const std::string& bytes) {
    ObservationBatch read;
    EXPECT_TRUE(DecodeObservations(*plan, good, read));
    const bool accepted = DecodeObservations(*plan, bytes, read).has_value();
    EXPECT_EQ(read.rows.size(), batch.rows.size());
    EXPECT_EQ(read.arena.size(), batch.arena.size());
    return accepted;
  });
  EXPECT_EQ(PeekObservationRecord("xx"), ObservationRecordType::kDamaged);
  EXPECT_EQ(PeekObservationRecord(std::string(50, '\x7f')), ObservationRecordType::kDamaged);
}

TEST(ObservationCodec, AOneHotRowIsSmall) {
  const auto plan = samples::Plan();
  ObservationBatch batch;
  Observation& o = batch.rows.emplace_back();
  o.x_size = 64;
  batch.arena.resize(64);
  for (std::size_t i = 0; i < 64; i += 8) batch.arena[i] = 1;
  o.y = 1;
  EXPECT_LT(samples::Encoded(*plan, batch).size(), kFrameHeaderBytes + 40);
}

TEST(ControlRecord, CarriesAPlanTextOfAnEpoch) {
  std::string bytes;
  EncodeControl(9, "offers: []", bytes);
  EXPECT_EQ(PeekObservationRecord(bytes), ObservationRecordType::kControl);
  const Result<ControlRecord> record = DecodeControl(bytes);
  ASSERT_TRUE(record);
  EXPECT_EQ(record->epoch, 9u);
  EXPECT_EQ(record->text, "offers: []");
  ExpectEveryDamageIsNoticed(bytes, [](const std::string& b) { return DecodeControl(b).has_value(); });
}

TEST(ModelCodec, KeepsIdVersionAndBody) {
  std::string bytes;
  EncodeModel("caps", UINT64_MAX, std::string("\0body", 5), bytes);
  const Result<StoredModel> model = DecodeModel(bytes);
  ASSERT_TRUE(model);
  EXPECT_EQ(model->id, "caps");
  EXPECT_EQ(model->version, UINT64_MAX);
  EXPECT_EQ(model->body, std::string_view("\0body", 5));
  ExpectEveryDamageIsNoticed(bytes, [](const std::string& b) { return DecodeModel(b).has_value(); });
}

TEST(MetaCodec, KeepsEveryField) {
  PartitionMeta meta = samples::Meta();
  meta.restoring = true;
  std::string bytes, again;
  EncodeMeta(meta, bytes);
  const Result<PartitionMeta> read = DecodeMeta(bytes);
  ASSERT_TRUE(read);
  EncodeMeta(*read, again);
  EXPECT_EQ(bytes, again);
  EXPECT_EQ(read->committed.seq, 90u);
  EXPECT_EQ(read->committed.journal_offset, 4711);
  EXPECT_EQ(read->floor.watermark, 70'000);
  EXPECT_EQ(read->log_id, meta.log_id);
  EXPECT_EQ(read->account.frontier, 90'000);
  EXPECT_TRUE(read->restoring);
  ExpectEveryDamageIsNoticed(bytes, [](const std::string& b) { return DecodeMeta(b).has_value(); });
}

TEST(Journal, ARecordComesBackFromPiecesOfAnySize) {
  const auto plan = samples::Plan();
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    const JournalRecord r = samples::Journal(*plan, seed, seed % 20);
    const std::string whole = EncodeJournal(*plan, r).at(0);
    for (std::size_t size : {24u, 60u, 400u, 500'000u}) {
      JournalReader reader;
      JournalRecord read;
      const std::vector<std::string> pieces = EncodeJournal(*plan, r, size);
      for (std::size_t i = 0; i < pieces.size(); ++i) {
        EXPECT_LE(pieces[i].size(), size);
        EXPECT_EQ(PeekJournalSeq(pieces[i]), r.seq);
        const Result<bool> complete = reader.Add(*plan, pieces[i], read);
        ASSERT_TRUE(complete);
        EXPECT_EQ(*complete, i + 1 == pieces.size());
      }
      EXPECT_EQ(read.ranges.size(), r.ranges.size());
      EXPECT_EQ(read.ranges[2].to, INT64_MAX);
      EXPECT_EQ(read.adopted, r.adopted);
      EXPECT_EQ(read.clock, r.clock);
      ASSERT_EQ(read.facts.size(), r.facts.size());
      for (std::size_t i = 0; i < r.facts.size(); ++i) EXPECT_EQ(read.facts[i].cause, r.facts[i].cause);
      ASSERT_EQ(read.turns.size(), r.turns.size());
      for (std::size_t i = 0; i < r.turns.size(); ++i) EXPECT_EQ(read.turns[i].move.z, r.turns[i].move.z);
      EXPECT_EQ(EncodeJournal(*plan, read).at(0), whole);
    }
  }
}

TEST(Journal, APieceMissingOrOutOfOrderIsNoticedAndANewRecordStartsAfresh) {
  const auto plan = samples::Plan();
  const auto first = EncodeJournal(*plan, samples::Journal(*plan, 1, 10), 300), second = EncodeJournal(*plan, samples::Journal(*plan, 2, 10), 300);
  ASSERT_GT(first.size(), 2u);
  JournalReader reader;
  JournalRecord record;
  EXPECT_FALSE(reader.Add(*plan, first[1], record));
  EXPECT_TRUE(reader.Add(*plan, first[0], record));
  EXPECT_FALSE(reader.Add(*plan, first[2], record));
  for (std::size_t i = 0; i < second.size(); ++i) {
    const Result<bool> complete = reader.Add(*plan, second[i], record);
    ASSERT_TRUE(complete);
    EXPECT_EQ(*complete, i + 1 == second.size());
  }
  EXPECT_EQ(record.seq, 1002u);
  ExpectEveryDamageIsNoticed(first[0], [&](const std::string& b) { return JournalReader().Add(*plan, b, record).has_value(); });
  EXPECT_EQ(PeekJournalSeq("damaged"), 0u);
}

}  // namespace
}  // namespace offerstream
