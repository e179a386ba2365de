#include "server/rpc/wire/outgoing_tensor.h"

#include <string>
#include <utility>

#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"

namespace lossd::rpc {

v1::Tensor& MutableTensor(v1::ComputeResponse& response, int number) {
  const auto* field = v1::ComputeResponse::descriptor()->FindFieldByNumber(number);
  return *google::protobuf::DynamicCastToGenerated<v1::Tensor>(
      v1::ComputeResponse::GetReflection()->MutableMessage(&response, field));
}

size_t OutgoingTensor::data_size() const {
  size_t size = 0;
  for (const Buffer& buffer : data) size += buffer.size();
  return size;
}

v1::ComputeResponse WholeMessage(ComputeAnswer answer) {
  for (OutgoingTensor& outgoing : answer.tensors) {
    v1::Tensor& tensor = MutableTensor(answer.message, outgoing.field_number);
    tensor = std::move(outgoing.tensor);
    std::string& data = *tensor.mutable_data();
    data.reserve(outgoing.data_size());
    for (const Buffer& buffer : outgoing.data) {
      data.append(static_cast<const char*>(buffer.data()), buffer.size());
    }
  }
  return std::move(answer.message);
}

}  // namespace lossd::rpc
