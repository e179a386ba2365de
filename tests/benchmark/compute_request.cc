#include "tests/benchmark/compute_request.h"

#include <random>
#include <string>

#include "google/protobuf/message_lite.h"
#include "grpcpp/support/slice.h"
#include "lossd/v1/compute.pb.h"

namespace lossd::benchmark {
namespace {

template <typename T>
void SetData(const std::vector<T>& values, v1::DataType type, v1::Tensor* tensor) {
  tensor->set_data_type(type);
  tensor->set_data(values.data(), values.size() * sizeof(T));
}

v1::ComputeRequest Message(const Batch& batch) {
  v1::ComputeRequest request;
  SetData(batch.logits, v1::DATA_TYPE_FLOAT32, request.mutable_logits());
  request.mutable_logits()->add_shape(batch.rows);
  request.mutable_logits()->add_shape(batch.classes);
  SetData(batch.labels, v1::DATA_TYPE_INT64, request.mutable_labels());
  request.mutable_labels()->add_shape(batch.rows);
  request.set_reduction(v1::REDUCTION_MEAN);
  request.mutable_outputs()->set_gradient(true);
  return request;
}

grpc::ByteBuffer Serialize(const google::protobuf::MessageLite& message) {
  grpc::Slice slice(message.ByteSizeLong());
  // The slice is this function's alone; gRPC offers no other way to write into one.
  message.SerializeWithCachedSizesToArray(const_cast<uint8_t*>(slice.begin()));
  return {&slice, 1};
}

}  // namespace

Batch MakeBatch(int64_t rows, int64_t classes) {
  Batch batch{rows, classes, {}, {}};
  std::minstd_rand random(1);
  std::uniform_real_distribution<float> logit(-4, 4);
  std::uniform_int_distribution<int64_t> label(0, classes - 1);
  batch.logits.resize(static_cast<size_t>(rows * classes));
  for (float& z : batch.logits) z = logit(random);
  batch.labels.resize(static_cast<size_t>(rows));
  for (int64_t& t : batch.labels) t = label(random);
  return batch;
}

grpc::ByteBuffer ComputeRequest(const Batch& batch) { return Serialize(Message(batch)); }

grpc::ByteBuffer PolicyRequest(int64_t tokens) {
  std::minstd_rand random(1);
  std::uniform_real_distribution<float> u(-4, 0);
  std::normal_distribution<float> moved(0, 0.3F);
  const auto column = [&](auto draw) {
    std::vector<float> values(static_cast<size_t>(tokens));
    for (float& value : values) value = draw();
    return values;
  };
  const std::vector<float> log_p = column([&] { return u(random); });
  size_t next = 0;
  const auto near_log_p = [&] { return log_p[next++ % log_p.size()] + moved(random); };
  v1::ComputeRequest request;
  const auto set = [&](const std::vector<float>& values, v1::Tensor* tensor) {
    SetData(values, v1::DATA_TYPE_FLOAT32, tensor);
    tensor->add_shape(tokens);
  };
  set(log_p, request.mutable_logits());
  set(column(near_log_p), request.mutable_rollout()->mutable_old_log_probs());
  set(column(near_log_p), request.mutable_rollout()->mutable_reference_log_probs());
  set(column([&] { return moved(random); }), request.mutable_rollout()->mutable_advantages());
  request.mutable_loss()->set_activation(v1::ACTIVATION_LOG_PROBABILITY);
  request.mutable_loss()->mutable_ppo();
  request.mutable_loss()->mutable_kl_penalty()->set_coefficient(0.04);
  request.set_reduction(v1::REDUCTION_MEAN);
  request.mutable_outputs()->set_gradient(true);
  request.mutable_outputs()->set_omit_losses(true);
  request.mutable_outputs()->set_policy_statistics(true);
  return Serialize(request);
}

grpc::ByteBuffer ComputeStreamRequest(const Batch& batch, uint64_t sequence) {
  v1::ComputeStreamRequest request;
  request.set_sequence(sequence);
  *request.mutable_request() = Message(batch);
  return Serialize(request);
}

}  // namespace lossd::benchmark
