#include "server/kernels/binary_elements.h"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <type_traits>
#include <vector>

#include "gtest/gtest.h"
#include "server/kernels/dispatch.h"
#include "server/kernels/stores.h"
#include "tests/server/kernels/instruction_sets.h"

namespace lossd::kernels {
namespace {

// Elements of hard labels, in arrays that start `offset` elements off.
template <typename T>
struct HardElements {
  HardElements(int64_t count, size_t offset, uint64_t seed) : begin(offset) {
    std::mt19937_64 random(seed);
    std::normal_distribution<double> normal(0, 8);
    for (size_t n = 0; n < offset + static_cast<size_t>(count); ++n) {
      logits.push_back(static_cast<T>(normal(random)));
      sign.push_back(random() % 3 == 0 ? T(1) : T(-1));
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
    elements.sign = sign.data() + offset;
    elements.factors = {T(0.25), T(0.75), T(2), T(0.5), T(0.5)};
  }

  // Returns the losses, the gradient and, where `wanted` is 3, the probabilities.
  std::vector<Array<T>> Run(const FormKernels& kernels, const FormParameters& parameters,
                            size_t wanted) {
    std::vector<Array<T>> results(wanted, Array<T>(logits.size()));
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

template <typename T>
class BinaryElementsTest : public ::testing::Test {};
using ElementTypes = ::testing::Types<float, double>;
TYPED_TEST_SUITE(BinaryElementsTest, ElementTypes);

TYPED_TEST(BinaryElementsTest, AreTheSameBitsWhateverElseIsWanted) {
  for (const InstructionSet& set : SupportedSets()) {
    for (size_t form = 0; form < set.kernels.forms.size(); ++form) {
      const FormKernels& kernels = set.kernels.forms[form];
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

TYPED_TEST(BinaryElementsTest, Avx2AndAvx512GiveTheSameBits) {
  const std::vector<InstructionSet> sets = SupportedSets();
  if (sets.size() < 3) GTEST_SKIP() << "this CPU has not both AVX2 and AVX-512";
  for (size_t form = 0; form < sets[1].kernels.forms.size(); ++form) {
    if (sets[1].kernels.forms[form].binary_elements_f32 == nullptr) continue;
    const FormInfo& info = FormAt(static_cast<int>(form));
    for (const size_t wanted : {size_t{2}, size_t{3}}) {
      HardElements<TypeParam> batch(1003, 0, 7);
      const auto a = batch.Run(sets[1].kernels.forms[form], Defaults(info), wanted);
      const auto b = batch.Run(sets[2].kernels.forms[form], Defaults(info), wanted);
      for (size_t n = 0; n < wanted; ++n) ExpectSameBits(a[n], b[n], info.name);
    }
  }
}

}  // namespace
}  // namespace lossd::kernels
