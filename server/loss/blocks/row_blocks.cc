#include "server/loss/blocks/row_blocks.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstddef>
#include <memory>
#include <numeric>
#include <optional>

#include "server/kernels/dispatch.h"
#include "server/kernels/stores.h"
#include "server/kernels/workspace.h"
#include "server/loss/blocks/row_source.h"
#include "server/loss/blocks/softmax_rows.h"
#include "server/loss/blocks/strided_rows.h"
#include "server/loss/blocks/thread_scratch.h"
#include "server/loss/cancelled_call.h"

namespace lossd::loss {
namespace {

// A block has at least this many logits, which are worth handing to a thread. A large batch is cut
// into kBlocks, but a block is at most so large that a cancelled call stops soon.
constexpr int64_t kBlockElements = int64_t{1} << 15;
constexpr int64_t kMaxBlockElements = int64_t{1} << 18;
constexpr int64_t kBlocks = 64;
// Rows so long that each is a block are put together, for one is written while the next is reduced:
// up to so many rows, but not so many that some threads have no work.
constexpr int64_t kLongRows = 4;
constexpr int64_t kFewestBlocks = 8;

// A gradient that is made in parts has about this many elements in each: few, to find room where
// the blocks of 64 KiB were that gRPC reads into.
constexpr int64_t kPartElements = int64_t{1} << 15;

double Sum(absl::Span<const float> values) {
  return kernels::CurrentSums().of_f32(values.data(), static_cast<int64_t>(values.size()));
}
double Sum(absl::Span<const double> values) {
  return kernels::CurrentSums().of_f64(values.data(), static_cast<int64_t>(values.size()));
}

template <typename T>
void SumBlock(absl::Span<const T> losses, BlockSum& block) {
  block.sum = Sum(losses);
  // A loss that is not finite leaves no finite sum behind.
  if (std::isfinite(block.sum)) return;
  block.non_finite_count =
      std::count_if(losses.begin(), losses.end(), [](T v) { return !std::isfinite(v); });
  if (block.non_finite_count == 0) {
    block.sum = std::accumulate(losses.begin(), losses.end(), Wide{0});
  }
}

int64_t CountRowsPerBlock(const BatchPlan& plan) {
  const Batch& batch = plan.batch;
  // A batch that is computed in less time than it takes to wake a second thread is one block.
  if (batch.rows * batch.classes <= 2 * kBlockElements) return std::max<int64_t>(1, batch.rows);
  // A sigmoid reads a label and writes a loss beside each logit.
  if (!plan.is_softmax()) return RoundedRows(kBlockElements / 4, batch.classes);
  // A block of softmax rows ends with a wait for its last ones to be written.
  const int64_t rows = RoundedRows(
      std::clamp(batch.rows * batch.classes / kBlocks, kBlockElements, kMaxBlockElements),
      batch.classes);
  const bool writes_in_turn =
      plan.stores == kernels::Stores::kStreaming && batch.classes <= kernels::kMaxClassesInTurn;
  if (!writes_in_turn) return rows;
  return std::max(rows, std::min(kLongRows, batch.rows / kFewestBlocks));
}

// Returns how many rows are computed before what their logits say is looked at: few, so that these
// are still in a cache.
int64_t CountRowsBeforeOutcomes(const Batch& batch) {
  return std::max(kLongRows, RoundedRows(kBlockElements, batch.classes));
}

// Parts are small, to find room where logits were released, but have some rows: one is written
// while the next is reduced.
int64_t CountRowsPerPart(const Batch& batch) {
  constexpr int64_t kFewestRows = 8;
  return std::max(kFewestRows, RoundedRows(kPartElements, batch.classes));
}

// Returns `window` with memory for the gradient of rows [begin, end), where that is made in parts.
template <typename T>
RowWindow<T> WithGradient(const RowWindow<T>& window, int64_t begin, int64_t end) {
  if (window.outputs.gradient_parts == nullptr) return window;
  RowWindow<T> part = CutRows(window, begin, end);
  part.outputs[Output::kGradient] = SpanOf<T>(window.outputs.gradient_parts->Make(begin, end));
  return part;
}

// Returns true when the gradient is computed in floats, a few rows at a time, and then narrowed.
template <typename T>
bool NarrowsGradient(const BatchPlan& plan, const RowWindow<T>& whole) {
  if (whole.outputs.half_gradient.numbers == nullptr) return false;
  assert(sizeof(T) == sizeof(float) && whole.layout == MatrixLayout::kRows);
  return plan.inner != nullptr || !WritesHalfGradient<T>(plan);
}

struct WideGradient {};

// Computes rows whose gradient is narrowed.
void ComputeNarrowed(const RowSource<float>& source, const RowWindow<float>& window, int64_t begin,
                     int64_t end) {
  const auto size = static_cast<size_t>((end - begin) * window.classes);
  const ThreadScratch<float, WideGradient> memory(size);
  RowWindow<float> part = CutRows(window, begin, end);
  const kernels::HalfMatrix to = part.outputs.half_gradient;
  part.outputs.half_gradient = {};
  part.outputs[Output::kGradient] = memory.span();
  part.stores = kernels::Stores::kCached;
  source.Compute(part, begin, end);
  kernels::CurrentHalfFloats().narrow(to.format, memory.span().data(), static_cast<int64_t>(size),
                                      window.stores, to.numbers + begin * window.classes);
}
void ComputeNarrowed(const RowSource<double>& /*source*/, const RowWindow<double>& /*window*/,
                     int64_t /*begin*/, int64_t /*end*/) {}

struct BlockLosses {};

}  // namespace

template <typename T>
absl::StatusOr<std::vector<BlockSum>> ComputeRows(const BatchPlan& plan, const RowWindow<T>& whole,
                                                  const Executor& executor) {
  const std::unique_ptr<RowSource<T>> source = ChooseRowSource(plan, whole);
  const int64_t block = CountRowsPerBlock(plan);
  int64_t at_once = std::min(block, source->most_rows());
  if (whole.records.outcomes_wanted() || !whole.outputs[Output::kMargin].empty()) {
    at_once = std::min(at_once, CountRowsBeforeOutcomes(plan.batch));
  }
  const bool narrows = NarrowsGradient(plan, whole);
  if (whole.outputs.gradient_parts != nullptr || narrows) {
    at_once = std::min(source->most_rows(), CountRowsPerPart(plan.batch));
  }
  const int64_t per_row = plan.samples_per_row();
  std::vector<BlockSum> sums(static_cast<size_t>((plan.batch.rows + block - 1) / block));
  const bool completed = executor.ParallelFor(
      plan.batch.rows, block, plan.options.cancelled, [&](int64_t begin, int64_t end) {
        const int64_t samples = (end - begin) * per_row;
        RowWindow<T> window = CutSamples(whole, begin * per_row, samples);
        absl::Span<T>& losses = window.outputs[Output::kLosses];
        BlockSum& sum = sums[static_cast<size_t>(begin / block)];
        if (plan.options.policy_statistics) window.policy_sums = &sum.policy;
        std::optional<ThreadScratch<T, BlockLosses>> scratch;
        if (losses.empty()) losses = scratch.emplace(static_cast<size_t>(samples)).span();
        for (int64_t row = begin; row < end; row += at_once) {
          const int64_t stop = std::min(end, row + at_once);
          if (narrows) {
            ComputeNarrowed(*source, window, row, stop);
          } else {
            source->Compute(WithGradient(window, row, stop), row, stop);
          }
        }
        kernels::FinishStreaming(plan.stores);
        SumBlock<T>(losses, sum);
      });
  if (!completed) return CancelledCall();
  return sums;
}

template absl::StatusOr<std::vector<BlockSum>> ComputeRows(const BatchPlan&,
                                                           const RowWindow<float>&,
                                                           const Executor&);
template absl::StatusOr<std::vector<BlockSum>> ComputeRows(const BatchPlan&,
                                                           const RowWindow<double>&,
                                                           const Executor&);

}  // namespace lossd::loss
