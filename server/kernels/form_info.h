#ifndef LOSSD_SERVER_KERNELS_FORM_INFO_H_
#define LOSSD_SERVER_KERNELS_FORM_INFO_H_

#include <array>
#include <limits>

namespace lossd::kernels {

inline constexpr int kMaxFormParameters = 4;
inline constexpr double kUnbounded = std::numeric_limits<double>::infinity();

// Parameter values in the order of the form's row; entries past its parameter_count are unused.
using FormParameters = std::array<double, kMaxFormParameters>;

enum class ActivationSet { kSoftmaxAndSigmoid, kSigmoidOnly };

// Whether label smoothing may go with a form.
enum class SmoothingRule { kAllowed, kRefused };

// A parameter must be finite and inside its range. `name` is its field's name in the request.
struct ParameterInfo {
  const char* name = nullptr;
  double default_value = 0;
  double minimum = -kUnbounded;
  double maximum = kUnbounded;
  bool minimum_exclusive = false;
  bool maximum_exclusive = false;
  const char* description = nullptr;
  // Set when a gap cuts the range: what is allowed, in words. 0, or at least 1, is the only kind.
  const char* gap = nullptr;
};

// A form's row in the catalogue: the one place where its name, text, defaults and ranges stand.
struct FormInfo {
  const char* name = nullptr;
  const char* formula = nullptr;
  const char* reference = nullptr;
  ActivationSet activations = ActivationSet::kSoftmaxAndSigmoid;
  int parameter_count = 0;
  std::array<ParameterInfo, kMaxFormParameters> parameters = {};
  SmoothingRule smoothing = SmoothingRule::kAllowed;
};

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_FORM_INFO_H_
