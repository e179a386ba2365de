#include "client/src/chunks/chunk.h"

#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace lossd::client {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

using Lengths = std::vector<int64_t>;

absl::StatusOr<std::vector<Chunk>> Cut(int64_t rows, int64_t chunk_rows, const Lengths& lengths) {
  return CutRows(rows, chunk_rows,
                 ArrayView<int64_t>(lengths, {static_cast<int64_t>(lengths.size())}));
}

// Returns the rows and the sequences of each chunk, after checking that they follow each other.
std::vector<std::pair<int64_t, int64_t>> Counts(const absl::StatusOr<std::vector<Chunk>>& chunks) {
  EXPECT_TRUE(chunks.ok()) << chunks.status();
  std::vector<std::pair<int64_t, int64_t>> counts;
  int64_t row = 0;
  int64_t sequence = 0;
  for (const Chunk& chunk : *chunks) {
    EXPECT_EQ(chunk.rows.first, row);
    EXPECT_EQ(chunk.sequences.first, sequence);
    row += chunk.rows.count;
    sequence += chunk.sequences.count;
    EXPECT_EQ(chunk.rows.of, chunks->front().rows.of);
    counts.emplace_back(chunk.rows.count, chunk.sequences.count);
  }
  return counts;
}

TEST(CutRowsTest, CutsRowsOfTheSameNumber) {
  EXPECT_THAT(Counts(CutRows(7, 3, std::nullopt)), ElementsAre(Pair(3, 0), Pair(3, 0), Pair(1, 0)));
  EXPECT_THAT(Counts(CutRows(6, 3, std::nullopt)), ElementsAre(Pair(3, 0), Pair(3, 0)));
  EXPECT_THAT(Counts(CutRows(0, 3, std::nullopt)), ElementsAre());
}

TEST(CutRowsTest, KeepsSequencesWhole) {
  EXPECT_THAT(Counts(Cut(9, 4, {2, 2, 3, 1, 1})), ElementsAre(Pair(4, 2), Pair(4, 2), Pair(1, 1)));
  EXPECT_THAT(Counts(Cut(12, 4, {10, 1, 1})), ElementsAre(Pair(10, 1), Pair(2, 2)));
  EXPECT_THAT(Counts(Cut(6, 100, {1, 2, 3})), ElementsAre(Pair(6, 3)));
}

TEST(CutRowsTest, ASequenceWithoutSamplesGoesWithItsNeighbours) {
  EXPECT_THAT(Counts(Cut(10, 4, {0, 5, 0, 0, 5, 0})), ElementsAre(Pair(5, 4), Pair(5, 2)));
  EXPECT_THAT(Counts(Cut(0, 4, {0, 0})), ElementsAre(Pair(0, 2)));
  EXPECT_THAT(Counts(Cut(0, 4, {})), ElementsAre());
}

TEST(CutRowsTest, RefusesLengthsThatAreNotThoseOfTheRows) {
  const auto refusal = [](int64_t rows, const Lengths& lengths) {
    return std::string(Cut(rows, 4, lengths).status().message());
  };
  EXPECT_EQ(refusal(5, {2, 2}), "sequence_lengths adds up to 4, expected the number of samples, 5");
  EXPECT_THAT(refusal(3, {2, 2}), HasSubstr("adds up to more, expected the number of samples, 3"));
  EXPECT_EQ(refusal(1, {2, -1}).substr(0, 16), "sequence_lengths");
  EXPECT_EQ(refusal(3, {2, -1}), "sequence_lengths[1] = -1, expected >= 0");
  EXPECT_THAT(refusal(3, {INT64_MAX, INT64_MAX}), HasSubstr("adds up to more"));
}

}  // namespace
}  // namespace lossd::client
