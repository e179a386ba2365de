#ifndef LOSSD_TESTS_SERVER_RPC_TENSOR_TENSORS_H_
#define LOSSD_TESTS_SERVER_RPC_TENSOR_TENSORS_H_

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "lossd/v1/tensor.pb.h"

namespace lossd::rpc {

template <typename T>
std::string Bytes(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

template <typename T>
std::vector<T> FromBytes(const std::string& bytes) {
  std::vector<T> values(bytes.size() / sizeof(T));
  std::memcpy(values.data(), bytes.data(), values.size() * sizeof(T));
  return values;
}

template <typename T>
v1::Tensor DataTensor(v1::DataType type, const std::vector<int64_t>& shape,
                      const std::vector<T>& elements) {
  v1::Tensor tensor;
  tensor.set_data_type(type);
  tensor.mutable_shape()->Assign(shape.begin(), shape.end());
  tensor.set_data(Bytes(elements));
  return tensor;
}

inline v1::Tensor FloatValues(const std::vector<int64_t>& shape,
                              const std::vector<double>& values) {
  v1::Tensor tensor;
  tensor.mutable_shape()->Assign(shape.begin(), shape.end());
  tensor.mutable_float_values()->Assign(values.begin(), values.end());
  return tensor;
}

inline v1::Tensor IntValues(const std::vector<int64_t>& shape, const std::vector<int64_t>& values) {
  v1::Tensor tensor;
  tensor.mutable_shape()->Assign(shape.begin(), shape.end());
  tensor.mutable_int_values()->Assign(values.begin(), values.end());
  return tensor;
}

// The elements of a FLOAT32 or FLOAT64 tensor, however it was sent.
inline std::vector<double> ValuesOf(const v1::Tensor& tensor) {
  if (tensor.data().empty()) return {tensor.float_values().begin(), tensor.float_values().end()};
  if (tensor.data_type() == v1::DATA_TYPE_FLOAT64) return FromBytes<double>(tensor.data());
  EXPECT_EQ(tensor.data_type(), v1::DATA_TYPE_FLOAT32);
  const std::vector<float> values = FromBytes<float>(tensor.data());
  return {values.begin(), values.end()};
}

}  // namespace lossd::rpc

#endif  // LOSSD_TESTS_SERVER_RPC_TENSOR_TENSORS_H_
