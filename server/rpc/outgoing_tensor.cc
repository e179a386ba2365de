#include "server/rpc/outgoing_tensor.h"

#include <utility>

#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"

namespace lossd::rpc {

v1::Tensor& MutableTensor(v1::ComputeResponse& response, int number) {
  const auto* field = v1::ComputeResponse::descriptor()->FindFieldByNumber(number);
  return *google::protobuf::DynamicCastToGenerated<v1::Tensor>(
      v1::ComputeResponse::GetReflection()->MutableMessage(&response, field));
}

v1::ComputeResponse WholeMessage(ComputeAnswer answer) {
  for (OutgoingTensor& outgoing : answer.tensors) {
    v1::Tensor& tensor = MutableTensor(answer.message, outgoing.field_number);
    tensor = std::move(outgoing.tensor);
    tensor.set_data(outgoing.data.data(), outgoing.data.size());
  }
  return std::move(answer.message);
}

}  // namespace lossd::rpc
