#include "server/loss/sequences.h"

#include <cstdint>
#include <tuple>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace lossd::loss {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Part = std::tuple<int64_t, int64_t, int64_t>;

std::vector<Part> PartsOf(const Sequences& sequences, int64_t begin, int64_t end) {
  std::vector<Part> parts;
  sequences.ForEachPart(begin, end, [&](int64_t sequence, int64_t first, int64_t last) {
    parts.emplace_back(sequence, first, last);
  });
  return parts;
}

TEST(Sequences, OfOneLengthAreCutAtTheEndsOfARange) {
  const Sequences sequences = {4, 3, {}};
  EXPECT_FALSE(sequences.empty());
  EXPECT_EQ(sequences.count(), 3);
  EXPECT_THAT(PartsOf(sequences, 0, 12), ElementsAre(Part(0, 0, 4), Part(1, 4, 8), Part(2, 8, 12)));
  EXPECT_THAT(PartsOf(sequences, 3, 9), ElementsAre(Part(0, 3, 4), Part(1, 4, 8), Part(2, 8, 9)));
  EXPECT_THAT(PartsOf(sequences, 5, 6), ElementsAre(Part(1, 5, 6)));
  EXPECT_THAT(PartsOf(sequences, 4, 4), IsEmpty());
}

TEST(Sequences, OfDifferentLengthsMayBeEmpty) {
  const std::vector<int64_t> ends = {0, 2, 2, 3, 3};
  const Sequences sequences = {0, 0, ends};
  EXPECT_EQ(sequences.count(), 5);
  EXPECT_EQ(sequences.begin(1), 0);
  EXPECT_EQ(sequences.end(1), 2);
  EXPECT_EQ(sequences.Of(0), 1);
  EXPECT_EQ(sequences.Of(2), 3);
  EXPECT_THAT(PartsOf(sequences, 0, 3), ElementsAre(Part(1, 0, 2), Part(3, 2, 3)));
  EXPECT_THAT(PartsOf(sequences, 1, 3), ElementsAre(Part(1, 1, 2), Part(3, 2, 3)));
}

TEST(Sequences, MayBeNone) {
  EXPECT_TRUE(Sequences().empty());
  EXPECT_EQ(Sequences().count(), 0);
}

}  // namespace
}  // namespace lossd::loss
