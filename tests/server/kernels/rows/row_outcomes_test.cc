#include "server/kernels/row_outcomes.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <type_traits>
#include <vector>

#include "gtest/gtest.h"
#include "server/kernels/piece.h"
#include "tests/server/kernels/instruction_sets.h"

namespace lossd::kernels {
namespace {

struct Outcome {
  int64_t predicted = 0;
  int64_t rank = 0;
};

// Compares class by class.
template <typename T>
Outcome Judge(const T* z, int64_t classes, int64_t truth) {
  Outcome outcome;
  for (int64_t j = 0; j < classes; ++j) {
    if (z[j] > z[outcome.predicted]) outcome.predicted = j;
    if (!(z[j] <= z[truth]) || (z[j] == z[truth] && j < truth)) ++outcome.rank;
  }
  for (int64_t j = 0; j < classes; ++j) {
    if (std::isnan(z[j])) outcome.predicted = -1;
  }
  if (std::isnan(z[truth])) outcome.rank = classes;
  return outcome;
}

template <typename T>
void Run(const KernelTable& kernels, const ClassIdRows<T>& rows, const RowOutcomes& outcomes) {
  if constexpr (std::is_same_v<T, float>) {
    kernels.outcomes.of_f32(rows, outcomes);
  } else {
    kernels.outcomes.of_f64(rows, outcomes);
  }
}

template <typename T>
class RowOutcomesTest : public ::testing::Test {};
using ElementTypes = ::testing::Types<float, double>;
TYPED_TEST_SUITE(RowOutcomesTest, ElementTypes);

// Logits of few values, so that many are equal; some rows have a NaN or infinities.
TYPED_TEST(RowOutcomesTest, AreThoseOfComparingClassByClass) {
  std::mt19937_64 random(4);
  constexpr int64_t kRows = 70;
  for (const int64_t classes : {1, 2, 3, 10, 32, 33, 47, 64, 65, 300, 2049, 4111}) {
    std::uniform_int_distribution<int> value(-3, classes > 100 ? 3000 : 3);
    std::uniform_int_distribution<int64_t> any_class(0, classes - 1);
    std::vector<TypeParam> logits;
    std::vector<int64_t> ids;
    for (int64_t n = 0; n < kRows * classes; ++n) {
      logits.push_back(static_cast<TypeParam>(value(random)));
    }
    for (int64_t i = 0; i < kRows; ++i) {
      ids.push_back(any_class(random));
      auto& spoiled = logits[static_cast<size_t>(i * classes + any_class(random))];
      if (i % 7 == 1) spoiled = std::numeric_limits<TypeParam>::quiet_NaN();
      if (i % 7 == 2) spoiled = std::numeric_limits<TypeParam>::infinity();
      if (i % 7 == 3) spoiled = -std::numeric_limits<TypeParam>::infinity();
    }
    ClassIdRows<TypeParam> rows;
    rows.row_count = kRows;
    rows.class_count = classes;
    rows.class_ids = ids.data();
    const auto size = static_cast<int64_t>(logits.size() * sizeof(TypeParam));
    std::vector<Piece> pieces;
    for (int64_t at = 0; at < size; at += 1001) {
      pieces.push_back({reinterpret_cast<const char*>(logits.data()) + at, at,
                        std::min<int64_t>(1001, size - at)});
    }
    rows.pieces = pieces.data();
    rows.piece_count = static_cast<int64_t>(pieces.size());
    for (const InstructionSet& set : SupportedSets()) {
      for (const TypeParam* const array : {logits.data(), static_cast<TypeParam*>(nullptr)}) {
        rows.logits = array;
        std::vector<int64_t> predicted(kRows, -7);
        std::vector<int64_t> ranks(kRows, -7);
        Run<TypeParam>(set.kernels, rows, {predicted.data(), ranks.data()});
        for (size_t i = 0; i < kRows; ++i) {
          const Outcome expected =
              Judge(logits.data() + static_cast<int64_t>(i) * classes, classes, ids[i]);
          EXPECT_EQ(predicted[i], expected.predicted) << set.name << ", " << classes << ", " << i;
          EXPECT_EQ(ranks[i], expected.rank) << set.name << ", " << classes << ", " << i;
        }
      }
    }
  }
}

}  // namespace
}  // namespace lossd::kernels
