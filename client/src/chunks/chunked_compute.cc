#include "client/src/chunks/chunked_compute.h"

#include <cmath>
#include <cstddef>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/src/call/stream_session.h"
#include "client/src/chunks/compensated_sum.h"
#include "client/src/chunks/policy_merging.h"
#include "client/src/chunks/row_range.h"
#include "client/src/chunks/row_shift.h"
#include "client/src/chunks/statistics_merging.h"
#include "client/src/chunks/whole_batch.h"
#include "client/src/convert/outputs.h"

namespace lossd::client {
namespace {

// Makes the arrays that are asked for and that the caller gave no memory for. Their elements are
// not initialized: each of them is written later.
template <typename T>
void ProvideArrays(const ChunkedBatch<T>& batch, Result<T>& result, Destinations<T>& to) {
  const Shape& logits = batch.logits.shape();
  // The server refuses a batch that has no shape of losses.
  const Shape losses =
      LossesShape(logits, batch.loss.activation, batch.options.class_axis).value_or(logits);
  for (size_t i = 0; i < kOutputCount; ++i) {
    const Output<T>& output = kOutputs<T>[i];
    if (!(batch.options.outputs.*output.asked) || to[i]) continue;
    const Shape& shape = output.extent == Extent::kLogits ? logits : losses;
    auto& array = result.*output.array;
    array = xt::xarray<T>::from_shape(std::vector<size_t>(shape.begin(), shape.end()));
    to[i] = absl::Span<T>(array->data(), array->size());
  }
}

template <typename T>
ResultMemory RowsOf(const RowRange& rows, const Destinations<T>& to) {
  ResultMemory memory;
  for (size_t i = 0; i < kOutputCount; ++i) {
    if (to[i]) memory.*kOutputs<T>[i].memory = rows.Of(*to[i]);
  }
  return memory;
}

constexpr size_t kGradient = OutputWithField(v1::ComputeResponse::kGradientFieldNumber);

template <typename T>
double SumOfMagnitudes(absl::Span<const T> values) {
  double sum = 0.0;
  for (const T value : values) sum += std::abs(static_cast<double>(value));
  return sum;
}

// Adds up the outputs of the chunks that are not arrays, in the chunks' order.
template <typename T>
class ScalarMerger {
 public:
  explicit ScalarMerger(const ComputeOptions& options) : options_(options) {}

  absl::Status Add(const Result<T>& chunk, double gradient_l1) {
    loss_.Add(chunk.loss);
    loss_sum_.Add(chunk.loss_sum);
    sum_.weight_sum += chunk.weight_sum;
    sum_.valid_count += chunk.valid_count;
    sum_.non_finite_count += chunk.non_finite_count;
    sum_.class_weights = chunk.class_weights;
    sum_.applied = chunk.applied;
    if (chunk.sequence_count) {
      sum_.sequence_count = sum_.sequence_count.value_or(0) + *chunk.sequence_count;
    }
    if (chunk.policy_statistics) policy_.Add(*chunk.policy_statistics, chunk.valid_count);
    sum_.top_k_correct.resize(chunk.top_k_correct.size());
    for (size_t i = 0; i < chunk.top_k_correct.size(); ++i) {
      sum_.top_k_correct[i] += chunk.top_k_correct[i];
    }
    const ChunkTotals totals = {chunk.loss_sum, gradient_l1, chunk.valid_count};
    absl::Status status;
    if (chunk.class_statistics) {
      status.Update(classes_.Add(*chunk.class_statistics, totals));
    }
    if (chunk.difficulty) status.Update(difficulty_.Add(*chunk.difficulty, totals));
    return status;
  }

  // Returns `result`, which has the arrays, with everything else.
  Result<T> Merge(Result<T> result) const {
    result.loss_sum = loss_sum_.Total();
    result.loss = ReducedLoss();
    result.weight_sum = sum_.weight_sum;
    result.valid_count = sum_.valid_count;
    result.non_finite_count = sum_.non_finite_count;
    result.class_weights = sum_.class_weights;
    result.applied = sum_.applied;
    result.sequence_count = sum_.sequence_count;
    result.top_k_correct = sum_.top_k_correct;
    const OutputOptions& asked = options_.outputs;
    if (asked.class_statistics) {
      const ClassStatistics all = classes_.Merge();
      result.class_statistics = asked.present_classes_only ? PresentClassesOnly(all) : all;
    }
    if (asked.difficulty) result.difficulty = difficulty_.Merge();
    if (asked.policy_statistics) result.policy_statistics = policy_.Merge();
    return result;
  }

 private:
  double ReducedLoss() const {
    switch (options_.reduction) {
      case Reduction::kMean:
      case Reduction::kMeanValid:
        // There is no normalizer when the divisor of the whole batch is 0, or it is 0.
        return options_.normalizer.value_or(0.0) == 0.0 ? 0.0
                                                        : loss_sum_.Total() / *options_.normalizer;
      case Reduction::kSequenceMean:
        return loss_.Total();  // each chunk was told the divisor of the whole
      default:
        return loss_sum_.Total();
    }
  }

  const ComputeOptions& options_;
  Result<T> sum_;
  CompensatedSum loss_;
  CompensatedSum loss_sum_;
  ClassStatisticsMerger classes_;
  DifficultyMerger difficulty_;
  PolicyStatisticsMerger policy_;
};

// One chunked call.
template <typename T>
class ChunkedCall {
 public:
  ChunkedCall(const std::shared_ptr<const Connection>& connection, const ChunkedBatch<T>& batch,
              const std::vector<Chunk>& chunks, const ChunkLimits& limits)
      : batch_(batch),
        chunks_(chunks),
        to_(batch.destinations),
        session_(connection, {limits.window, limits.time, absl::Now() + limits.time}) {
    ProvideArrays(batch, result_, to_);
  }

  absl::StatusOr<Result<T>> Compute() {
    absl::Status sent;
    std::thread sender([this, &sent] { sent = SendAll(); });
    ScalarMerger<T> merger(batch_.options);
    absl::Status received = ReceiveAll(merger);
    if (!received.ok()) session_.Abandon(received);
    sender.join();
    if (!sent.ok() && absl::IsOutOfRange(received)) {
      return sent;  // A batch that was not sent has no answer.
    }
    if (!received.ok()) return received;
    return merger.Merge(std::move(result_));
  }

 private:
  // Closes sending in the end, so that the receiver does not wait for more answers.
  absl::Status SendAll() {
    absl::Status status;
    for (const Chunk& chunk : chunks_) {
      status = SendChunk(chunk);
      if (!status.ok()) break;
    }
    status.Update(session_.CloseSending());
    return status;
  }

  bool has_advantages_of_sequences() const {
    return HasAdvantagesOfSequences(batch_.logits.shape(), batch_.loss, batch_.options);
  }

  absl::Status SendChunk(const Chunk& chunk) {
    const RowRange& rows = chunk.rows;
    ComputeOptions options = batch_.options;
    options.teacher_logits = rows.Of(options.teacher_logits);
    options.sample_weights = rows.Of(options.sample_weights);
    options.upstream_gradient = rows.Of(options.upstream_gradient);
    options.memory = RowsOf(rows, to_);
    Rollout& rollout = options.rollout;
    rollout.advantages =
        (has_advantages_of_sequences() ? chunk.sequences : rows).Of(rollout.advantages);
    rollout.old_log_probs = rows.Of(rollout.old_log_probs);
    rollout.reference_log_probs = rows.Of(rollout.reference_log_probs);
    rollout.sampler_log_probs = rows.Of(rollout.sampler_log_probs);
    if (options.sequence_lengths) {
      options.sequence_lengths = chunk.sequences.Of(*options.sequence_lengths);
    }
    if (options.recording) {
      options.recording->sample_ids = rows.Of(options.recording->sample_ids);
      absl::StrAppend(&options.recording->request_id, "#", rows.first);
    }
    // A class may be predicted in a chunk that has none of its samples.
    options.outputs.present_classes_only = false;
    return session_.Send(rows.Of(batch_.logits), rows.Of(batch_.labels), batch_.loss, options);
  }

  ChunkStart StartOf(const Chunk& chunk) const {
    return {chunk.rows.first, chunk.sequences.first,
            has_advantages_of_sequences() ? chunk.sequences.first : chunk.rows.first};
  }

  absl::Status ReceiveAll(ScalarMerger<T>& merger) {
    const OutputOptions& asked = batch_.options.outputs;
    const bool statistics = asked.class_statistics || asked.difficulty;
    for (const Chunk& chunk : chunks_) {
      const absl::StatusOr<Result<T>> result = session_.Receive();
      if (!result.ok()) return ShiftRows(result.status(), StartOf(chunk));
      const double gradient_l1 =
          statistics ? SumOfMagnitudes<T>(chunk.rows.Of(*to_[kGradient])) : 0.0;
      if (absl::Status status = merger.Add(*result, gradient_l1); !status.ok()) return status;
    }
    return absl::OkStatus();
  }

  const ChunkedBatch<T>& batch_;
  const std::vector<Chunk>& chunks_;
  Result<T> result_;
  Destinations<T> to_;
  StreamSession<T> session_;
};

}  // namespace

template <typename T>
absl::StatusOr<Result<T>> ComputeInChunks(const std::shared_ptr<const Connection>& connection,
                                          const ChunkedBatch<T>& batch,
                                          const std::vector<Chunk>& chunks,
                                          const ChunkLimits& limits) {
  return ChunkedCall<T>(connection, batch, chunks, limits).Compute();
}

template absl::StatusOr<Result<float>> ComputeInChunks(const std::shared_ptr<const Connection>&,
                                                       const ChunkedBatch<float>&,
                                                       const std::vector<Chunk>&,
                                                       const ChunkLimits&);
template absl::StatusOr<Result<double>> ComputeInChunks(const std::shared_ptr<const Connection>&,
                                                        const ChunkedBatch<double>&,
                                                        const std::vector<Chunk>&,
                                                        const ChunkLimits&);

}  // namespace lossd::client
