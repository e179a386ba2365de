#ifndef LOSSD_PROTO_WIRE_TENSOR_HEAD_H_
#define LOSSD_PROTO_WIRE_TENSOR_HEAD_H_

#include <cstddef>
#include <string>

#include "lossd/v1/tensor.pb.h"

namespace lossd::wire {

// Appends the field `number`, a Tensor, up to its data: `tensor`, which has none, and what
// announces `data_size` bytes of data. The data must follow, from wherever they lie.
void AppendTensorHead(int number, const v1::Tensor& tensor, size_t data_size, std::string& bytes);

}  // namespace lossd::wire

#endif  // LOSSD_PROTO_WIRE_TENSOR_HEAD_H_
