#ifndef LOSSD_SERVER_LOSS_BLOCKS_ROW_SOURCE_H_
#define LOSSD_SERVER_LOSS_BLOCKS_ROW_SOURCE_H_

#include <algorithm>
#include <cstdint>
#include <memory>

#include "server/loss/blocks/batch_plan.h"
#include "server/loss/blocks/row_window.h"

namespace lossd::loss {

// Returns how many rows have about `elements` elements, at least 1; many rows are a multiple of
// what a cache line holds.
inline int64_t RoundedRows(int64_t elements, int64_t classes) {
  constexpr int64_t kAligned = 64;
  const int64_t rows = std::max<int64_t>(1, elements / classes);
  return rows < kAligned ? rows : rows / kAligned * kAligned;
}

// Brings the logits of a batch to the kernels, and their results back. Chosen once for a batch;
// thread-safe for disjoint ranges of rows.
template <typename T>
class RowSource {
 public:
  // `most_rows` is how many Compute may be given at once.
  explicit RowSource(int64_t most_rows) : most_rows_(most_rows) {}
  RowSource(const RowSource&) = delete;
  RowSource& operator=(const RowSource&) = delete;
  virtual ~RowSource() = default;

  int64_t most_rows() const { return most_rows_; }

  // Computes the samples of rows [begin, end), which `window` has, into its outputs and records. A
  // row's results do not depend on the range that it is computed in.
  virtual void Compute(const RowWindow<T>& window, int64_t begin, int64_t end) const = 0;

 private:
  int64_t most_rows_;
};

// Returns the source for `whole`, the window of the whole batch: logits are computed where they
// are if they can be, and by way of a copy of a few rows if not. `plan` must outlive it.
template <typename T>
std::unique_ptr<RowSource<T>> ChooseRowSource(const BatchPlan& plan, const RowWindow<T>& whole);

}  // namespace lossd::loss

#endif  // LOSSD_SERVER_LOSS_BLOCKS_ROW_SOURCE_H_
