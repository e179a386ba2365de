#include <utility>

#include "server/loss/cancelled_call.h"
#include "server/loss/compute.h"
#include "server/loss/work.h"
#include "server/rpc/decode/compute_request_decoder.h"
#include "server/rpc/decode/decoding_work.h"
#include "server/rpc/encode/applied_loss_encoder.h"
#include "server/rpc/encode/compute_response_encoder.h"
#include "server/rpc/handlers/asked_work.h"
#include "server/rpc/handlers/handlers.h"
#include "server/rpc/handlers/run_recorder.h"
#include "server/rpc/tensor/data_type.h"

namespace lossd::rpc {
namespace {

loss::Work WorkOf(const ComputeCall& call, const loss::Batch& batch, int thread_count) {
  loss::Work work = EncodingWork(call, batch);
  work += loss::WorkOfCompute(batch, call.spec, call.options, call.outputs.arrays, thread_count);
  return work;
}

CallNotes NotesOf(const ComputeCall& call) {
  const LogitsLayout& layout = call.logits.layout;
  return {{call.spec.form->name},
          {layout.shape.begin(), layout.shape.end()},
          NameOf(call.logits.type),
          layout.rows};
}

// Has the batch recorded before its answer is sent: by whoever waits for stores, or else here.
absl::Status Record(const RunRecorder& recorder, ComputeCall&& call,
                    loss::PresentedSamples&& presented, const CallContext& context,
                    ComputeAnswer& answer) {
  answer.line = RunRecorder::LineOf(call, context.caller);
  answer.before_sending = recorder.Recording(std::move(call), std::move(presented), context);
  if (context.rest != nullptr) return absl::OkStatus();
  const auto record = std::exchange(answer.before_sending, nullptr);
  return record();
}

}  // namespace

absl::StatusOr<ComputeAnswer> Handlers::Compute(const v1::ComputeRequest& request,
                                                const CallContext& context,
                                                const wire::TensorPayloads& payloads) const {
  BufferPool& pool = *options_.pool;
  const Cancellation cancellation(context.cancelled);
  AskedWork asked(options_.limits, context);
  absl::Status admitted = asked.AskBefore(DecodingWork(request, payloads));
  if (!admitted.ok()) return admitted;
  auto call = DecodeComputeRequest(request, payloads, pool, options_.limits.max_message_bytes,
                                   cancellation);
  if (!call.ok()) return call.status();
  absl::Status fits = CheckResponseFits(*call, options_.limits.max_message_bytes);
  if (!fits.ok()) return fits;
  loss::PresentedSamples presented;
  if (call->run) {
    absl::Status kept = recorder_.CheckKept();
    if (!kept.ok()) return kept;
    call->options.presented = &presented;
  }
  const loss::Batch batch = ViewOf(call->logits, call->samples);
  loss::Work work = WorkOf(*call, batch, options_.executor.thread_count());
  if (call->run) work += recorder_.WorkOf(*call);
  admitted = asked.Ask(work);
  if (!admitted.ok()) return admitted;

  if (context.notes != nullptr) *context.notes = NotesOf(*call);
  call->options.cancelled = context.cancelled;
  call->options.admit = [&asked](const loss::Work& more) { return asked.Ask(more); };
  OutputArrays arrays = AllocateOutputs(*call, pool);
  const auto result =
      loss::Compute(batch, call->spec, call->options, ViewOf(arrays), options_.executor);
  if (!result.ok()) return result.status();
  if (context.notes != nullptr) context.notes->non_finite_losses = result->non_finite_count;
  absl::Status checked = CheckComputed(*call, *result, cancellation);
  if (!checked.ok()) return checked;
  ComputeAnswer answer =
      EncodeComputeResponse(*call, std::move(arrays), *result, pool, cancellation);
  if (cancellation.seen()) return loss::CancelledCall();
  if (call->outputs.applied) {
    *answer.message.mutable_applied() = EncodeAppliedLoss(*call, request.loss());
  }
  if (!call->run) return answer;
  absl::Status recorded =
      Record(recorder_, *std::move(call), std::move(presented), context, answer);
  if (!recorded.ok()) return recorded;
  return answer;
}

}  // namespace lossd::rpc
