#include <utility>

#include "server/loss/compute.h"
#include "server/rpc/decode/compute_request_decoder.h"
#include "server/rpc/encode/compute_response_encoder.h"
#include "server/rpc/handlers/handlers.h"

namespace lossd::rpc {

absl::StatusOr<ComputeAnswer> Handlers::Compute(const v1::ComputeRequest& request,
                                                const CallContext& context,
                                                const wire::TensorPayloads& payloads) const {
  BufferPool& pool = *options_.pool;
  auto call = DecodeComputeRequest(request, payloads, pool, options_.limits.max_message_bytes);
  if (!call.ok()) return call.status();
  absl::Status fits = CheckResponseFits(*call, options_.limits.max_message_bytes);
  if (!fits.ok()) return fits;

  if (context.notes != nullptr) {
    const Shape& shape = call->logits.layout.shape;
    *context.notes = {{call->spec.form->name}, {shape.begin(), shape.end()}};
  }
  call->options.cancelled = context.cancelled;
  OutputArrays arrays = AllocateOutputs(*call, pool);
  const auto result = loss::Compute(ViewOf(call->logits, call->samples), call->spec, call->options,
                                    ViewOf(arrays), options_.executor);
  if (!result.ok()) return result.status();
  return EncodeComputeResponse(*call, std::move(arrays), *result, pool);
}

}  // namespace lossd::rpc
