#include <cstddef>
#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <type_traits>
#include <vector>

#include "gtest/gtest.h"
#include "server/kernels/dispatch.h"
#include "server/kernels/elements.h"
#include "server/kernels/stores.h"
#include "tests/server/kernels/instruction_sets.h"

namespace lossd::kernels {
namespace {

enum class LabelKind { kHard, kSoft };

template <typename T>
constexpr bool kIsFloat = std::is_same_v<T, float>;

template <typename T>
auto KernelOf(const FormKernels& kernels) {
  if constexpr (kIsFloat<T>) {
    return kernels.elements_f32;
  } else {
    return kernels.elements_f64;
  }
}

// What a kernel is asked for beside losses and gradient.
enum class Wanted { kNothing, kEverything };

// Elements in arrays that start `offset` elements off.
template <typename T>
struct DrawnElements {
  DrawnElements(int64_t count, size_t offset, LabelKind labels, uint64_t seed) : begin(offset) {
    std::mt19937_64 random(seed);
    std::normal_distribution<double> normal(0, 8);
    std::uniform_real_distribution<double> uniform(0, 1);
    for (size_t n = 0; n < offset + static_cast<size_t>(count); ++n) {
      logits.push_back(static_cast<T>(normal(random)));
      sign.push_back(random() % 3 == 0 ? T(1) : T(-1));
      // Some registers have soft targets alone, others a mixture.
      const bool is_soft = n / 64 % 2 == 0 || random() % 3 == 0;
      targets.push_back(is_soft ? static_cast<T>(uniform(random)) : (sign[n] + 1) / 2);
    }
    // Special values go where one part of an array ends and the next begins, and into the last,
    // short register.
    using Limits = std::numeric_limits<T>;
    const std::vector<T> special = {Limits::quiet_NaN(),
                                    Limits::infinity(),
                                    -Limits::infinity(),
                                    T(0),
                                    T(-0.0),
                                    Limits::denorm_min(),
                                    T(1000),
                                    T(-1000)};
    for (size_t n = 0; n < special.size(); ++n) {
      logits[offset + 252 + n] = special[n];
      logits[logits.size() - 1 - n] = special[n];
    }
    elements.count = count;
    elements.logits = logits.data() + offset;
    if (labels == LabelKind::kHard) {
      elements.sign = sign.data() + offset;
    } else {
      elements.targets = targets.data() + offset;
    }
    elements.factors = {T(0.25), T(0.75), T(2), T(0.5), T(0.5)};
  }

  // Returns the losses and the gradient, and where everything is wanted what else there is.
  std::vector<Array<T>> Run(const FormKernels& kernels, const FormParameters& parameters,
                            Wanted wanted) {
    const bool all = wanted == Wanted::kEverything;
    std::vector<Array<T>> results(all ? 6 : 2, Array<T>(logits.size()));
    elements.losses = results[0].data() + begin;
    elements.gradient = results[1].data() + begin;
    elements.hessian = all ? results[2].data() + begin : nullptr;
    elements.probabilities = all ? results[3].data() + begin : nullptr;
    elements.true_probability = all ? results[4].data() + begin : nullptr;
    elements.true_gradient = all ? results[5].data() + begin : nullptr;
    KernelOf<T>(kernels)(elements, parameters);
    return results;
  }

  size_t begin;
  std::vector<T> logits;
  std::vector<T> sign;
  std::vector<T> targets;
  Elements<T> elements;
};

// Calls f(set, kernels, info, labels) for each form and the labels that its kernel takes.
template <typename T, typename F>
void ForEachForm(const InstructionSet& set, F f) {
  for (size_t form = 0; form < set.kernels.forms.size(); ++form) {
    const FormKernels& kernels = set.kernels.forms[form];
    if (KernelOf<T>(kernels) == nullptr) continue;
    const FormInfo& info = FormAt(static_cast<int>(form));
    f(form, info, LabelKind::kHard);
    if (kIsFloat<T>) f(form, info, LabelKind::kSoft);
  }
}

template <typename T>
class ElementKernelTest : public ::testing::Test {};
using ElementTypes = ::testing::Types<float, double>;
TYPED_TEST_SUITE(ElementKernelTest, ElementTypes);

TYPED_TEST(ElementKernelTest, GivesTheSameBitsWhateverElseIsWanted) {
  for (const InstructionSet& set : SupportedSets()) {
    ForEachForm<TypeParam>(set, [&](size_t form, const FormInfo& info, LabelKind labels) {
      const FormKernels& kernels = set.kernels.forms[form];
      for (const size_t offset : {size_t{0}, size_t{1}}) {
        DrawnElements<TypeParam> batch(277, offset, labels, 6);
        const auto all = batch.Run(kernels, Defaults(info), Wanted::kEverything);
        const auto few = batch.Run(kernels, Defaults(info), Wanted::kNothing);
        batch.elements.stores = Stores::kStreaming;
        const auto streamed = batch.Run(kernels, Defaults(info), Wanted::kNothing);
        for (size_t n = 0; n < 2; ++n) {
          const std::string what = set.name + " " + info.name + " " + std::to_string(n);
          ExpectSameBits(few[n], all[n], what);
          ExpectSameBits(streamed[n], all[n], what + ", streamed");
        }
      }
    });
  }
}

TYPED_TEST(ElementKernelTest, Avx2AndAvx512GiveTheSameBits) {
  const std::vector<InstructionSet> sets = SupportedSets();
  if (sets.size() < 3) GTEST_SKIP() << "this CPU has not both AVX2 and AVX-512";
  ForEachForm<TypeParam>(sets[1], [&](size_t form, const FormInfo& info, LabelKind labels) {
    for (const Wanted wanted : {Wanted::kNothing, Wanted::kEverything}) {
      DrawnElements<TypeParam> batch(1003, 0, labels, 7);
      const auto a = batch.Run(sets[1].kernels.forms[form], Defaults(info), wanted);
      const auto b = batch.Run(sets[2].kernels.forms[form], Defaults(info), wanted);
      for (size_t n = 0; n < a.size(); ++n) {
        ExpectSameBits(a[n], b[n], std::string(info.name) + " " + std::to_string(n));
      }
    }
  });
}

// A target of 0 or 1 has the bits of that label, whatever is beside it.
TEST(SoftTargetsTest, HardOnesHaveTheBitsOfLabels) {
  for (const InstructionSet& set : SupportedSets()) {
    ForEachForm<float>(set, [&](size_t form, const FormInfo& info, LabelKind) {
      const FormKernels& kernels = set.kernels.forms[form];
      DrawnElements<float> soft(1003, 0, LabelKind::kSoft, 8);
      DrawnElements<float> hard(1003, 0, LabelKind::kHard, 8);
      const auto of_targets = soft.Run(kernels, Defaults(info), Wanted::kEverything);
      const auto of_labels = hard.Run(kernels, Defaults(info), Wanted::kEverything);
      for (size_t n = 0; n < 5; ++n) {  // but not of true_gradient, which is by another logit
        Array<float> expected = of_labels[n];
        for (size_t i = 0; i < soft.targets.size(); ++i) {
          const bool is_hard = soft.targets[i] == 0 || soft.targets[i] == 1;
          if (!is_hard) expected[i] = of_targets[n][i];
        }
        ExpectSameBits(of_targets[n], expected, set.name + " " + info.name);
      }
    });
  }
}

// Factors of 0 make results of 0, also beside logits and targets that are not numbers.
TEST(SoftTargetsTest, WeighNothingWhereTheirFactorsAre0) {
  const std::vector<float> zeros(300, 0);
  const std::vector<float> ones(300, 1);
  for (const InstructionSet& set : SupportedSets()) {
    ForEachForm<float>(set, [&](size_t form, const FormInfo& info, LabelKind labels) {
      DrawnElements<float> batch(300, 0, labels, 9);
      for (float& target : batch.targets) target = std::numeric_limits<float>::quiet_NaN();
      batch.elements.positive_weight = batch.elements.negative_weight = zeros.data();
      batch.elements.sample_weight = batch.elements.gradient_scale = batch.elements.hessian_scale =
          ones.data();
      const auto results = batch.Run(set.kernels.forms[form], Defaults(info), Wanted::kEverything);
      for (size_t n = 0; n < 3; ++n) {
        for (size_t i = 0; i < 300; ++i) {
          ASSERT_EQ(results[n][i], 0) << set.name << " " << info.name << " " << n << " " << i;
        }
      }
    });
  }
}

}  // namespace
}  // namespace lossd::kernels
