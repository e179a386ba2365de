#include "server/kernels/kernels.h"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <type_traits>
#include <vector>

#include "gtest/gtest.h"
#include "server/kernels/kernel_table.h"

namespace lossd::kernels {
namespace {

// The contract of the kernels themselves: which memory they touch, and that every instruction set
// of one virtual width gives the same bits. What they compute is held against the oracle through
// the losses that are built on them.

struct InstructionSet {
  std::string name;
  KernelTable table;
  Sums sums;
};

std::vector<InstructionSet> SupportedSets() {
#if defined(__x86_64__)
  std::vector<InstructionSet> sets = {{"SSE2", Sse2Kernels(), Sse2Sums()}};
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
    sets.push_back({"AVX2", Avx2Kernels(), Avx2Sums()});
  }
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512cd")) {
    sets.push_back({"AVX-512", Avx512Kernels(), Avx512Sums()});
  }
  return sets;
#else
  return {{"NEON", NeonKernels(), NeonSums()}};
#endif
}

FormParameters Defaults(const FormInfo& form) {
  FormParameters parameters = {};
  for (size_t n = 0; n < static_cast<size_t>(form.parameter_count); ++n) {
    parameters[n] = form.parameters[n].default_value;
  }
  return parameters;
}

constexpr float kGuard = -77;

template <class T>
struct RowOutputs {
  std::vector<T> losses;
  std::vector<T> gradient;
  std::vector<T> hessian;
  std::vector<T> probabilities;
  std::vector<T> log_sum_exp;
  std::vector<double> true_probability;
  std::vector<double> true_gradient;
};

// Rows of hard labels, everything in arrays that start one element off and end with a guard.
template <class T>
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
  void Ignore(int64_t i) { weights_[static_cast<size_t>(i)] = 0; }

  // Past the caches, instead of into them.
  void Stream() { stores_ = Stores::kStreaming; }
  // All rows' factors as one, instead of columns; every row then weighs 1.
  void ShareFactors() { shares_factors_ = true; }
  // Classes `row_count` apart, rows next to each other.
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

  RowOutputs<T> Run(const FormKernels& kernels, const FormParameters& parameters) {
    RowOutputs<T> out;
    const auto row_count = static_cast<size_t>(rows_);
    const size_t elements = row_count * static_cast<size_t>(classes_);
    ClassIdRows<T> batch;
    batch.logits = logits_.data() + 1;
    batch.row_count = rows_;
    batch.class_count = classes_;
    batch.class_ids = ids_.data();
    batch.class_stride = class_stride_;
    batch.stores = stores_;
    if (!shares_factors_) {
      batch.class_weight = weights_.data();
      batch.sample_weight = batch.gradient_scale = batch.hessian_scale = scales_.data();
    }
    std::vector<T> workspace(static_cast<size_t>(RowWorkspaceSize(classes_)));
    batch.workspace = workspace.data();
    batch.losses = Room(&out.losses, row_count);
    batch.gradient = Room(&out.gradient, elements);
    batch.hessian = Room(&out.hessian, elements);
    batch.probabilities = Room(&out.probabilities, elements);
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
  template <class U>
  static U* Room(std::vector<U>* array, size_t size) {
    array->assign(size + 2, U{kGuard});
    return array->data() + 1;
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
  Stores stores_ = Stores::kCached;
  bool shares_factors_ = false;
  std::vector<T> logits_;
  std::vector<int64_t> ids_;
  std::vector<double> weights_;
  std::vector<double> scales_;
};

template <class T>
void ExpectGuardsAndValues(const std::vector<T>& array, const std::string& what) {
  EXPECT_EQ(array.front(), T{kGuard}) << what << ": written before its begin";
  EXPECT_EQ(array.back(), T{kGuard}) << what << ": written past its end";
  for (size_t n = 1; n + 1 < array.size(); ++n) {
    EXPECT_NE(array[n], T{kGuard}) << what << ": entry " << n - 1 << " not written";
  }
}

// Bit for bit, but for the sign of a zero, which the sets' negations give differently.
template <class T>
void ExpectSameBits(const std::vector<T>& a, const std::vector<T>& b, const std::string& what) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t n = 0; n < a.size(); ++n) {
    const bool both_are_zero = a[n] == 0 && b[n] == 0;
    if (both_are_zero || std::memcmp(&a[n], &b[n], sizeof(T)) == 0) continue;
    ADD_FAILURE() << what << "[" << n << "]: " << testing::PrintToString(a[n]) << " and "
                  << testing::PrintToString(b[n]);
    return;
  }
}

template <class T>
void ExpectSameBits(const RowOutputs<T>& a, const RowOutputs<T>& b, const std::string& what) {
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

template <class T>
class KernelsTest : public ::testing::Test {};
using ElementTypes = ::testing::Types<float, double>;
TYPED_TEST_SUITE(KernelsTest, ElementTypes);

TYPED_TEST(KernelsTest, WritesEveryOutputAndNothingAroundIt) {
  for (const InstructionSet& set : SupportedSets()) {
    for (size_t form = 0; form < set.table.size(); ++form) {
      const FormKernels& kernels = set.table[form];
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

TYPED_TEST(KernelsTest, Avx2AndAvx512GiveTheSameBits) {
  const std::vector<InstructionSet> sets = SupportedSets();
  if (sets.size() < 3) GTEST_SKIP() << "this CPU has not both AVX2 and AVX-512";
  for (size_t form = 0; form < sets[1].table.size(); ++form) {
    const FormInfo& info = FormAt(static_cast<int>(form));
    if (!HardRows<TypeParam>::IsServedBy(sets[1].table[form])) continue;
    for (const int64_t classes : kClassCounts) {
      HardRows<TypeParam> batch(19, classes, 2);
      const FormParameters parameters = Defaults(info);
      ExpectSameBits(batch.Run(sets[1].table[form], parameters),
                     batch.Run(sets[2].table[form], parameters),
                     std::string(info.name) + ", " + std::to_string(classes) + " classes");
    }
  }
}

// Where results go and how factors are given changes no bit.
TYPED_TEST(KernelsTest, StreamedStoresAndSharedFactorsGiveTheSameBits) {
  for (const InstructionSet& set : SupportedSets()) {
    for (const int64_t classes : kClassCounts) {
      const std::string what = set.name + ", " + std::to_string(classes) + " classes";
      HardRows<TypeParam> batch(70, classes, 4);
      const FormKernels& kernels = set.table.front();
      const FormParameters parameters = Defaults(FormAt(0));
      const RowOutputs<TypeParam> expected = batch.Run(kernels, parameters);
      batch.Stream();
      ExpectSameBits(batch.Run(kernels, parameters), expected, what + ", streamed");
      batch.ShareFactors();
      ExpectSameBits(batch.Run(kernels, parameters), expected, what + ", shared factors");
    }
  }
}

// Rows are written a cache line at a time while others are reduced: lines that two rows share, rows
// of several chunks, and rows too long to be two in the caches.
TYPED_TEST(KernelsTest, RowsStreamedInTurnGiveTheSameBits) {
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
        const FormKernels& kernels = set.table.front();
        const FormParameters parameters = Defaults(FormAt(0));
        const RowOutputs<TypeParam> expected = batch.Run(kernels, parameters);
        batch.Stream();
        const RowOutputs<TypeParam> streamed = batch.Run(kernels, parameters);
        ExpectSameBits(streamed.gradient, expected.gradient, what);
        ExpectGuardsAndValues(streamed.gradient, what);
        EXPECT_EQ(streamed.gradient[static_cast<size_t>(1 + ignored * classes + 3)], 0) << what;
      }
    }
  }
}

TYPED_TEST(KernelsTest, StridedClassesGiveTheSameBits) {
  for (const InstructionSet& set : SupportedSets()) {
    for (int64_t classes = 1; classes <= kMaxStridedClasses; ++classes) {
      for (const int64_t rows : {1, 16, 63, 64, 65, 192}) {
        const std::string what =
            set.name + ", " + std::to_string(rows) + "x" + std::to_string(classes);
        HardRows<TypeParam> batch(rows, classes, 5);
        const FormKernels& kernels = set.table.front();
        const FormParameters parameters = Defaults(FormAt(0));
        const RowOutputs<TypeParam> expected = batch.Run(kernels, parameters);
        batch.StrideClasses();
        RowOutputs<TypeParam> actual = batch.Run(kernels, parameters);
        for (auto* matrix : {&actual.gradient, &actual.hessian, &actual.probabilities}) {
          std::vector<TypeParam> moved = *matrix;
          for (int64_t n = 0; n < rows * classes; ++n) {
            moved[static_cast<size_t>(1 + n % rows * classes + n / rows)] =
                (*matrix)[static_cast<size_t>(1 + n)];
          }
          *matrix = moved;
        }
        ExpectSameBits(actual, expected, what);
      }
    }
  }
}

// Elements of hard labels, on an array that starts `offset` elements off.
template <class T>
struct HardElements {
  HardElements(int64_t count, size_t offset, uint64_t seed) : begin(offset) {
    std::mt19937_64 random(seed);
    std::normal_distribution<double> normal(0, 8);
    for (size_t n = 0; n < offset + static_cast<size_t>(count); ++n) {
      logits.push_back(static_cast<T>(normal(random)));
      sign.push_back(random() % 3 == 0 ? T(1) : T(-1));
    }
    elements.count = count;
    elements.logits = logits.data() + offset;
    elements.sign = sign.data() + offset;
    elements.factors = {T(0.25), T(0.75), T(2), T(0.5), T(0.5)};
  }

  // Losses, gradient and, where it is `wanted`, the probabilities.
  std::vector<std::vector<T>> Run(const FormKernels& kernels, const FormParameters& parameters,
                                  size_t wanted) {
    std::vector<std::vector<T>> results(wanted, std::vector<T>(logits.size()));
    elements.losses = results[0].data() + begin;
    elements.gradient = results[1].data() + begin;
    elements.probabilities = wanted > 2 ? results[2].data() + begin : nullptr;
    if constexpr (std::is_same_v<T, float>) {
      kernels.binary_elements_f32(elements, parameters);
    } else {
      kernels.binary_elements_f64(elements, parameters);
    }
    return results;
  }

  size_t begin;
  std::vector<T> logits;
  std::vector<T> sign;
  BinaryElements<T> elements;
};

TYPED_TEST(KernelsTest, ElementsAreTheSameBitsWhateverElseIsWanted) {
  for (const InstructionSet& set : SupportedSets()) {
    for (size_t form = 0; form < set.table.size(); ++form) {
      const FormKernels& kernels = set.table[form];
      if (kernels.binary_elements_f32 == nullptr) continue;
      const FormInfo& info = FormAt(static_cast<int>(form));
      for (const size_t offset : {size_t{0}, size_t{1}}) {
        HardElements<TypeParam> batch(277, offset, 6);
        const auto all = batch.Run(kernels, Defaults(info), 3);
        const auto few = batch.Run(kernels, Defaults(info), 2);
        batch.elements.stores = Stores::kStreaming;
        const auto streamed = batch.Run(kernels, Defaults(info), 2);
        for (size_t n = 0; n < 2; ++n) {
          const std::string what = set.name + " " + info.name + " " + std::to_string(n);
          ExpectSameBits(few[n], all[n], what);
          ExpectSameBits(streamed[n], all[n], what + ", streamed");
        }
      }
    }
  }
}

TYPED_TEST(KernelsTest, Avx2AndAvx512GiveTheSameBitsOfElements) {
  const std::vector<InstructionSet> sets = SupportedSets();
  if (sets.size() < 3) GTEST_SKIP() << "this CPU has not both AVX2 and AVX-512";
  for (size_t form = 0; form < sets[1].table.size(); ++form) {
    if (sets[1].table[form].binary_elements_f32 == nullptr) continue;
    const FormInfo& info = FormAt(static_cast<int>(form));
    for (const size_t wanted : {size_t{2}, size_t{3}}) {
      HardElements<TypeParam> batch(1003, 0, 7);
      const auto a = batch.Run(sets[1].table[form], Defaults(info), wanted);
      const auto b = batch.Run(sets[2].table[form], Defaults(info), wanted);
      for (size_t n = 0; n < wanted; ++n) ExpectSameBits(a[n], b[n], info.name);
    }
  }
}

TYPED_TEST(KernelsTest, AnUnweightedRowIsZeroWhateverItHolds) {
  for (const InstructionSet& set : SupportedSets()) {
    for (size_t form = 0; form < set.table.size(); ++form) {
      if (!HardRows<TypeParam>::IsServedBy(set.table[form])) continue;
      const FormInfo& info = FormAt(static_cast<int>(form));
      for (const int64_t classes : {3, 16, 40}) {
        HardRows<TypeParam> batch(4, classes, 3);
        batch.Ignore(2);
        batch.row(2)[1] = std::numeric_limits<TypeParam>::quiet_NaN();
        const RowOutputs<TypeParam> out = batch.Run(set.table[form], Defaults(info));
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

TEST(KernelTableTest, EveryFormHasItsDenseKernels) {
  for (const InstructionSet& set : SupportedSets()) {
    ASSERT_EQ(static_cast<int>(set.table.size()), FormCount());
    for (int form = 0; form < FormCount(); ++form) {
      const FormKernels& kernels = set.table[static_cast<size_t>(form)];
      EXPECT_NE(kernels.dense_elements, nullptr) << set.name << " " << FormAt(form).name;
      if (FormAt(form).activations == ActivationSet::kSoftmaxAndSigmoid) {
        EXPECT_NE(kernels.dense_row, nullptr) << set.name << " " << FormAt(form).name;
      }
    }
  }
}

TEST(KernelTableTest, TheBestSetOfThisCpuOrTheOneAskedForIsUsed) {
  const std::string name = InstructionSetName();
  const char* const asked = std::getenv("LOSSD_SIMD");
  if (asked == nullptr) {
    EXPECT_EQ(name.substr(0, 4), SupportedSets().back().name.substr(0, 4));
  } else if (std::string(asked) == "sse2") {
    EXPECT_EQ(name, "SSE2");
  }
}

TEST(SumsTest, AreInDoubleAndTheSameBitsInEverySet) {
  std::mt19937_64 random(8);
  std::normal_distribution<float> normal(1e6F, 1e6F);
  for (const int64_t count : {0, 1, 15, 16, 17, 31, 32, 8192, 10007}) {
    std::vector<float> values;
    long double expected = 0;
    for (int64_t i = 0; i < count; ++i) {
      values.push_back(normal(random));
      expected += static_cast<long double>(values.back());
    }
    const std::vector<double> doubles(values.begin(), values.end());
    const double first = SupportedSets().front().sums.of_f32(values.data(), count);
    EXPECT_NEAR(first, static_cast<double>(expected), 1e-12 * std::abs(first)) << count;
    for (const InstructionSet& set : SupportedSets()) {
      EXPECT_EQ(set.sums.of_f32(values.data(), count), first) << set.name << ", " << count;
      EXPECT_EQ(set.sums.of_f64(doubles.data(), count), first) << set.name << ", " << count;
    }
  }
}

TEST(KernelTableTest, PaddedSizesAreWholeLanes) {
  EXPECT_EQ(PaddedSize(0), 0);
  EXPECT_EQ(PaddedSize(1), kLanes);
  EXPECT_EQ(PaddedSize(kLanes), kLanes);
  EXPECT_EQ(PaddedSize(kLanes + 1), 2 * kLanes);
  EXPECT_EQ(PaddedSize(int64_t{1} << 40), int64_t{1} << 40);
}

}  // namespace
}  // namespace lossd::kernels
