#include "tests/integration/runs/recorded_batches.h"

#include <cstring>
#include <limits>
#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/runs/memory_store.h"

namespace lossd {
namespace {

template <typename T>
void SetData(const std::vector<T>& values, const std::vector<int64_t>& shape, v1::DataType type,
             v1::Tensor& tensor) {
  tensor.set_data_type(type);
  tensor.mutable_shape()->Assign(shape.begin(), shape.end());
  tensor.mutable_data()->assign(reinterpret_cast<const char*>(values.data()),
                                values.size() * sizeof(T));
}

template <typename T>
std::vector<T> DataOf(const v1::Tensor& tensor) {
  std::vector<T> values(tensor.data().size() / sizeof(T));
  std::memcpy(values.data(), tensor.data().data(), tensor.data().size());
  return values;
}

}  // namespace

ServerOptions KeepingRuns() {
  ServerOptions options;
  options.runs = std::make_shared<runs::MemoryStore>(runs::MemoryStoreOptions());
  return options;
}

v1::ComputeRequest RandomBatch(std::mt19937_64& random, v1::Activation activation, int64_t rows,
                               int64_t ids, double strength) {
  const bool softmax = activation == v1::ACTIVATION_SOFTMAX;
  const auto classes = static_cast<size_t>(kClasses);
  const size_t per_row = softmax ? 1 : classes;
  std::normal_distribution<double> normal(0, 1);
  std::vector<double> logits(static_cast<size_t>(rows) * classes);
  for (double& z : logits) z = normal(random);
  std::vector<int64_t> labels(static_cast<size_t>(rows) * per_row);
  std::vector<int64_t> sample_ids(labels.size());
  for (size_t i = 0; i < labels.size(); ++i) {
    labels[i] = static_cast<int64_t>(random() % (softmax ? classes : 2));
    sample_ids[i] = static_cast<int64_t>(random() % static_cast<uint64_t>(ids)) - 3;
    const auto label = static_cast<size_t>(labels[i]);
    if (softmax) {
      logits[i * classes + label] += strength;
    } else {
      logits[i] += label == 1 ? strength : -strength;
    }
  }
  for (size_t k = 0; k < classes; ++k) logits[k] = 1;  // ties, or a sigmoid's 0 below
  logits[classes] = 0;
  logits[2 * classes] = std::numeric_limits<double>::quiet_NaN();
  logits[3 * classes + 1] = -std::numeric_limits<double>::infinity();
  labels[4 * per_row] = kNoLabel;

  v1::ComputeRequest request;
  request.mutable_loss()->set_activation(activation);
  request.mutable_loss()->set_ignore_index(kNoLabel);
  SetData(logits, {rows, kClasses}, v1::DATA_TYPE_FLOAT64, *request.mutable_logits());
  std::vector<int64_t> shape = {rows};
  if (!softmax) shape.push_back(kClasses);
  SetData(labels, shape, v1::DATA_TYPE_INT64, *request.mutable_labels());
  SetData(sample_ids, shape, v1::DATA_TYPE_INT64, *request.mutable_sample_ids());
  request.mutable_outputs()->set_probabilities(true);
  request.mutable_outputs()->set_margin(true);
  return request;
}

runs::OwnedBatch FromAnswer(const v1::ComputeRequest& request, const v1::ComputeResponse& answer) {
  const bool softmax = request.loss().activation() == v1::ACTIVATION_SOFTMAX;
  const auto classes = static_cast<size_t>(kClasses);
  const auto logits = DataOf<double>(request.logits());
  const auto labels = DataOf<int64_t>(request.labels());
  const auto ids = DataOf<int64_t>(request.sample_ids());
  const auto losses = DataOf<double>(answer.losses());
  const auto margins = DataOf<double>(answer.margin());
  const auto probabilities = DataOf<double>(answer.probabilities());
  runs::OwnedBatch batch;
  for (size_t i = 0; i < labels.size(); ++i) {
    const auto label = static_cast<size_t>(labels[i]);
    const size_t first = softmax ? i * classes : i;
    runs::Presentation one;
    one.id = ids[i];
    one.label = labels[i];
    one.class_id = softmax ? labels[i] : static_cast<int64_t>(i % classes);
    one.ignored = labels[i] == kNoLabel;
    one.loss = losses[i];
    one.margin = margins[i];
    if (!one.ignored && softmax) {
      one.true_probability = probabilities[first + label];
      size_t largest = 0;
      for (size_t k = 1; k < classes; ++k) {
        if (logits[first + k] > logits[first + largest]) largest = k;
      }
      one.correct = largest == label;
    } else if (!one.ignored) {
      one.true_probability = label == 1 ? probabilities[i] : 1 - probabilities[i];
      one.correct = (logits[i] > 0) == (label == 1);
    }
    batch.samples.push_back(one);
  }
  return batch;
}

v1::ComputeRequest SmallBatch(const std::string& run, int64_t first, int64_t count) {
  v1::ComputeRequest request;
  request.set_run(run);
  request.set_request_id(absl::StrCat("from ", first));
  request.mutable_logits()->add_shape(count);
  request.mutable_logits()->add_shape(2);
  for (int64_t i = 0; i < count; ++i) {
    request.mutable_logits()->add_float_values(0);
    request.mutable_logits()->add_float_values(1);
    request.mutable_labels()->add_int_values(1);
    request.mutable_sample_ids()->add_int_values(first + i);
  }
  return request;
}

}  // namespace lossd
