#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <type_traits>
#include <vector>

#include "gtest/gtest.h"
#include "server/kernels/dispatch.h"
#include "server/kernels/piece.h"
#include "server/kernels/row_shape.h"
#include "server/kernels/stores.h"
#include "server/kernels/workspace.h"
#include "tests/server/kernels/instruction_sets.h"

namespace lossd::kernels {
namespace {

// The results of a batch; matrices end with a guard.
template <typename T>
struct ShapedOutputs {
  Array<T> losses;
  Array<T> gradient;
  Array<T> hessian;
  Array<T> probabilities;
  Array<double> gradient_l1;
};

// How a batch is given and written.
struct Layout {
  Stores stores = Stores::kCached;
  bool strided = false;
  int64_t longest_piece = 0;  // 0: an array
  bool gradient_alone = false;
};

// A class's numbers, for any shape.
template <typename T>
struct ClassNumbers {
  explicit ClassNumbers(int64_t classes) {
    std::mt19937_64 random(17);
    std::uniform_real_distribution<double> number(0.1, 3);
    for (int64_t j = 0; j < classes; ++j) {
      addends.push_back(static_cast<T>(-number(random)));
      weights.push_back(static_cast<T>(number(random)));
      margins.push_back(number(random));
      log_counts.push_back(static_cast<T>(2 * number(random)));
      weight_sum += static_cast<double>(weights.back());
    }
  }

  std::vector<T> addends;
  std::vector<T> weights;
  std::vector<double> margins;
  std::vector<T> log_counts;
  double weight_sum = 0;
};

constexpr int kShapes = 9;

template <typename T>
RowShape<T> ShapeAt(int index, const ClassNumbers<T>& numbers) {
  RowShape<T> shape;
  const auto smooth = [&] {
    shape.smoothing = 0.1;
    shape.class_weights = numbers.weights.data();
    shape.class_weight_sum = numbers.weight_sum;
  };
  if (index == 1) shape.scale = 0.7;
  if (index == 2) shape.softcap = 5;
  if (index == 3) shape.addends = numbers.addends.data();
  if (index == 4) shape.margins = numbers.margins.data();
  if (index == 5) shape.seesaw = {numbers.log_counts.data(), 0.8, 2, -4.6};
  if (index == 6) shape.smoothing = 0.1;
  if (index == 7) smooth();
  if (index == 8) {
    shape.scale = 1.3;
    shape.softcap = 3;
    shape.z_loss = 0.01;
    shape.addends = numbers.addends.data();
    smooth();
  }
  return shape;
}

template <typename T>
class ShapedBatch {
 public:
  ShapedBatch(int64_t rows, int64_t classes) : rows_(rows), classes_(classes) {
    std::mt19937_64 random(3);
    std::normal_distribution<double> normal(0, 4);
    std::uniform_int_distribution<int64_t> any_class(0, classes - 1);
    for (int64_t n = 0; n < rows * classes; ++n) logits_.push_back(static_cast<T>(normal(random)));
    for (int64_t i = 0; i < rows; ++i) ids_.push_back(any_class(random));
  }

  // Returns the results of rows that follow each other, whatever the layout is.
  ShapedOutputs<T> Run(const FormKernels& kernels, const FormParameters& parameters,
                       const RowShape<T>& shape, const Layout& layout) const {
    const auto row_count = static_cast<size_t>(rows_);
    const size_t elements = row_count * static_cast<size_t>(classes_);
    ClassIdRows<T> batch;
    batch.row_count = rows_;
    batch.class_count = classes_;
    batch.class_ids = ids_.data();
    batch.stores = layout.stores;
    batch.curvature = Curvature::kPositive;
    std::vector<T> logits = logits_;
    if (layout.strided) batch.class_stride = rows_;
    if (layout.strided) Move(logits, logits_, Direction::kToColumns);
    std::vector<Piece> pieces;
    const auto size = static_cast<int64_t>(elements * sizeof(T));
    for (int64_t at = 0; layout.longest_piece != 0 && at < size; at += layout.longest_piece) {
      pieces.push_back({reinterpret_cast<const char*>(logits.data()) + at, at,
                        std::min(layout.longest_piece, size - at)});
    }
    batch.logits = pieces.empty() ? logits.data() : nullptr;
    batch.pieces = pieces.data();
    batch.piece_count = static_cast<int64_t>(pieces.size());
    constexpr T kGuard = T(-77);
    Array<T> workspace(static_cast<size_t>(ShapedWorkspaceSize(classes_, shape.softcap)) + 1);
    workspace.back() = kGuard;
    batch.workspace = workspace.data();
    ShapedOutputs<T> out;
    out.losses.resize(row_count);
    out.gradient_l1.resize(row_count);
    for (Array<T>* matrix : {&out.gradient, &out.hessian, &out.probabilities}) {
      matrix->assign(elements + 1, kGuard);
    }
    batch.losses = out.losses.data();
    batch.gradient = out.gradient.data();
    batch.hessian = out.hessian.data();
    batch.probabilities = out.probabilities.data();
    batch.gradient_l1 = out.gradient_l1.data();
    if (layout.gradient_alone) {
      batch.hessian = batch.probabilities = nullptr;
      batch.gradient_l1 = nullptr;
      out.hessian.clear();
      out.probabilities.clear();
    }
    Call(kernels, batch, shape, parameters);
    EXPECT_EQ(workspace.back(), kGuard);
    for (Array<T>* matrix : {&out.gradient, &out.hessian, &out.probabilities}) {
      if (matrix->empty()) continue;
      EXPECT_EQ(matrix->back(), kGuard);
      EXPECT_EQ(std::count(matrix->begin(), matrix->end(), kGuard), 1);
      const std::vector<T> strided(matrix->begin(), matrix->end() - 1);
      if (layout.strided) Move(*matrix, strided, Direction::kToRows);
    }
    return out;
  }

 private:
  enum class Direction { kToColumns, kToRows };

  template <typename To>
  void Move(To& to, const std::vector<T>& from, Direction direction) const {
    for (int64_t i = 0; i < rows_; ++i) {
      for (int64_t j = 0; j < classes_; ++j) {
        const auto in_row = static_cast<size_t>(i * classes_ + j);
        const auto in_column = static_cast<size_t>(j * rows_ + i);
        if (direction == Direction::kToColumns) to[in_column] = from[in_row];
        if (direction == Direction::kToRows) to[in_row] = from[in_column];
      }
    }
  }

  static void Call(const FormKernels& kernels, const ClassIdRows<T>& batch,
                   const RowShape<T>& shape, const FormParameters& parameters) {
    if constexpr (std::is_same_v<T, float>) {
      kernels.shaped_rows_f32(batch, shape, parameters);
    } else {
      kernels.shaped_rows_f64(batch, shape, parameters);
    }
  }

  int64_t rows_;
  int64_t classes_;
  std::vector<T> logits_;
  std::vector<int64_t> ids_;
};

template <typename T>
void ExpectSame(const ShapedOutputs<T>& a, const ShapedOutputs<T>& b, const std::string& what) {
  ExpectSameBits(a.losses, b.losses, what + ", losses");
  ExpectSameBits(a.gradient, b.gradient, what + ", gradient");
  ExpectSameBits(a.hessian, b.hessian, what + ", hessian");
  ExpectSameBits(a.probabilities, b.probabilities, what + ", probabilities");
  ExpectSameBits(a.gradient_l1, b.gradient_l1, what + ", gradient_l1");
}

constexpr int64_t kClassCounts[] = {1, 2, 10, 17, 32, 33, 64, 65, 300, 777, 2049, 4111};

// Calls f(form, shape, batch, name) for the shapes of each form that has them.
template <typename T, typename F>
void ForEachCase(int64_t rows, F f) {
  for (const int64_t classes : kClassCounts) {
    const ShapedBatch<T> batch(rows, classes);
    const ClassNumbers<T> numbers(classes);
    for (int form = 0; form < FormCount(); ++form) {
      const FormKernels& kernels = KernelsAt(form);
      if (kernels.shaped_rows_f32 == nullptr) continue;
      for (int index = 0; index < kShapes; ++index) {
        const RowShape<T> shape = ShapeAt(index, numbers);
        if (shape.smoothing != 0 && !kernels.smooths_hard_labels) continue;
        f(static_cast<size_t>(form), shape, batch,
          std::string(FormAt(form).name) + ", shape " + std::to_string(index) + ", " +
              std::to_string(classes) + " classes");
      }
    }
  }
}

template <typename T>
class ShapedRowsTest : public ::testing::Test {};
using ElementTypes = ::testing::Types<float, double>;
TYPED_TEST_SUITE(ShapedRowsTest, ElementTypes);

TYPED_TEST(ShapedRowsTest, Avx2AndAvx512GiveTheSameBits) {
  const std::vector<InstructionSet> sets = SupportedSets();
  if (sets.size() < 3) GTEST_SKIP() << "this CPU has not both AVX2 and AVX-512";
  ForEachCase<TypeParam>(
      19, [&](size_t form, const auto& shape, const auto& batch, const std::string& what) {
        const FormParameters parameters = Defaults(FormAt(static_cast<int>(form)));
        ExpectSame(batch.Run(sets[1].kernels.forms[form], parameters, shape, {}),
                   batch.Run(sets[2].kernels.forms[form], parameters, shape, {}), what);
      });
}

TYPED_TEST(ShapedRowsTest, GiveTheSameGradientWhateverElseIsWanted) {
  for (const InstructionSet& set : SupportedSets()) {
    ForEachCase<TypeParam>(
        67, [&](size_t form, const auto& shape, const auto& batch, const std::string& what) {
          const FormParameters parameters = Defaults(FormAt(static_cast<int>(form)));
          const auto expected = batch.Run(set.kernels.forms[form], parameters, shape, {});
          Layout layout;
          layout.gradient_alone = true;
          for (const Stores stores : {Stores::kCached, Stores::kStreaming}) {
            layout.stores = stores;
            const auto alone = batch.Run(set.kernels.forms[form], parameters, shape, layout);
            ExpectSameBits(alone.gradient, expected.gradient, set.name + ", gradient, " + what);
            ExpectSameBits(alone.losses, expected.losses, set.name + ", losses, " + what);
          }
        });
  }
}

TYPED_TEST(ShapedRowsTest, GiveTheSameBitsHoweverTheyLieAndAreWritten) {
  for (const InstructionSet& set : SupportedSets()) {
    ForEachCase<TypeParam>(
        67, [&](size_t form, const auto& shape, const auto& batch, const std::string& what) {
          if (form > 2) return;  // the others have the same kernel
          const FormParameters parameters = Defaults(FormAt(static_cast<int>(form)));
          const auto run = [&](const Layout& layout) {
            return batch.Run(set.kernels.forms[form], parameters, shape, layout);
          };
          const auto expected = run({});
          ExpectSame(run({Stores::kStreaming}), expected, set.name + ", streamed, " + what);
          for (const int64_t longest : {7, 5000}) {
            ExpectSame(run({Stores::kStreaming, false, longest}), expected,
                       set.name + ", in pieces, " + what);
          }
          if (expected.gradient.size() > 67 * kMaxStridedClasses + 1) return;
          ExpectSame(run({Stores::kCached, true}), expected, set.name + ", strided, " + what);
        });
  }
}

}  // namespace
}  // namespace lossd::kernels
