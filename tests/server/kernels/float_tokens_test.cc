#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "server/kernels/dispatch.h"
#include "server/kernels/policy_tokens.h"
#include "tests/server/kernels/instruction_sets.h"

namespace lossd::kernels {
namespace {

constexpr int64_t kTokens = 4096;

// Everything that a kernel writes, and columns that it reads: usual tokens, and others between.
struct TokenArrays {
  TokenArrays() {
    for (int64_t i = 0; i < kTokens; ++i) {
      const auto x = static_cast<float>(i);
      u.push_back(-6 * std::abs(std::sin(0.37F * x)));
      old.push_back(u.back() + 3 * std::sin(1.7F * x) * (i % 97 == 0 ? 40.0F : 1.0F));
      reference.push_back(u.back() + 1e-3F * x * std::sin(0.9F * x));
      advantage.push_back(i % 11 == 0 ? 0 : std::cos(0.61F * x));
      loss_scale.push_back(i % 7 == 0 ? 0 : 1 + 0.5F * std::sin(x));
      gradient_scale.push_back(loss_scale.back() / 1000);
    }
  }

  FloatTokens Tokens() {
    FloatTokens tokens;
    tokens.count = kTokens;
    tokens.log_p = u.data();
    tokens.old_log_p = old.data();
    tokens.reference_log_p = reference.data();
    tokens.advantage = advantage.data();
    tokens.loss_scale = loss_scale.data();
    tokens.gradient_scale = gradient_scale.data();
    for (Array<float>* array : {&losses, &gradient, &slope, &curvature, &left}) {
      array->assign(static_cast<size_t>(kTokens), 9);
    }
    tokens.losses = losses.data();
    tokens.gradient = gradient.data();
    tokens.slope = slope.data();
    tokens.curvature = curvature.data();
    tokens.left = left.data();
    tokens.sums = &sums;
    return tokens;
  }

  Array<float> u, old, reference, advantage, loss_scale, gradient_scale;
  Array<float> losses, gradient, slope, curvature, left;
  PolicySums sums;
};

void ExpectSameSums(const PolicySums& a, const PolicySums& b) {
  EXPECT_EQ(a.clipped_high, b.clipped_high);
  EXPECT_EQ(a.clipped_low, b.clipped_low);
  EXPECT_EQ(a.dual_clipped, b.dual_clipped);
  EXPECT_EQ(a.ratio, b.ratio);
  EXPECT_EQ(a.ratio_square, b.ratio_square);
  EXPECT_EQ(a.ratio_min, b.ratio_min);
  EXPECT_EQ(a.ratio_max, b.ratio_max);
  EXPECT_EQ(a.kl_k1, b.kl_k1);
  EXPECT_EQ(a.kl_k3, b.kl_k3);
  EXPECT_EQ(a.reference_kl_k1, b.reference_kl_k1);
  EXPECT_EQ(a.reference_kl_k3, b.reference_kl_k3);
}

TEST(FloatTokens, HaveTheSameBitsOnAvx2AndAvx512) {
  const std::vector<InstructionSet> sets = SupportedSets();
  if (sets.size() < 2 || sets.back().name != "AVX-512") GTEST_SKIP() << "this CPU has no AVX-512";
  const KernelTable& wide = sets.back().kernels;
  const KernelTable& narrow = sets[sets.size() - 2].kernels;
  for (size_t form = 0; form < wide.forms.size(); ++form) {
    if (wide.forms[form].policy_f32 == nullptr) continue;
    SCOPED_TRACE(FormAt(static_cast<int>(form)).name);
    for (const KlGradient gradient : {KlGradient::kEstimator, KlGradient::kReverseKl}) {
      TokenArrays of_wide;
      TokenArrays of_narrow;
      FloatTokens a = of_wide.Tokens();
      FloatTokens b = of_narrow.Tokens();
      a.kl = b.kl = {0.3F, KlEstimator::kK3, gradient};
      const FormParameters parameters = Defaults(FormAt(static_cast<int>(form)));
      EXPECT_TRUE(wide.forms[form].policy_f32(a, parameters));
      EXPECT_TRUE(narrow.forms[form].policy_f32(b, parameters));
      ExpectSameBits(of_wide.losses, of_narrow.losses, "losses");
      ExpectSameBits(of_wide.gradient, of_narrow.gradient, "gradient");
      ExpectSameBits(of_wide.slope, of_narrow.slope, "slope");
      ExpectSameBits(of_wide.curvature, of_narrow.curvature, "curvature");
      ExpectSameBits(of_wide.left, of_narrow.left, "left");
      ExpectSameSums(of_wide.sums, of_narrow.sums);
    }
  }
}

TEST(FloatTokens, LeaveNoneWhereAllAreUsual) {
  for (const InstructionSet& set : SupportedSets()) {
    SCOPED_TRACE(set.name);
    TokenArrays arrays;
    for (size_t i = 0; i < arrays.old.size(); i += 97) arrays.loss_scale[i] = 0;
    const FloatTokens tokens = arrays.Tokens();
    for (size_t form = 0; form < set.kernels.forms.size(); ++form) {
      const auto run = set.kernels.forms[form].policy_f32;
      if (run == nullptr) continue;
      const FormInfo& info = FormAt(static_cast<int>(form));
      EXPECT_FALSE(run(tokens, Defaults(info))) << info.name;
    }
  }
}

}  // namespace
}  // namespace lossd::kernels
