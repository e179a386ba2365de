#ifndef LOSSD_SERVER_LOSS_FLOAT_VIEW_H_
#define LOSSD_SERVER_LOSS_FLOAT_VIEW_H_

#include <cstdint>
#include <variant>

#include "absl/types/span.h"

namespace lossd::loss {

// Row-major elements of either computed type, which the alternative tells.
using FloatView = std::variant<absl::Span<const float>, absl::Span<const double>>;
using MutableFloatView = std::variant<absl::Span<float>, absl::Span<double>>;

template <typename View>
int64_t SizeOf(const View& view) {
  return std::visit([](auto span) { return static_cast<int64_t>(span.size()); }, view);
}

}  // namespace lossd::loss

#endif  // LOSSD_SERVER_LOSS_FLOAT_VIEW_H_
