#include "server/rpc/wire/outgoing_tensor.h"

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

}  // namespace lossd::rpc
