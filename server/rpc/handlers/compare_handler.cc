#include <utility>
#include <vector>

#include "server/loss/cancelled_call.h"
#include "server/loss/compare.h"
#include "server/loss/work.h"
#include "server/rpc/decode/compare_request_decoder.h"
#include "server/rpc/decode/decoding_work.h"
#include "server/rpc/encode/statistics_encoder.h"
#include "server/rpc/handlers/asked_work.h"
#include "server/rpc/handlers/handlers.h"
#include "server/rpc/tensor/data_type.h"
#include "server/rpc/tensor/response_size.h"

namespace lossd::rpc {
namespace {

absl::Status CheckResponseFits(const v1::CompareRequest& request, const CompareCall& call,
                               int64_t max_message_bytes) {
  ResponseSize size;
  for (const v1::LossSpec& spec : request.losses()) {
    size.AddBytes(static_cast<int64_t>(spec.ByteSizeLong()));
    if (call.options.class_statistics && !request.present_classes_only()) {
      size.AddClassStatistics(call.logits.layout.class_vector_length());
    }
  }
  return size.Check(max_message_bytes);
}

void Note(const CompareCall& call, CallNotes& notes) {
  notes.losses.clear();
  for (const loss::LossSpec& spec : call.specs) notes.losses.emplace_back(spec.form->name);
  const Shape& shape = call.logits.layout.shape;
  notes.shape = {shape.begin(), shape.end()};
  notes.data_type = NameOf(call.logits.type);
  notes.rows = call.logits.layout.rows;
}

// Returns the losses of one activation, in their order.
std::vector<const loss::LossSpec*> SpecsOf(const CompareCall& call, loss::Activation activation) {
  std::vector<const loss::LossSpec*> specs;
  for (const loss::LossSpec& spec : call.specs) {
    if (spec.activation == activation) specs.push_back(&spec);
  }
  return specs;
}

// Computes the losses of one activation. Writes each result to the place in `comparisons` that its
// loss has in the request.
absl::Status CompareActivation(const CompareCall& call, loss::Activation activation,
                               const DecodedSamples& samples, const Executor& executor,
                               std::vector<loss::Comparison>& comparisons) {
  const std::vector<const loss::LossSpec*> specs = SpecsOf(call, activation);
  const loss::Batch batch = ViewOf(call.logits, samples);
  auto compared = loss::Compare(batch, specs, call.options, executor);
  if (!compared.ok()) return compared.status();
  for (size_t i = 0; i < specs.size(); ++i) {
    comparisons[static_cast<size_t>(specs[i] - call.specs.data())] = std::move((*compared)[i]);
  }
  return absl::OkStatus();
}

// Returns what the losses take, and their comparisons in the response.
loss::Work WorkOf(const v1::CompareRequest& request, const CompareCall& call, int thread_count) {
  constexpr double kBytesOfComparison = 4096;
  loss::Work work;
  for (const auto& [activation, samples] : call.samples) {
    const loss::Batch batch = ViewOf(call.logits, samples);
    const std::vector<const loss::LossSpec*> specs = SpecsOf(call, activation);
    work += loss::WorkOfCompare(batch, specs, call.options, thread_count);
    for (const loss::LossSpec* spec : specs) {
      work.bytes += kBytesOfComparison;
      if (!call.options.class_statistics) continue;
      work += ClassStatisticsWork(loss::ColumnEntries(batch, *spec, call.options));
    }
  }
  // Each is in the response once more, and in its bytes.
  for (const v1::LossSpec& spec : request.losses()) {
    work.bytes += 4 * static_cast<double>(spec.ByteSizeLong());
  }
  return work;
}

v1::LossComparison EncodeComparison(const v1::LossSpec& spec, const loss::Comparison& comparison) {
  v1::LossComparison message;
  const loss::Result& result = comparison.result;
  *message.mutable_loss_spec() = spec;
  message.set_loss(result.loss);
  message.set_loss_sum(result.loss_sum);
  message.set_gradient_norm(comparison.gradient_norm);
  message.set_vanishing_count(result.vanishing_count);
  if (result.class_statistics) {
    EncodeClassStatistics(*result.class_statistics, *message.mutable_class_statistics());
  }
  if (result.difficulty) EncodeDifficulty(*result.difficulty, *message.mutable_difficulty());
  if (result.policy_statistics) {
    EncodePolicyStatistics(*result.policy_statistics, *message.mutable_policy_statistics());
  }
  return message;
}

}  // namespace

absl::StatusOr<v1::CompareResponse> Handlers::Compare(const v1::CompareRequest& request,
                                                      const CallContext& context,
                                                      const wire::TensorPayloads& payloads) const {
  const Cancellation cancellation(context.cancelled);
  AskedWork asked(options_.limits, context);
  absl::Status admitted = asked.AskBefore(DecodingWork(request, payloads));
  if (!admitted.ok()) return admitted;
  auto call = DecodeCompareRequest(request, payloads, *options_.pool,
                                   options_.limits.max_message_bytes, cancellation);
  if (!call.ok()) return call.status();
  absl::Status fits = CheckResponseFits(request, *call, options_.limits.max_message_bytes);
  if (!fits.ok()) return fits;
  admitted = asked.Ask(WorkOf(request, *call, options_.executor.thread_count()));
  if (!admitted.ok()) return admitted;

  if (context.notes != nullptr) Note(*call, *context.notes);
  call->options.cancelled = context.cancelled;
  call->options.admit = [&asked](const loss::Work& more) { return asked.Ask(more); };
  std::vector<loss::Comparison> comparisons(call->specs.size());
  for (const auto& [activation, samples] : call->samples) {
    absl::Status compared =
        CompareActivation(*call, activation, samples, options_.executor, comparisons);
    if (!compared.ok()) return compared;
  }

  if (context.notes != nullptr) {
    for (const loss::Comparison& comparison : comparisons) {
      context.notes->non_finite_losses += comparison.result.non_finite_count;
    }
  }
  v1::CompareResponse response;
  for (size_t i = 0; i < comparisons.size(); ++i) {
    if (cancellation.Ask()) return loss::CancelledCall();
    *response.add_comparisons() =
        EncodeComparison(request.losses(static_cast<int>(i)), comparisons[i]);
  }
  return response;
}

}  // namespace lossd::rpc
