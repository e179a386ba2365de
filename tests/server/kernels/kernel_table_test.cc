#include "server/kernels/kernel_table.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "server/kernels/dispatch.h"
#include "server/kernels/signs.h"
#include "server/kernels/workspace.h"
#include "tests/server/kernels/instruction_sets.h"

namespace lossd::kernels {
namespace {

TEST(KernelTableTest, EveryFormHasItsDenseKernels) {
  for (const InstructionSet& set : SupportedSets()) {
    ASSERT_EQ(static_cast<int>(set.kernels.forms.size()), FormCount());
    for (int form = 0; form < FormCount(); ++form) {
      const FormKernels& kernels = set.kernels.forms[static_cast<size_t>(form)];
      EXPECT_EQ(kernels.policy != nullptr, FormAt(form).of_ratio) << FormAt(form).name;
      if (FormAt(form).of_ratio) continue;
      const ActivationSet activations = FormAt(form).activations;
      EXPECT_EQ(kernels.dense_elements != nullptr, activations != ActivationSet::kSoftmaxOnly)
          << set.name << " " << FormAt(form).name;
      if (activations != ActivationSet::kSigmoidOnly) {
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
    const double first = SupportedSets().front().kernels.sums.of_f32(values.data(), count);
    EXPECT_NEAR(first, static_cast<double>(expected), 1e-12 * std::abs(first)) << count;
    for (const InstructionSet& set : SupportedSets()) {
      EXPECT_EQ(set.kernels.sums.of_f32(values.data(), count), first) << set.name << ", " << count;
      EXPECT_EQ(set.kernels.sums.of_f64(doubles.data(), count), first) << set.name << ", " << count;
    }
  }
}

// Sizes around the width of the registers; the largest, or a NaN, at every place.
TEST(SumsTest, OfWeightsCountZerosAndOnes) {
  for (const InstructionSet& set : SupportedSets()) {
    SCOPED_TRACE(set.name);
    for (const int64_t count : {0, 1, 15, 16, 1000, 1003}) {
      std::vector<double> weights;
      for (int64_t i = 0; i < count; ++i) {
        weights.push_back(i % 3 == 0 ? 0 : i % 5 == 0 ? 1e-320 : i % 2 == 0 ? 1 : 0.5);
      }
      const WeightSums sums = set.kernels.sums.of_weights(weights.data(), count);
      EXPECT_EQ(sums.sum, set.kernels.sums.of_f64(weights.data(), count));
      EXPECT_EQ(sums.zeros, std::count(weights.begin(), weights.end(), 0.0));
      EXPECT_EQ(sums.ones, std::count(weights.begin(), weights.end(), 1.0));
      std::vector<uint8_t> marks(weights.size(), 7);
      set.kernels.sums.mark_zeros(weights.data(), count, marks.data());
      for (size_t i = 0; i < marks.size(); ++i) EXPECT_EQ(marks[i], weights[i] == 0 ? 1 : 0);
    }
  }
}

TEST(LargestTest, IsFoundAtEveryPlaceAndTheSameBitsInEverySet) {
  constexpr float kInf = std::numeric_limits<float>::infinity();
  for (const InstructionSet& set : SupportedSets()) {
    const LargestKernels& largest = set.kernels.largest;
    EXPECT_EQ(largest.of_f32(nullptr, 0), -kInf) << set.name;
    for (const int64_t count : {1, 7, 8, 15, 16, 17, 31, 33, 64, 65, 131}) {
      for (int64_t place = 0; place < count; ++place) {
        std::vector<float> values(static_cast<size_t>(count), -3);
        values[static_cast<size_t>(place)] = -2;
        EXPECT_EQ(largest.of_f32(values.data(), count), -2) << set.name << ", " << place;
        std::vector<double> doubles(values.begin(), values.end());
        EXPECT_EQ(largest.of_f64(doubles.data(), count), -2) << set.name << ", " << place;
        values[static_cast<size_t>(place)] = -kInf;
        EXPECT_EQ(largest.of_f32(values.data(), count), count == 1 ? -kInf : -3) << set.name;
        values[static_cast<size_t>(place)] = std::numeric_limits<float>::quiet_NaN();
        doubles.assign(values.begin(), values.end());
        EXPECT_TRUE(std::isnan(largest.of_f32(values.data(), count))) << set.name << ", " << place;
        EXPECT_TRUE(std::isnan(largest.of_f64(doubles.data(), count))) << set.name << ", " << place;
        values.assign(static_cast<size_t>(count), -0.0F);
        EXPECT_FALSE(std::signbit(largest.of_f32(values.data(), count))) << set.name;
      }
    }
  }
}

TEST(LargestTest, IsFoundInUnalignedMemory) {
  for (const InstructionSet& set : SupportedSets()) {
    for (size_t first = 0; first < 17; ++first) {
      std::vector<float> values(first + 131, -3);
      values[first] = -1;
      EXPECT_EQ(set.kernels.largest.of_f32(&values[first], 131), -1) << set.name << ", " << first;
      const std::vector<double> doubles(values.begin(), values.end());
      EXPECT_EQ(set.kernels.largest.of_f64(&doubles[first], 131), -1) << set.name << ", " << first;
    }
  }
}

constexpr double kSmall = std::numeric_limits<double>::denorm_min();
constexpr double kUnderOne = 1 - std::numeric_limits<double>::epsilon();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

template <typename T, typename Target>
void ExpectSignsOfTargets(int64_t (*sign)(const Target*, int64_t, T*), const std::string& name) {
  const std::vector<Target> kinds = {0,  1, -0.0, static_cast<Target>(0.5), Target(kSmall),
                                     -1, 2, 1,    Target(kUnderOne),        Target(kNan)};
  for (const int64_t count : {0, 1, 15, 16, 17, 512, 1003}) {
    std::vector<Target> targets;
    int64_t hard = 0;
    for (int64_t i = 0; i < count; ++i) {
      targets.push_back(kinds[static_cast<size_t>(i * 7 % 11) % kinds.size()]);
      if (targets.back() == 0 || targets.back() == 1) ++hard;
    }
    std::vector<T> signs(targets.size() + 1, T(5));
    EXPECT_EQ(sign(targets.data(), count, signs.data()), hard) << name << ", " << count;
    for (size_t i = 0; i < targets.size(); ++i) {
      const T expected = targets[i] == 0 ? T(-1) : targets[i] == 1 ? T(1) : signs[i];
      EXPECT_EQ(signs[i], expected) << name << ", " << i << " of " << count;
      EXPECT_EQ(std::abs(signs[i]), 1) << name << ", " << i << " of " << count;
    }
    EXPECT_EQ(signs.back(), 5) << name << ", " << count;
  }
}

template <typename T>
void ExpectSigns(const SignKernels<T>& signs, const std::string& name) {
  ExpectSignsOfTargets(signs.of_f32, name);
  ExpectSignsOfTargets(signs.of_f64, name);
  for (const int64_t count : {0, 1, 15, 16, 17, 512, 1003}) {
    std::vector<int64_t> labels;
    // The label of an ignored element may be anything.
    const std::vector<int64_t> kinds = {
        0, 1, -100, 1, 0, 255, (int64_t{1} << 32) + 1, std::numeric_limits<int64_t>::min(), 0};
    for (int64_t i = 0; i < count; ++i) {
      labels.push_back(kinds[static_cast<size_t>(i * 5 % 11) % kinds.size()]);
    }
    std::vector<T> made(labels.size() + 1, T(5));
    signs.of_labels(labels.data(), count, made.data());
    for (size_t i = 0; i < labels.size(); ++i) {
      const T expected = labels[i] == 0 ? T(-1) : labels[i] == 1 ? T(1) : made[i];
      EXPECT_EQ(made[i], expected) << name << ", " << i << " of " << count;
      EXPECT_EQ(std::abs(made[i]), 1) << name << ", " << i << " of " << count;
    }
    EXPECT_EQ(made.back(), 5) << name << ", " << count;
  }
}

TEST(SignsTest, SayWhichLabelsAreOneAndHowManyTargetsAreHard) {
  for (const InstructionSet& set : SupportedSets()) {
    ExpectSigns(set.kernels.signs_f32, set.name);
    ExpectSigns(set.kernels.signs_f64, set.name);
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
