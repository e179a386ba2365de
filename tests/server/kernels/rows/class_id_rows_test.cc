#include "server/kernels/class_id_rows.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <random>
#include <string>
#include <type_traits>
#include <vector>

#include "gtest/gtest.h"
#include "server/kernels/dispatch.h"
#include "server/kernels/piece.h"
#include "server/kernels/stores.h"
#include "server/kernels/workspace.h"
#include "tests/server/kernels/instruction_sets.h"

namespace lossd::kernels {
namespace {

constexpr float kGuard = -77;

// Arrays whose entries begin at `begin` and are followed by a guard.
template <typename T>
struct RowOutputs {
  size_t begin;
  Array<T> losses;
  Array<T> gradient;
  Array<T> hessian;
  Array<T> probabilities;
  Array<T> log_sum_exp;
  Array<double> true_probability;
  Array<double> true_gradient;
};

// Cuts a sequence of bytes into pieces of at most `longest`, each in memory of its own that ends
// with it.
class Pieces {
 public:
  Pieces(const char* bytes, int64_t size, int64_t longest, uint64_t seed) {
    std::mt19937_64 random(seed);
    std::uniform_int_distribution<int64_t> any_size(1, longest);
    for (int64_t begin = 0; begin < size;) {
      const int64_t count = std::min(any_size(random), size - begin);
      memory_.emplace_back(bytes + begin, bytes + begin + count);
      list_.push_back({memory_.back().data(), begin, count});
      begin += count;
    }
  }
  const std::vector<Piece>& list() const { return list_; }

 private:
  std::vector<std::vector<char>> memory_;
  std::vector<Piece> list_;
};

// Rows of hard labels. All arrays end with a guard, and start one element off a cache line, or on
// one after StartOnLines.
template <typename T>
class HardRows {
 public:
  HardRows(int64_t rows, int64_t classes, uint64_t seed) : rows_(rows), classes_(classes) {
    std::mt19937_64 random(seed);
    std::normal_distribution<double> normal(0, 4);
    std::uniform_int_distribution<int64_t> any_class(0, classes - 1);
    const auto row_count = static_cast<size_t>(rows);
    logits_.assign(1 + row_count * static_cast<size_t>(classes), T(1e30F));
    for (size_t n = 1; n < logits_.size(); ++n) logits_[n] = static_cast<T>(normal(random));
    for (size_t i = 0; i < row_count; ++i) ids_.push_back(any_class(random));
    weights_.assign(row_count, 1.0);
    scales_.assign(row_count, 1.0);
  }

  T* row(int64_t i) { return &logits_[static_cast<size_t>(1 + i * classes_)]; }
  void SetClass(int64_t i, int64_t id) { ids_[static_cast<size_t>(i)] = id; }
  void Ignore(int64_t i) { weights_[static_cast<size_t>(i)] = 0; }

  // Writes results past the caches instead of into them.
  void Stream() { stores_ = Stores::kStreaming; }
  void StartOnLines() { begin_ = kLanes; }
  // Gives all rows' factors as one instead of in columns; every row then weighs 1.
  void ShareFactors() { shares_factors_ = true; }
  // Gives a column of class weights alone; every row then weighs 1 as a sample.
  void ShareScales() { shares_scales_ = true; }
  // Asks for the outputs by row alone.
  void LeaveOutMatrices() { wants_matrices_ = false; }
  // Puts classes `row_count` apart and rows next to each other.
  void StrideClasses() {
    std::vector<T> moved = logits_;
    for (int64_t i = 0; i < rows_; ++i) {
      for (int64_t j = 0; j < classes_; ++j) {
        moved[static_cast<size_t>(1 + j * rows_ + i)] = row(i)[j];
      }
    }
    logits_ = moved;
    class_stride_ = rows_;
  }

  // Gives the logits in pieces, at an offset in their run that is no multiple of an element.
  void CutLogits(int64_t longest_piece) {
    const char* const logits = reinterpret_cast<const char*>(logits_.data() + 1);
    std::vector<char> run(kBeforeLogits, 'x');
    run.insert(run.end(), logits, logits + (logits_.size() - 1) * sizeof(T));
    pieces_.emplace(run.data(), static_cast<int64_t>(run.size()), longest_piece, 7);
  }

  RowOutputs<T> Run(const FormKernels& kernels, const FormParameters& parameters) {
    RowOutputs<T> out;
    out.begin = begin_;
    const auto row_count = static_cast<size_t>(rows_);
    const size_t elements = row_count * static_cast<size_t>(classes_);
    ClassIdRows<T> batch;
    if (pieces_) {
      batch.pieces = pieces_->list().data();
      batch.piece_count = static_cast<int64_t>(pieces_->list().size());
      batch.piece_offset = kBeforeLogits;
    } else {
      batch.logits = logits_.data() + 1;
    }
    batch.row_count = rows_;
    batch.class_count = classes_;
    batch.class_ids = ids_.data();
    batch.class_stride = class_stride_;
    batch.stores = stores_;
    if (!shares_factors_) {
      batch.class_weight = weights_.data();
    }
    if (!shares_factors_ && !shares_scales_) {
      batch.sample_weight = batch.gradient_scale = batch.hessian_scale = scales_.data();
    }
    std::vector<T> workspace(static_cast<size_t>(RowWorkspaceSize(classes_)));
    batch.workspace = workspace.data();
    batch.losses = Room(&out.losses, row_count);
    if (wants_matrices_) {
      batch.gradient = Room(&out.gradient, elements);
      batch.hessian = Room(&out.hessian, elements);
      batch.probabilities = Room(&out.probabilities, elements);
    }
    batch.log_sum_exp = Room(&out.log_sum_exp, row_count);
    batch.true_probability = Room(&out.true_probability, row_count);
    batch.true_gradient = Room(&out.true_gradient, row_count);
    Call(kernels, batch, parameters);
    return out;
  }

  static bool IsServedBy(const FormKernels& kernels) {
    if constexpr (std::is_same_v<T, float>) {
      return kernels.class_id_rows_f32 != nullptr;
    } else {
      return kernels.class_id_rows_f64 != nullptr;
    }
  }

 private:
  static constexpr int64_t kBeforeLogits = 13;

  template <typename U>
  U* Room(Array<U>* array, size_t size) const {
    array->assign(begin_ + size + 1, U{kGuard});
    return array->data() + begin_;
  }

  static void Call(const FormKernels& kernels, const ClassIdRows<T>& batch,
                   const FormParameters& parameters) {
    if constexpr (std::is_same_v<T, float>) {
      kernels.class_id_rows_f32(batch, parameters);
    } else {
      kernels.class_id_rows_f64(batch, parameters);
    }
  }

  int64_t rows_;
  int64_t classes_;
  int64_t class_stride_ = 0;
  size_t begin_ = 1;
  Stores stores_ = Stores::kCached;
  bool shares_factors_ = false;
  bool shares_scales_ = false;
  bool wants_matrices_ = true;
  std::vector<T> logits_;
  std::optional<Pieces> pieces_;
  std::vector<int64_t> ids_;
  std::vector<double> weights_;
  std::vector<double> scales_;
};

template <typename T>
void ExpectGuardsAndValues(const Array<T>& array, const std::string& what) {
  EXPECT_EQ(array.front(), T{kGuard}) << what << ": written before its begin";
  EXPECT_EQ(array.back(), T{kGuard}) << what << ": written past its end";
  for (size_t n = 1; n + 1 < array.size(); ++n) {
    EXPECT_NE(array[n], T{kGuard}) << what << ": entry " << n - 1 << " not written";
  }
}

template <typename T>
void ExpectSameOutputs(const RowOutputs<T>& a, const RowOutputs<T>& b, const std::string& what) {
  ASSERT_EQ(a.begin, b.begin);
  ExpectSameBits(a.losses, b.losses, what + ", losses");
  ExpectSameBits(a.gradient, b.gradient, what + ", gradient");
  ExpectSameBits(a.hessian, b.hessian, what + ", hessian");
  ExpectSameBits(a.probabilities, b.probabilities, what + ", probabilities");
  ExpectSameBits(a.log_sum_exp, b.log_sum_exp, what + ", log_sum_exp");
  ExpectSameBits(a.true_probability, b.true_probability, what + ", true_probability");
  ExpectSameBits(a.true_gradient, b.true_gradient, what + ", true_gradient");
}

constexpr int64_t kClassCounts[] = {1,  2,  3,  4,  7,  8,  9,   15,   16,   17,
                                    31, 32, 33, 63, 64, 65, 257, 2048, 2049, 4111};

template <typename T>
class ClassIdRowsTest : public ::testing::Test {};
using ElementTypes = ::testing::Types<float, double>;
TYPED_TEST_SUITE(ClassIdRowsTest, ElementTypes);

TYPED_TEST(ClassIdRowsTest, WritesEveryOutputAndNothingAroundIt) {
  for (const InstructionSet& set : SupportedSets()) {
    for (size_t form = 0; form < set.kernels.forms.size(); ++form) {
      const FormKernels& kernels = set.kernels.forms[form];
      if (!HardRows<TypeParam>::IsServedBy(kernels)) continue;
      const FormInfo& info = FormAt(static_cast<int>(form));
      for (const int64_t classes : kClassCounts) {
        for (const int64_t rows : {0, 1, 5, 17}) {
          HardRows<TypeParam> batch(rows, classes, 1);
          const RowOutputs<TypeParam> out = batch.Run(kernels, Defaults(info));
          const std::string what = set.name + " " + info.name + " " + std::to_string(rows) + "x" +
                                   std::to_string(classes);
          ExpectGuardsAndValues(out.losses, what + ", losses");
          ExpectGuardsAndValues(out.gradient, what + ", gradient");
          ExpectGuardsAndValues(out.hessian, what + ", hessian");
          ExpectGuardsAndValues(out.probabilities, what + ", probabilities");
          ExpectGuardsAndValues(out.log_sum_exp, what + ", log_sum_exp");
          ExpectGuardsAndValues(out.true_probability, what + ", true_probability");
          ExpectGuardsAndValues(out.true_gradient, what + ", true_gradient");
        }
      }
    }
  }
}

TYPED_TEST(ClassIdRowsTest, Avx2AndAvx512GiveTheSameBits) {
  const std::vector<InstructionSet> sets = SupportedSets();
  if (sets.size() < 3) GTEST_SKIP() << "this CPU has not both AVX2 and AVX-512";
  for (size_t form = 0; form < sets[1].kernels.forms.size(); ++form) {
    const FormInfo& info = FormAt(static_cast<int>(form));
    if (!HardRows<TypeParam>::IsServedBy(sets[1].kernels.forms[form])) continue;
    for (const int64_t classes : kClassCounts) {
      HardRows<TypeParam> batch(19, classes, 2);
      for (int64_t j = 0; j < classes; ++j) {
        batch.row(3)[j] = j % 3 == 0 ? TypeParam(0.0) : TypeParam(-0.0);
        batch.row(5)[j] = j % 5 == 1 ? batch.row(3)[j] : -std::abs(batch.row(5)[j]);
      }
      const FormParameters parameters = Defaults(info);
      ExpectSameOutputs(batch.Run(sets[1].kernels.forms[form], parameters),
                        batch.Run(sets[2].kernels.forms[form], parameters),
                        std::string(info.name) + ", " + std::to_string(classes) + " classes");
    }
  }
}

// The bits depend neither on how results are written nor on how factors are given.
TYPED_TEST(ClassIdRowsTest, StreamedStoresAndSharedFactorsGiveTheSameBits) {
  for (const InstructionSet& set : SupportedSets()) {
    for (const int64_t classes : kClassCounts) {
      for (const bool on_lines : {false, true}) {
        const std::string what = set.name + ", " + std::to_string(classes) + " classes";
        HardRows<TypeParam> batch(70, classes, 4);
        if (on_lines) batch.StartOnLines();
        const FormKernels& kernels = set.kernels.forms.front();
        const FormParameters parameters = Defaults(FormAt(0));
        const RowOutputs<TypeParam> expected = batch.Run(kernels, parameters);
        batch.Stream();
        ExpectSameOutputs(batch.Run(kernels, parameters), expected, what + ", streamed");
        batch.ShareScales();
        ExpectSameOutputs(batch.Run(kernels, parameters), expected, what + ", shared scales");
        batch.ShareFactors();
        ExpectSameOutputs(batch.Run(kernels, parameters), expected, what + ", shared factors");
      }
    }
  }
}

// Rows are written a cache line at a time while others are reduced. The sizes cover lines that two
// rows share, rows of several chunks, and rows of which no two fit the caches.
TYPED_TEST(ClassIdRowsTest, RowsStreamedInTurnGiveTheSameBits) {
  for (const InstructionSet& set : SupportedSets()) {
    for (const int64_t classes : {300, 511, 512, 1000, 2047, 5000, 65536, 65537}) {
      for (const int64_t rows : {1, 2, 3, 9}) {
        const std::string what =
            set.name + ", " + std::to_string(rows) + "x" + std::to_string(classes);
        HardRows<TypeParam> batch(rows, classes, 6);
        // An ignored row's gradient is 0 whatever its logits are.
        const int64_t ignored = rows / 2;
        batch.Ignore(ignored);
        if (rows > 1) batch.row(ignored)[3] = std::numeric_limits<TypeParam>::quiet_NaN();
        const FormKernels& kernels = set.kernels.forms.front();
        const FormParameters parameters = Defaults(FormAt(0));
        const RowOutputs<TypeParam> expected = batch.Run(kernels, parameters);
        batch.Stream();
        const RowOutputs<TypeParam> streamed = batch.Run(kernels, parameters);
        ExpectSameBits(streamed.gradient, expected.gradient, what);
        ExpectGuardsAndValues(streamed.gradient, what);
        EXPECT_EQ(streamed.gradient[static_cast<size_t>(1 + ignored * classes + 3)], 0) << what;
        batch.StartOnLines();
        const RowOutputs<TypeParam> on_lines = batch.Run(kernels, parameters);
        EXPECT_TRUE(std::equal(on_lines.gradient.begin() + kLanes, on_lines.gradient.end(),
                               expected.gradient.begin() + 1, expected.gradient.end()))
            << what;
      }
    }
  }
}

// The true class is written with its row, at every place in a line and in a chunk.
TYPED_TEST(ClassIdRowsTest, StreamsEveryTrueClass) {
  for (const InstructionSet& set : SupportedSets()) {
    for (const int64_t classes : {517, 4111}) {
      const std::string what = set.name + ", " + std::to_string(classes) + " classes";
      const bool is_long = classes > kChunkClasses;
      const int64_t first = is_long ? kChunkClasses - 32 : 0;
      const int64_t count = is_long ? 64 : classes;
      HardRows<TypeParam> batch(count, classes, 9);
      for (int64_t i = 0; i < count; ++i) batch.SetClass(i, first + i);
      const FormKernels& kernels = set.kernels.forms.front();
      const FormParameters parameters = Defaults(FormAt(0));
      const RowOutputs<TypeParam> expected = batch.Run(kernels, parameters);
      batch.Stream();
      ExpectSameBits(batch.Run(kernels, parameters).gradient, expected.gradient, what);
    }
  }
}

// The pieces are shorter than an element, a register or a row, or longer than many rows.
TYPED_TEST(ClassIdRowsTest, LogitsInPiecesGiveTheSameBits) {
  for (const InstructionSet& set : SupportedSets()) {
    for (const int64_t classes : kClassCounts) {
      for (const int64_t longest : {3, 50, 700, 9000, 300000}) {
        const std::string what = set.name + ", " + std::to_string(classes) +
                                 " classes, pieces of at most " + std::to_string(longest);
        HardRows<TypeParam> batch(classes > 300 ? 5 : 150, classes, 8);
        const FormKernels& kernels = set.kernels.forms.front();
        const FormParameters parameters = Defaults(FormAt(0));
        const RowOutputs<TypeParam> expected = batch.Run(kernels, parameters);
        batch.CutLogits(longest);
        ExpectSameOutputs(batch.Run(kernels, parameters), expected, what);
        batch.Stream();
        ExpectSameOutputs(batch.Run(kernels, parameters), expected, what + ", streamed");
      }
    }
  }
}

// Returns `actual`, whose classes are `rows` apart, with rows that follow each other.
template <typename T>
RowOutputs<T> WithRowsTogether(RowOutputs<T> actual, int64_t rows, int64_t classes) {
  for (Array<T>* matrix : {&actual.gradient, &actual.hessian, &actual.probabilities}) {
    Array<T> moved = *matrix;
    for (int64_t n = 0; n < rows * classes; ++n) {
      const auto to = static_cast<size_t>(n % rows * classes + n / rows);
      moved[actual.begin + to] = (*matrix)[actual.begin + static_cast<size_t>(n)];
    }
    *matrix = moved;
  }
  return actual;
}

TYPED_TEST(ClassIdRowsTest, StridedClassesGiveTheSameBits) {
  for (const InstructionSet& set : SupportedSets()) {
    for (int64_t classes = 1; classes <= kMaxStridedClasses; ++classes) {
      for (const int64_t rows : {1, 16, 63, 64, 65, 192}) {
        for (const bool on_lines : {false, true}) {
          const std::string what =
              set.name + ", " + std::to_string(rows) + "x" + std::to_string(classes);
          HardRows<TypeParam> batch(rows, classes, 5);
          if (on_lines) batch.StartOnLines();
          const FormKernels& kernels = set.kernels.forms.front();
          const FormParameters parameters = Defaults(FormAt(0));
          const RowOutputs<TypeParam> expected = batch.Run(kernels, parameters);
          batch.StrideClasses();
          ExpectSameOutputs(WithRowsTogether(batch.Run(kernels, parameters), rows, classes),
                            expected, what);
          batch.Stream();
          ExpectSameOutputs(WithRowsTogether(batch.Run(kernels, parameters), rows, classes),
                            expected, what + ", streamed");
          batch.LeaveOutMatrices();
          const RowOutputs<TypeParam> numbers = batch.Run(kernels, parameters);
          ExpectSameBits(numbers.losses, expected.losses, what + ", losses alone");
          ExpectSameBits(numbers.true_gradient, expected.true_gradient, what + ", losses alone");
        }
      }
    }
  }
}

TYPED_TEST(ClassIdRowsTest, AnUnweightedRowIsZeroWhateverItHolds) {
  for (const InstructionSet& set : SupportedSets()) {
    for (size_t form = 0; form < set.kernels.forms.size(); ++form) {
      if (!HardRows<TypeParam>::IsServedBy(set.kernels.forms[form])) continue;
      const FormInfo& info = FormAt(static_cast<int>(form));
      for (const int64_t classes : {3, 16, 40}) {
        HardRows<TypeParam> batch(4, classes, 3);
        batch.Ignore(2);
        batch.row(2)[1] = std::numeric_limits<TypeParam>::quiet_NaN();
        const RowOutputs<TypeParam> out = batch.Run(set.kernels.forms[form], Defaults(info));
        EXPECT_EQ(out.losses[3], TypeParam{0}) << set.name << " " << info.name;
        for (size_t k = 0; k < static_cast<size_t>(classes); ++k) {
          EXPECT_EQ(out.gradient[1 + 2 * static_cast<size_t>(classes) + k], TypeParam{0})
              << set.name << " " << info.name;
          EXPECT_EQ(out.hessian[1 + 2 * static_cast<size_t>(classes) + k], TypeParam{0})
              << set.name << " " << info.name;
        }
      }
    }
  }
}

}  // namespace
}  // namespace lossd::kernels
