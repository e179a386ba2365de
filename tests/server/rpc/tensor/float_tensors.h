#ifndef LOSSD_TESTS_SERVER_RPC_TENSOR_FLOAT_TENSORS_H_
#define LOSSD_TESTS_SERVER_RPC_TENSOR_FLOAT_TENSORS_H_

#include <cstdint>
#include <vector>

#include "lossd/v1/tensor.pb.h"
#include "server/rpc/tensor/half_float.h"
#include "tests/server/rpc/tensor/tensors.h"

namespace lossd::rpc {

// Returns a Tensor with `data`, whose values are rounded to its type.
inline v1::Tensor FloatData(v1::DataType type, const std::vector<int64_t>& shape,
                            const std::vector<double>& values) {
  std::vector<float> floats(values.begin(), values.end());
  std::vector<uint16_t> halves;
  switch (type) {
    case v1::DATA_TYPE_FLOAT16:
      for (const float v : floats) halves.push_back(ToFloat16(v));
      return DataTensor(type, shape, halves);
    case v1::DATA_TYPE_BFLOAT16:
      for (const float v : floats) halves.push_back(ToBfloat16(v));
      return DataTensor(type, shape, halves);
    case v1::DATA_TYPE_FLOAT32:
      return DataTensor(type, shape, floats);
    default:
      return DataTensor(type, shape, values);
  }
}

// Returns what FloatData makes of a value.
inline double Rounded(v1::DataType type, double value) {
  switch (type) {
    case v1::DATA_TYPE_FLOAT16:
      return static_cast<double>(Float16ToFloat(ToFloat16(value)));
    case v1::DATA_TYPE_BFLOAT16:
      return static_cast<double>(Bfloat16ToFloat(ToBfloat16(value)));
    case v1::DATA_TYPE_FLOAT32:
      return static_cast<double>(static_cast<float>(value));
    default:
      return value;
  }
}

}  // namespace lossd::rpc

#endif  // LOSSD_TESTS_SERVER_RPC_TENSOR_FLOAT_TENSORS_H_
