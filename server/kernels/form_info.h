#ifndef LOSSD_SERVER_KERNELS_FORM_INFO_H_
#define LOSSD_SERVER_KERNELS_FORM_INFO_H_

#include <array>
#include <cstddef>

#include "server/kernels/range.h"

namespace lossd::kernels {

inline constexpr int kMaxFormParameters = 4;

// Parameter values in the order of the form's row; entries past its parameter_count are unused.
using FormParameters = std::array<double, kMaxFormParameters>;

enum class ActivationSet { kSoftmaxAndSigmoid, kSigmoidOnly, kSoftmaxOnly };

// The rule for label smoothing.
enum class SmoothingRule { kAllowed, kRefused };

// The rule for the targets of a softmax row, beyond that they are finite and ≥ 0. kOfEveryClass: a
// target for each class, and no integer labels.
enum class TargetRule { kAny, kSumToOne, kOfEveryClass };

// A parameter of a form. `name` is its field's name in the request.
struct ParameterInfo {
  const char* name = nullptr;
  double default_value = 0;
  Range range;
  const char* description = nullptr;
  bool has_default = true;  // else nothing stands for it, and the value ∞ says so
};

constexpr ParameterInfo Parameter(const char* name, double default_value, const Range& range,
                                  const char* description) {
  return {name, default_value, range, description};
}

constexpr ParameterInfo OptionalParameter(const char* name, const Range& range,
                                          const char* description) {
  return {name, Range::kUnbounded, range, description, false};
}

// A form's row in the catalogue, the one place for its name, text, defaults, ranges and rules:
//   FormInfo{"poly1", "sum_k a_k (...)", "Leng et al. 2022, ..."}.With(Parameter("epsilon", ...))
struct FormInfo {
  constexpr FormInfo With(const ParameterInfo& parameter) const {
    FormInfo row = *this;
    row.parameters[static_cast<size_t>(row.parameter_count++)] = parameter;
    return row;
  }
  constexpr FormInfo SigmoidOnly() const {
    FormInfo row = *this;
    row.activations = ActivationSet::kSigmoidOnly;
    return row;
  }
  constexpr FormInfo SoftmaxOnly() const {
    FormInfo row = *this;
    row.activations = ActivationSet::kSoftmaxOnly;
    return row;
  }
  constexpr FormInfo WithoutSmoothing() const {
    FormInfo row = *this;
    row.smoothing = SmoothingRule::kRefused;
    return row;
  }
  constexpr FormInfo WithTargetsThatSumToOne() const {
    FormInfo row = *this;
    row.targets = TargetRule::kSumToOne;
    return row;
  }
  constexpr FormInfo WithTargetsOfEveryClass() const {
    FormInfo row = *this;
    row.targets = TargetRule::kOfEveryClass;
    return row;
  }
  // It is a function of the ratio of two policies, and needs the rollout's advantages and old
  // log-probabilities, and one true class for each sample.
  constexpr FormInfo OfRatio() const {
    FormInfo row = WithoutSmoothing();
    row.of_ratio = true;
    return row;
  }
  // An option of `form` picks this row; the request has no field for it. Its parameters are the
  // form's.
  constexpr FormInfo VariantOf(const FormInfo& form) const {
    FormInfo row = *this;
    row.variant_of = form.name;
    row.parameter_count = form.parameter_count;
    row.parameters = form.parameters;
    return row;
  }

  const char* name = nullptr;
  const char* formula = nullptr;
  const char* reference = nullptr;
  ActivationSet activations = ActivationSet::kSoftmaxAndSigmoid;
  SmoothingRule smoothing = SmoothingRule::kAllowed;
  TargetRule targets = TargetRule::kAny;
  bool of_ratio = false;
  const char* variant_of = nullptr;  // the name of the other form; null: a form of its own
  int parameter_count = 0;
  std::array<ParameterInfo, kMaxFormParameters> parameters = {};
};

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_FORM_INFO_H_
