#include "proto/wire/tensor_head.h"

#include "proto/wire/wire_format.h"

namespace lossd::wire {

void AppendTensorHead(int number, const v1::Tensor& tensor, size_t data_size, std::string& bytes) {
  std::string head = tensor.SerializeAsString();
  if (data_size > 0) AppendLengthPrefix(v1::Tensor::kDataFieldNumber, data_size, head);
  AppendLengthPrefix(number, head.size() + data_size, bytes);
  bytes += head;
}

}  // namespace lossd::wire
