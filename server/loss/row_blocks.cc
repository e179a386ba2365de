#include "server/loss/row_blocks.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <iterator>
#include <optional>

#include "absl/status/status.h"
#include "server/loss/strided_rows.h"
#include "server/loss/thread_scratch.h"

namespace lossd::loss {
namespace {

// A block is this many logits at least, which are worth handing to a thread; of a large batch it is
// one of kBlocks, but at most so many that a cancelled call stops soon.
constexpr int64_t kBlockElements = int64_t{1} << 15;
constexpr int64_t kMaxBlockElements = int64_t{1} << 18;
constexpr int64_t kBlocks = 64;
// Of a block whose logits are copied first, at once: they stay in the thread's cache until they are
// computed.
constexpr int64_t kCopiedElements = int64_t{1} << 16;

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
int64_t RowsPerBlock(const Batch& batch, Activation activation) {
  if (batch.rows * batch.classes <= 2 * kBlockElements) return std::max<int64_t>(1, batch.rows);
  // A sigmoid reads a label and writes a loss beside each logit. Of softmax rows, each block ends
  // with a wait for its last ones to be written.
  const int64_t elements =
      activation == Activation::kSoftmax
          ? std::clamp(batch.rows * batch.classes / kBlocks, kBlockElements, kMaxBlockElements)
          : kBlockElements / 4;
  return RowsOf(elements, batch.classes);
}

template <typename T>
using ComputeBlock = void (*)(const Run<T>&, int64_t begin, int64_t end);

struct LossesOfBlock {};
struct ReadRows {};
struct GatheredRows {};

template <typename T>
constexpr absl::Span<T> TypedOutputs<T>::*kMatrices[] = {&TypedOutputs<T>::gradient,
                                                         &TypedOutputs<T>::hessian_diagonal,
                                                         &TypedOutputs<T>::probabilities};

template <typename T>
void ComputeInPlace(const Run<T>& run, int64_t begin, int64_t end, ComputeBlock<T> compute) {
  compute(run, begin, end);
}

// Rows of a batch whose logits come from a reader.
template <typename T>
void ComputeRead(const Run<T>& run, int64_t begin, int64_t end, ComputeBlock<T> compute) {
  const auto first = static_cast<size_t>(begin * run.batch.classes);
  const auto size = static_cast<size_t>((end - begin) * run.batch.classes);
  const ThreadScratch<T, ReadRows> memory(size);
  const absl::Span<T> logits = memory.span();
  run.batch.logit_reader->Read(static_cast<int64_t>(first), logits);
  Run<T> read = run;
  read.first_row = begin;
  read.logits = logits;
  for (const auto output : kMatrices<T>) {
    absl::Span<T>& matrix = read.outputs.*output;
    if (!matrix.empty()) matrix = matrix.subspan(first, size);
  }
  compute(read, begin, end);
}

// Rows of a batch whose classes do not stand last, by way of rows whose do.
template <typename T>
void ComputeGathered(const Run<T>& run, int64_t begin, int64_t end, ComputeBlock<T> compute) {
  const StridedMatrix matrix = {run.batch.classes, run.batch.inner};
  const auto size = static_cast<size_t>((end - begin) * run.batch.classes);
  const auto wanted = static_cast<size_t>(
      std::count_if(std::begin(kMatrices<T>), std::end(kMatrices<T>),
                    [&](auto output) { return !(run.outputs.*output).empty(); }));
  const ThreadScratch<T, GatheredRows> memory((1 + wanted) * size);
  const absl::Span<T> scratch = memory.span();
  Run<T> gathered = run;
  gathered.first_row = begin;
  gathered.stores = kernels::Stores::kCached;
  const absl::Span<T> logits = scratch.subspan(0, size);
  GatherRows(matrix, run.logits.data(), begin, end, logits.data());
  gathered.logits = logits;
  size_t begin_of_next = size;
  for (const auto output : kMatrices<T>) {
    if ((run.outputs.*output).empty()) continue;
    gathered.outputs.*output = scratch.subspan(begin_of_next, size);
    begin_of_next += size;
  }
  compute(gathered, begin, end);
  for (const auto output : kMatrices<T>) {
    if ((run.outputs.*output).empty()) continue;
    ScatterRows(matrix, (gathered.outputs.*output).data(), begin, end,
                (run.outputs.*output).data());
  }
}

}  // namespace

template <typename T>
absl::StatusOr<std::vector<BlockSum>> ComputeRows(Run<T> run, const Executor& executor) {
  const bool softmax = run.spec.activation == Activation::kSoftmax;
  const ComputeBlock<T> compute_rows = softmax ? &ComputeSoftmaxRows<T> : &ComputeSigmoidRows<T>;
  const bool strided = run.batch.inner > 1;
  if (strided && softmax && ComputesStridedSoftmax(run)) run.layout = MatrixLayout::kStrided;
  const bool gathers = strided && run.layout == MatrixLayout::kRows;
  bool reads = run.logits.empty() && run.batch.logit_reader != nullptr;
  if (reads && softmax && ComputesSoftmaxOfPieces(run)) {
    run.logit_pieces = run.batch.logit_reader->pieces();
    reads = run.logit_pieces.empty();
  }
  const auto compute = gathers ? &ComputeGathered<T> : reads ? &ComputeRead<T> : &ComputeInPlace<T>;
  const bool copies = gathers || reads;
  const int64_t copied_rows = RowsOf(kCopiedElements, run.batch.classes);
  const int64_t block = RowsPerBlock(run.batch, run.spec.activation);
  const int64_t per_row = softmax ? 1 : run.batch.classes;
  std::vector<BlockSum> sums(static_cast<size_t>((run.batch.rows + block - 1) / block));
  const bool completed = executor.ParallelFor(
      run.batch.rows, block, run.options.cancelled, [&](int64_t begin, int64_t end) {
        const auto samples = static_cast<size_t>((end - begin) * per_row);
        Run<T> part = run;
        std::optional<ThreadScratch<T, LossesOfBlock>> losses;
        if (part.outputs.losses.empty()) {
          losses.emplace(samples);
          part.outputs.losses = losses->span();
          part.first_sample = begin * per_row;
        }
        const int64_t step = copies ? copied_rows : end - begin;
        for (int64_t row = begin; row < end; row += step) {
          compute(part, row, std::min(end, row + step), compute_rows);
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
