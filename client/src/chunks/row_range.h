#ifndef LOSSD_CLIENT_SRC_CHUNKS_ROW_RANGE_H_
#define LOSSD_CLIENT_SRC_CHUNKS_ROW_RANGE_H_

#include <cstddef>
#include <cstdint>
#include <utility>
#include <variant>

#include "absl/types/span.h"
#include "lossd/array_view.h"

namespace lossd::client {

// Consecutive rows of a batch, along the arrays' first axis.
struct RowRange {
  int64_t first = 0;
  int64_t count = 0;
  int64_t of = 0;  // rows of the whole batch, at least 1

  // Returns these rows of an array of all rows.
  template <typename T>
  absl::Span<T> Of(absl::Span<T> values) const {
    const size_t per_row = values.size() / static_cast<size_t>(of);
    return values.subspan(static_cast<size_t>(first) * per_row,
                          static_cast<size_t>(count) * per_row);
  }

  template <typename T>
  ArrayView<T> Of(const ArrayView<T>& array) const {
    Shape shape = array.shape();
    shape.front() = count;
    return ArrayView<T>(Of(array.values()), std::move(shape));
  }

  // Returns these rows of the array that there is, or nothing.
  template <typename... Arrays>
  std::variant<Arrays...> Of(const std::variant<Arrays...>& arrays) const {
    return std::visit(
        [this](const auto& array) { return this->template Rows<std::variant<Arrays...>>(array); },
        arrays);
  }

 private:
  template <typename Variant>
  Variant Rows(std::monostate nothing) const {
    return nothing;
  }
  template <typename Variant, typename T>
  Variant Rows(const ArrayView<T>& array) const {
    return Of(array);
  }
};

}  // namespace lossd::client

#endif  // LOSSD_CLIENT_SRC_CHUNKS_ROW_RANGE_H_
