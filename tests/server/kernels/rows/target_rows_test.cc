#include "server/kernels/target_rows.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "server/kernels/dispatch.h"
#include "server/kernels/piece.h"
#include "server/kernels/stores.h"
#include "server/kernels/workspace.h"
#include "tests/server/kernels/instruction_sets.h"

namespace lossd::kernels {
namespace {

// The results of a batch; matrices end with a guard.
struct TargetOutputs {
  Array<float> losses;
  Array<float> log_sum_exp;
  Array<float> gradient;
  Array<float> probabilities;
  std::vector<uint8_t> left;
};

// How a batch is given and written.
struct Layout {
  Stores stores = Stores::kCached;
  int64_t longest_piece = 0;  // 0: an array
};

constexpr int kShapes = 5;

class TargetBatch {
 public:
  TargetBatch(int64_t rows, int64_t classes) : rows_(rows), classes_(classes) {
    std::mt19937_64 random(3);
    std::normal_distribution<float> normal(0, 4);
    std::uniform_real_distribution<float> share(0, 1);
    for (int64_t n = 0; n < rows * classes; ++n) {
      logits_.push_back(normal(random));
      targets_.push_back(classes > 1 && n % 5 == 0 ? 0 : share(random));
    }
    for (int64_t j = 0; j < classes; ++j) weights_.push_back(share(random) + 0.1F);
    for (int64_t i = 0; i < rows; ++i)
      scales_.push_back(i % 7 == 3 ? 0 : 1 + 0.25 * static_cast<double>(i % 3));
    MakeSpecialRows();
  }

  TargetOutputs Run(const FormKernels& kernels, const FormParameters& parameters, int shape,
                    const Layout& layout) const {
    TargetRows<float> batch;
    batch.row_count = rows_;
    batch.class_count = classes_;
    batch.targets = targets_.data();
    batch.loss_scale = scales_.data();
    batch.gradient_scale = scales_.data();
    batch.stores = layout.stores;
    SetShape(shape, batch);
    std::vector<Piece> pieces;
    const auto size = static_cast<int64_t>(logits_.size() * sizeof(float));
    for (int64_t at = 0; layout.longest_piece != 0 && at < size; at += layout.longest_piece) {
      pieces.push_back({reinterpret_cast<const char*>(logits_.data()) + at, at,
                        std::min(layout.longest_piece, size - at)});
    }
    batch.logits = pieces.empty() ? logits_.data() : nullptr;
    batch.pieces = pieces.data();
    batch.piece_count = static_cast<int64_t>(pieces.size());
    constexpr float kGuard = -77;
    Array<float> workspace(static_cast<size_t>(TargetWorkspaceSize(classes_)) + 1);
    workspace.back() = kGuard;
    batch.workspace = workspace.data();
    TargetOutputs out;
    out.losses.resize(static_cast<size_t>(rows_));
    out.log_sum_exp.resize(static_cast<size_t>(rows_));
    out.left.resize(static_cast<size_t>(rows_), 7);
    for (Array<float>* matrix : {&out.gradient, &out.probabilities}) {
      matrix->assign(logits_.size() + 1, kGuard);
    }
    batch.losses = out.losses.data();
    batch.log_sum_exp = out.log_sum_exp.data();
    batch.gradient = out.gradient.data();
    batch.probabilities = out.probabilities.data();
    batch.left = out.left.data();
    kernels.target_rows_f32(batch, parameters);
    EXPECT_EQ(workspace.back(), kGuard);
    for (const Array<float>* matrix : {&out.gradient, &out.probabilities}) {
      EXPECT_EQ(matrix->back(), kGuard);
      EXPECT_EQ(std::count(matrix->begin(), matrix->end(), kGuard), 1);
    }
    ClearLeft(out);
    return out;
  }

 private:
  // The rows that stand out.
  enum Special : int64_t {
    kEqual = 1,
    kTwice = 2,
    kNan = 4,
    kInfinite = 5,
    kNoTarget = 6,
    kHuge = 8
  };

  float* LogitsOf(int64_t row) { return logits_.data() + row * classes_; }
  float* TargetsOf(int64_t row) { return targets_.data() + row * classes_; }

  void MakeSpecialRows() {
    std::fill_n(LogitsOf(kEqual), classes_, 3.0F);
    // The first and the last class are the largest.
    LogitsOf(kTwice)[0] = LogitsOf(kTwice)[classes_ - 1] = 40;
    LogitsOf(kNan)[classes_ / 2] = std::numeric_limits<float>::quiet_NaN();
    LogitsOf(kInfinite)[classes_ / 2] = std::numeric_limits<float>::infinity();
    std::fill_n(TargetsOf(kNoTarget), classes_, 0.0F);
    std::fill_n(TargetsOf(kHuge), classes_, 1e30F);
  }

  void SetShape(int index, TargetRows<float>& batch) const {
    if (index == 1) batch.scale = 0.7;
    if (index == 2) batch.smoothing = 0.1;
    if (index >= 3) batch.class_weights = weights_.data();
    if (index != 4) return;
    batch.scale = 1.3;
    batch.smoothing = 0.2;
    batch.z_loss = 0.01;
  }

  // Makes the results of rows that are left, which may be anything, 0.
  void ClearLeft(TargetOutputs& out) const {
    for (int64_t i = 0; i < rows_; ++i) {
      const auto row = static_cast<size_t>(i);
      if (out.left[row] == 0) continue;
      out.losses[row] = out.log_sum_exp[row] = 0;
      for (Array<float>* matrix : {&out.gradient, &out.probabilities}) {
        std::fill_n(matrix->begin() + i * classes_, classes_, 0.0F);
      }
    }
  }

  int64_t rows_;
  int64_t classes_;
  std::vector<float> logits_;
  std::vector<float> targets_;
  std::vector<float> weights_;
  std::vector<double> scales_;
};

void ExpectSame(const TargetOutputs& a, const TargetOutputs& b, const std::string& what) {
  EXPECT_EQ(a.left, b.left) << what;
  ExpectSameBits(a.losses, b.losses, what + ", losses");
  ExpectSameBits(a.log_sum_exp, b.log_sum_exp, what + ", log_sum_exp");
  ExpectSameBits(a.gradient, b.gradient, what + ", gradient");
  ExpectSameBits(a.probabilities, b.probabilities, what + ", probabilities");
}

constexpr int64_t kClassCounts[] = {1, 2, 10, 17, 32, 33, 64, 65, 300, 777, 2049, 4111};

// Calls f(form, shape, batch, name) for the shapes of each form that has the kernel.
template <typename F>
void ForEachCase(int64_t rows, F f) {
  for (const int64_t classes : kClassCounts) {
    const TargetBatch batch(rows, classes);
    for (int form = 0; form < FormCount(); ++form) {
      if (KernelsAt(form).target_rows_f32 == nullptr) continue;
      for (int shape = 0; shape < kShapes; ++shape) {
        f(static_cast<size_t>(form), shape, batch,
          std::string(FormAt(form).name) + ", shape " + std::to_string(shape) + ", " +
              std::to_string(classes) + " classes");
      }
    }
  }
}

TEST(TargetRowsTest, Avx2AndAvx512GiveTheSameBits) {
  const std::vector<InstructionSet> sets = SupportedSets();
  if (sets.size() < 3) GTEST_SKIP() << "this CPU has not both AVX2 and AVX-512";
  ForEachCase(19, [&](size_t form, int shape, const TargetBatch& batch, const std::string& what) {
    const FormParameters parameters = Defaults(FormAt(static_cast<int>(form)));
    ExpectSame(batch.Run(sets[1].kernels.forms[form], parameters, shape, {}),
               batch.Run(sets[2].kernels.forms[form], parameters, shape, {}), what);
  });
}

TEST(TargetRowsTest, GiveTheSameBitsHoweverTheyLieAndAreWritten) {
  for (const InstructionSet& set : SupportedSets()) {
    ForEachCase(67, [&](size_t form, int shape, const TargetBatch& batch, const std::string& what) {
      const FormParameters parameters = Defaults(FormAt(static_cast<int>(form)));
      const auto run = [&](const Layout& layout) {
        return batch.Run(set.kernels.forms[form], parameters, shape, layout);
      };
      const TargetOutputs expected = run({});
      ExpectSame(run({Stores::kStreaming}), expected, set.name + ", streamed, " + what);
      for (const int64_t longest : {7, 5000}) {
        ExpectSame(run({Stores::kStreaming, longest}), expected, set.name + ", in pieces, " + what);
      }
    });
  }
}

TEST(TargetRowsTest, LeaveRowsThatAreNotOrdinary) {
  for (const InstructionSet& set : SupportedSets()) {
    ForEachCase(19, [&](size_t form, int shape, const TargetBatch& batch, const std::string& what) {
      const FormParameters parameters = Defaults(FormAt(static_cast<int>(form)));
      const TargetOutputs out = batch.Run(set.kernels.forms[form], parameters, shape, {});
      // Rows 3, 10 and 17 weigh nothing, 4 and 5 are not finite, 6 has no target, 8 has huge ones.
      const std::vector<uint8_t> expected = {0, 0, 0, 1, 1, 1, 1, 0, 1, 0,
                                             1, 0, 0, 0, 0, 0, 0, 1, 0};
      EXPECT_EQ(out.left, expected) << set.name << ", " << what;
    });
  }
}

}  // namespace
}  // namespace lossd::kernels
