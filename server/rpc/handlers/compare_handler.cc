#include <utility>
#include <vector>

#include "server/loss/compare.h"
#include "server/rpc/decode/compare_request_decoder.h"
#include "server/rpc/encode/statistics_encoder.h"
#include "server/rpc/handlers/handlers.h"
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
}

// Computes the losses of one activation. Writes each result to the place in `comparisons` that its
// loss has in the request.
absl::Status CompareActivation(const CompareCall& call, loss::Activation activation,
                               const DecodedSamples& samples, const Executor& executor,
                               std::vector<loss::Comparison>& comparisons) {
  std::vector<size_t> places;
  std::vector<loss::LossSpec> specs;
  for (size_t i = 0; i < call.specs.size(); ++i) {
    if (call.specs[i].activation != activation) continue;
    places.push_back(i);
    specs.push_back(call.specs[i]);
  }
  const loss::Batch batch = ViewOf(call.logits, samples);
  auto compared = loss::Compare(batch, specs, call.options, executor);
  if (!compared.ok()) return compared.status();
  for (size_t i = 0; i < places.size(); ++i) {
    comparisons[places[i]] = std::move((*compared)[i]);
  }
  return absl::OkStatus();
}

v1::LossComparison EncodeComparison(const v1::LossSpec& spec, const loss::Comparison& comparison,
                                    ClassColumns columns) {
  v1::LossComparison message;
  const loss::Result& result = comparison.result;
  *message.mutable_loss_spec() = spec;
  message.set_loss(result.loss);
  message.set_loss_sum(result.loss_sum);
  message.set_gradient_norm(comparison.gradient_norm);
  message.set_vanishing_count(result.vanishing_count);
  if (result.class_statistics) {
    EncodeClassStatistics(*result.class_statistics, columns, *message.mutable_class_statistics());
  }
  if (result.difficulty) EncodeDifficulty(*result.difficulty, *message.mutable_difficulty());
  return message;
}

}  // namespace

absl::StatusOr<v1::CompareResponse> Handlers::Compare(const v1::CompareRequest& request,
                                                      const CallContext& context,
                                                      const wire::TensorPayloads& payloads) const {
  auto call =
      DecodeCompareRequest(request, payloads, *options_.pool, options_.limits.max_message_bytes);
  if (!call.ok()) return call.status();
  absl::Status fits = CheckResponseFits(request, *call, options_.limits.max_message_bytes);
  if (!fits.ok()) return fits;

  if (context.notes != nullptr) Note(*call, *context.notes);
  call->options.cancelled = context.cancelled;
  std::vector<loss::Comparison> comparisons(call->specs.size());
  for (const auto& [activation, samples] : call->samples) {
    absl::Status compared =
        CompareActivation(*call, activation, samples, options_.executor, comparisons);
    if (!compared.ok()) return compared;
  }

  v1::CompareResponse response;
  const ClassColumns columns =
      request.present_classes_only() ? ClassColumns::kPresentOnly : ClassColumns::kAll;
  for (size_t i = 0; i < comparisons.size(); ++i) {
    *response.add_comparisons() =
        EncodeComparison(request.losses(static_cast<int>(i)), comparisons[i], columns);
  }
  return response;
}

}  // namespace lossd::rpc
