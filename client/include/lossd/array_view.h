#ifndef LOSSD_ARRAY_VIEW_H_
#define LOSSD_ARRAY_VIEW_H_

#include <cstdint>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "absl/types/span.h"
#include "xtensor/xarray.hpp"
#include "xtensor/xtensor.hpp"

namespace lossd {

// The extents of an array, outermost first; row-major, the last one varies fastest.
using Shape = std::vector<int64_t>;

// A view of a row-major array: its elements and their shape.
//
// It owns nothing: the elements must outlive the call that the view is passed to. A temporary in
// the argument list of the call lives long enough; one assigned to a view does not.
//
// xtensor's containers convert by themselves. Lazy expressions and views do not, because their
// elements need not lie side by side: pass `xt::eval(expression)`.
//
//   xt::xarray<float> logits = {{2.0f, 1.0f, 0.0f}, {0.0f, 1.0f, 2.0f}};
//   lossd::ArrayView<float> whole = logits;                              // shape [2, 3]
//   lossd::ArrayView<float> flat(absl::MakeConstSpan(buffer), {2, 3});   // any float buffer
//
// The constructor does not compare the shape with the number of values. Every call of Client does,
// and returns INVALID_ARGUMENT before it sends anything.
template <typename T>
class ArrayView {
 public:
  ArrayView() = default;

  ArrayView(absl::Span<const T> values, Shape shape) : values_(values), shape_(std::move(shape)) {}

  // Implicit, so that containers can be passed where a view is asked for. Row-major containers
  // only.
  template <typename Container,
            std::enable_if_t<std::is_base_of_v<xt::xcontainer<Container>, Container> &&
                                 std::is_same_v<typename Container::value_type, T> &&
                                 Container::static_layout == xt::layout_type::row_major,
                             int> = 0>
  ArrayView(const Container& container) : values_(container.data(), container.size()) {
    shape_.reserve(container.dimension());
    for (const auto extent : container.shape()) shape_.push_back(static_cast<int64_t>(extent));
  }

  absl::Span<const T> values() const { return values_; }
  const Shape& shape() const { return shape_; }

 private:
  absl::Span<const T> values_;
  Shape shape_;
};

// Labels are classes (integers) or targets (floating point). The activation decides their shape.
//   Softmax: integers, the class of each sample, of the logits' shape without the class axis; or a
//   finite target ≥ 0 per class, of the logits' shape.
//   Sigmoid: 0 or 1, or targets in [0, 1], of the logits' shape; or integers [N] beside logits
//   [N, C], C ≥ 2, read as one-hot, where C means that every class is negative.
//   Log-probabilities, and beside a teacher's logits: kNoLabels.
using Labels =
    std::variant<ArrayView<int64_t>, ArrayView<float>, ArrayView<double>, std::monostate>;

inline const Labels kNoLabels = std::monostate();

// An optional array of reals. The default is none.
using OptionalReals = std::variant<std::monostate, ArrayView<float>, ArrayView<double>>;

}  // namespace lossd

#endif  // LOSSD_ARRAY_VIEW_H_
