#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lossd/v1/compute.pb.h"
#include "tests/server/rpc/from_text.h"
#include "tests/server/rpc/handlers/call_handlers.h"
#include "tests/server/rpc/handlers/compute_calls.h"

namespace lossd::rpc {
namespace {

using ::testing::HasSubstr;

// Multiples of 1/8, which every element type has.
const std::vector<double> kLogits = {-4, -3.5, -1.25, -0.5, 0.125, 0.75, 2, 3.5};
const std::vector<double> kTargets = {0, 0.25, 1, 0, 0.5, 1, 0, 0.75};

struct Asymmetric {
  double gamma_positive = 0;
  double gamma_negative = 0;
  double margin = 0;
};

// The loss at `z` with the factors of `held`, by the definition.
double LossWithFactorsAt(double held, double z, double y, const Asymmetric& form) {
  const auto p = [](double x) { return 1 / (1 + std::exp(-x)); };
  const auto shifted = [&](double x) { return std::max(p(x) - form.margin, 0.0); };
  const double positive = std::pow(1 - p(held), form.gamma_positive) * -std::log(p(z));
  const double negative = std::pow(shifted(held), form.gamma_negative) * -std::log1p(-shifted(z));
  return y * positive + (1 - y) * negative;
}

v1::ComputeResponse ComputeAsymmetric(const Asymmetric& form, absl::string_view type,
                                      bool detaches) {
  return Compute(absl::StrCat(
      "logits { shape: [8] float_values: [", absl::StrJoin(kLogits, ","), "] data_type: ", type,
      " } labels { shape: [8] float_values: [", absl::StrJoin(kTargets, ","),
      "] } loss { activation: ACTIVATION_SIGMOID asymmetric { gamma_positive: ",
      form.gamma_positive, " gamma_negative: ", form.gamma_negative, " margin: ", form.margin,
      " detach_focusing: ", detaches ? "true" : "false",
      " } } outputs { gradient: true hessian_diagonal: true }"));
}

// The derivatives are central differences of the loss whose factors stay where they are.
TEST(DetachedFocusing, HoldsTheFactorsConstant) {
  struct Type {
    const char* name;
    double tolerance;
  };
  for (const Type& type : {Type{"DATA_TYPE_FLOAT64", 1e-8}, Type{"DATA_TYPE_FLOAT32", 1e-6},
                           Type{"DATA_TYPE_FLOAT16", 1e-3}, Type{"DATA_TYPE_BFLOAT16", 1e-2}}) {
    for (const Asymmetric& form : {Asymmetric{1, 4, 0.05}, Asymmetric{0.5, 0.5, 0},
                                   Asymmetric{0, 0, 0.25}, Asymmetric{2, 1.5, 0}}) {
      const v1::ComputeResponse full = ComputeAsymmetric(form, type.name, false);
      const v1::ComputeResponse held = ComputeAsymmetric(form, type.name, true);
      for (int i = 0; i < 8; ++i) {
        SCOPED_TRACE(absl::StrCat(type.name, " margin ", form.margin, " [", i, "]"));
        const double z = kLogits[static_cast<size_t>(i)];
        const auto at = [&](double x) {
          return LossWithFactorsAt(z, x, kTargets[static_cast<size_t>(i)], form);
        };
        const auto first = (at(z + 1e-4) - at(z - 1e-4)) / 2e-4;
        const auto second = (at(z + 1e-3) - 2 * at(z) + at(z - 1e-3)) / 1e-6;
        EXPECT_EQ(held.losses().float_values(i), full.losses().float_values(i));
        EXPECT_NEAR(held.losses().float_values(i), at(z), type.tolerance);
        EXPECT_NEAR(held.gradient().float_values(i), first, type.tolerance);
        EXPECT_NEAR(held.hessian_diagonal().float_values(i), second, type.tolerance + 1e-6);
      }
      const bool focuses = form.gamma_positive + form.gamma_negative > 0;
      EXPECT_EQ(held.gradient().float_values(4) != full.gradient().float_values(4), focuses);
    }
  }
}

TEST(DetachedFocusing, IsRefusedBesideSoftmaxAsTheFormIs) {
  const auto status = CallHandlers()
                          ->Compute(FromText<v1::ComputeRequest>(
                                        "logits { shape: [1, 2] float_values: [1, 2] } labels { "
                                        "int_values: 0 } loss { asymmetric { margin: 1 "
                                        "detach_focusing: true } }"),
                                    {})
                          .status();
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("loss.asymmetric acts with sigmoid only, but the activation is softmax"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("loss.asymmetric.margin = 1"));
}

}  // namespace
}  // namespace lossd::rpc
