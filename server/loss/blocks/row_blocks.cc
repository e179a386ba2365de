#include "server/loss/blocks/row_blocks.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstddef>
#include <optional>

#include "absl/status/status.h"
#include "server/loss/blocks/strided_rows.h"
#include "server/loss/blocks/thread_scratch.h"

namespace lossd::loss {
namespace {

// A block is this many logits at least, which are worth handing to a thread; of a large batch it is
// one of kBlocks, but at most so many that a cancelled call stops soon.
constexpr int64_t kBlockElements = int64_t{1} << 15;
constexpr int64_t kMaxBlockElements = int64_t{1} << 18;
constexpr int64_t kBlocks = 64;
// Rows that are blocks by their length are put together, where one is written while the next is
// reduced: up to so many, but not so many that there is no work for some threads.
constexpr int64_t kLongRows = 4;
constexpr int64_t kFewestBlocks = 8;
// Of a block whose logits are copied first, at once: they stay in the thread's cache until they are
// computed.
constexpr int64_t kCopiedElements = int64_t{1} << 16;

// Of a gradient that is made in parts, at most about as many at once: few, to find room where the
// blocks of 64 KiB were that gRPC reads into.
constexpr int64_t kPartElements = int64_t{1} << 15;

double Sum(absl::Span<const float> values) {
  return kernels::CurrentSums().of_f32(values.data(), static_cast<int64_t>(values.size()));
}
double Sum(absl::Span<const double> values) {
  return kernels::CurrentSums().of_f64(values.data(), static_cast<int64_t>(values.size()));
}

template <typename T>
BlockSum SumBlock(absl::Span<const T> losses) {
  BlockSum block;
  block.sum = Sum(losses);
  // A loss that is not finite leaves no finite sum behind.
  if (!std::isfinite(block.sum)) {
    block.non_finite_count =
        std::count_if(losses.begin(), losses.end(), [](T v) { return !std::isfinite(v); });
  }
  return block;
}

// About that many elements; many rows are whole cache lines of them.
int64_t RowsOf(int64_t elements, int64_t classes) {
  constexpr int64_t kAligned = 64;
  const int64_t rows = std::max<int64_t>(1, elements / classes);
  return rows < kAligned ? rows : rows / kAligned * kAligned;
}

// What is computed in less time than it takes to wake a second thread is one block.
template <typename T>
int64_t RowsPerBlock(const Run<T>& run) {
  const Batch& batch = run.batch;
  if (batch.rows * batch.classes <= 2 * kBlockElements) return std::max<int64_t>(1, batch.rows);
  // A sigmoid reads a label and writes a loss beside each logit.
  if (run.spec.activation == Activation::kSigmoid) {
    return RowsOf(kBlockElements / 4, batch.classes);
  }
  // Of softmax rows, each block ends with a wait for its last ones to be written.
  const int64_t rows =
      RowsOf(std::clamp(batch.rows * batch.classes / kBlocks, kBlockElements, kMaxBlockElements),
             batch.classes);
  const bool writes_in_turn =
      run.stores == kernels::Stores::kStreaming && batch.classes <= kernels::kMaxClassesInTurn;
  if (!writes_in_turn) return rows;
  return std::max(rows, std::min(kLongRows, batch.rows / kFewestBlocks));
}

// Parts of a gradient are small, to find room where logits were released, but are some rows: one
// is written while the next is reduced.
int64_t RowsPerPart(const Batch& batch) {
  constexpr int64_t kFewestRows = 8;
  return std::max(kFewestRows, RowsOf(kPartElements, batch.classes));
}

template <typename T>
using ComputeBlock = void (*)(const Run<T>&, int64_t begin, int64_t end);

struct LossesOfBlock {};
struct ReadRows {};
struct GatheredRows {};

// Calls f with each output that is wanted and lies as the logits do.
template <typename T, typename F>
void ForEachMatrix(const TypedOutputs<T>& outputs, F f) {
  for (const OutputRow& row : kOutputTable) {
    if (row.extent == OutputExtent::kLogits && !outputs[row.output].empty()) f(row.output);
  }
}

template <typename T>
void ComputeInPlace(const Run<T>& run, int64_t begin, int64_t end, ComputeBlock<T> compute) {
  compute(run, begin, end);
}

// The run whose matrices begin with row `begin` and have no rows from `end` on; all in kRows.
template <typename T>
Run<T> PartOf(const Run<T>& run, int64_t begin, int64_t end) {
  const auto first = static_cast<size_t>((begin - run.first_row) * run.batch.classes);
  const auto size = static_cast<size_t>((end - begin) * run.batch.classes);
  Run<T> part = run;
  part.first_row = begin;
  if (!run.logits.empty()) part.logits = run.logits.subspan(first, size);
  ForEachMatrix(run.outputs, [&](Output output) {
    part.outputs[output] = run.outputs[output].subspan(first, size);
  });
  return part;
}

// The run with memory for the gradient of some rows, where that is made in parts.
template <typename T>
Run<T> WithGradientOf(const Run<T>& run, int64_t begin, int64_t end) {
  if (run.outputs.gradient_parts == nullptr) return run;
  Run<T> part = PartOf(run, begin, end);
  part.outputs[Output::kGradient] = As<T>(run.outputs.gradient_parts->Make(begin, end));
  return part;
}

// Rows of a batch whose logits come from a reader.
template <typename T>
void ComputeRead(const Run<T>& run, int64_t begin, int64_t end, ComputeBlock<T> compute) {
  const ThreadScratch<T, ReadRows> memory(static_cast<size_t>((end - begin) * run.batch.classes));
  const absl::Span<T> logits = memory.span();
  run.batch.logit_reader->Read(begin * run.batch.classes, logits);
  Run<T> read = PartOf(run, begin, end);
  read.logits = logits;
  compute(read, begin, end);
}

// Rows of a batch whose classes do not stand last, by way of rows whose do.
template <typename T>
void ComputeGathered(const Run<T>& run, int64_t begin, int64_t end, ComputeBlock<T> compute) {
  const StridedMatrix matrix = {run.batch.classes, run.batch.inner};
  const auto size = static_cast<size_t>((end - begin) * run.batch.classes);
  size_t wanted = 0;
  ForEachMatrix(run.outputs, [&](Output) { ++wanted; });
  const ThreadScratch<T, GatheredRows> memory((1 + wanted) * size);
  const absl::Span<T> scratch = memory.span();
  Run<T> gathered = run;
  gathered.first_row = begin;
  gathered.stores = kernels::Stores::kCached;
  const absl::Span<T> logits = scratch.subspan(0, size);
  GatherRows(matrix, run.logits.data(), begin, end, logits.data());
  gathered.logits = logits;
  size_t begin_of_next = size;
  ForEachMatrix(run.outputs, [&](Output output) {
    gathered.outputs[output] = scratch.subspan(begin_of_next, size);
    begin_of_next += size;
  });
  compute(gathered, begin, end);
  ForEachMatrix(run.outputs, [&](Output output) {
    ScatterRows(matrix, gathered.outputs[output].data(), begin, end, run.outputs[output].data());
  });
}

}  // namespace

template <typename T>
absl::StatusOr<std::vector<BlockSum>> ComputeRows(Run<T> run, const Executor& executor) {
  const bool softmax = run.spec.activation == Activation::kSoftmax;
  const ComputeBlock<T> compute_rows = softmax ? &ComputeSoftmaxRows<T> : &ComputeSigmoidRows<T>;
  const bool strided = run.batch.inner > 1;
  if (strided && softmax && ComputesStridedSoftmax(run)) run.layout = MatrixLayout::kStrided;
  assert(run.outputs.gradient_parts == nullptr || !strided);
  const bool gathers = strided && run.layout == MatrixLayout::kRows;
  const bool reads_once = run.logits.empty() && run.batch.logit_reader != nullptr;
  bool reads = reads_once;
  if (reads && softmax && ComputesSoftmaxOfPieces(run)) {
    run.logit_pieces = run.batch.logit_reader->pieces();
    reads = run.logit_pieces.empty();
  }
  const auto compute = gathers ? &ComputeGathered<T> : reads ? &ComputeRead<T> : &ComputeInPlace<T>;
  const int64_t block = RowsPerBlock(run);
  int64_t at_once = block;
  if (run.outputs.gradient_parts != nullptr) at_once = RowsPerPart(run.batch);
  if (gathers || reads) at_once = std::min(at_once, RowsOf(kCopiedElements, run.batch.classes));
  const int64_t per_row = softmax ? 1 : run.batch.classes;
  std::vector<BlockSum> sums(static_cast<size_t>((run.batch.rows + block - 1) / block));
  const bool completed = executor.ParallelFor(
      run.batch.rows, block, run.options.cancelled, [&](int64_t begin, int64_t end) {
        const auto samples = static_cast<size_t>((end - begin) * per_row);
        Run<T> part = run;
        std::optional<ThreadScratch<T, LossesOfBlock>> losses;
        if (part.outputs[Output::kLosses].empty()) {
          losses.emplace(samples);
          part.outputs[Output::kLosses] = losses->span();
          part.first_sample = begin * per_row;
        }
        for (int64_t row = begin; row < end; row += at_once) {
          const int64_t stop = std::min(end, row + at_once);
          compute(WithGradientOf(part, row, stop), row, stop, compute_rows);
          if (!reads_once) continue;
          run.batch.logit_reader->Release(row * run.batch.classes, stop * run.batch.classes);
        }
        kernels::FinishStreaming(run.stores);
        sums[static_cast<size_t>(begin / block)] =
            SumBlock<T>({part.LossOf(begin * per_row), samples});
      });
  if (!completed) {
    return absl::CancelledError("the call was cancelled while it was being computed");
  }
  return sums;
}

template absl::StatusOr<std::vector<BlockSum>> ComputeRows(Run<float>, const Executor&);
template absl::StatusOr<std::vector<BlockSum>> ComputeRows(Run<double>, const Executor&);

}  // namespace lossd::loss
