#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "lossd/v1/loss_service.pb.h"
#include "server/rpc/tensor/half_float.h"
#include "tests/oracle/evaluate.h"
#include "tests/server/rpc/handlers/call_handlers.h"
#include "tests/server/rpc/tensor/tensors.h"

// Requests drawn at random, over weights × smoothing × ignored samples × kinds of labels ×
// reductions × layouts × element types, against the oracle. What a sample of weight 0 has is
// replaced by garbage before it is sent.

namespace lossd::rpc {
namespace {

using oracle::Activation;
using oracle::Problem;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// Where the classes lie, and how many rows an entry of axis 0 has.
struct Layout {
  size_t outer = 1;
  size_t inner = 1;
  size_t classes = 2;
  bool has_inner = false;
  bool classes_second = false;

  size_t rows() const { return outer * inner; }

  // Returns where the request has the core's element.
  size_t Sent(size_t row, size_t k) const {
    if (!classes_second) return row * classes + k;
    return (row / inner * classes + k) * inner + row % inner;
  }
  std::vector<int64_t> RowShape() const {
    std::vector<int64_t> shape = {static_cast<int64_t>(outer)};
    if (has_inner) shape.push_back(static_cast<int64_t>(inner));
    return shape;
  }
  std::vector<int64_t> Shape() const {
    std::vector<int64_t> shape = RowShape();
    const auto place = classes_second ? shape.begin() + 1 : shape.end();
    shape.insert(place, static_cast<int64_t>(classes));
    return shape;
  }
};

v1::Tensor Floats(v1::DataType type, const std::vector<int64_t>& shape,
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

double Rounded(v1::DataType type, double value) {
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

class Case {
 public:
  explicit Case(unsigned seed) : random_(seed) {
    DrawLayout();
    DrawLogits();
    DrawLabels();
    DrawWeights();
  }

  const Problem& problem() const { return problem_; }
  const Layout& layout() const { return layout_; }
  v1::DataType type() const { return type_; }

  v1::ComputeRequest Request() {
    v1::ComputeRequest request;
    v1::LossSpec& loss = *request.mutable_loss();
    if (!softmax()) loss.set_activation(v1::ACTIVATION_SIGMOID);
    loss.set_label_smoothing(problem_.label_smoothing);
    if (problem_.ignore_index) loss.set_ignore_index(*problem_.ignore_index);
    if (!problem_.weights.empty()) {
      *loss.mutable_class_weighting()->mutable_weights() =
          FloatValues({static_cast<int64_t>(layout_.classes)}, problem_.weights);
    }
    if (layout_.classes_second) request.set_class_axis(1);
    request.set_reduction(static_cast<v1::Reduction>(1 + static_cast<int>(problem_.reduction)));
    request.mutable_outputs()->set_gradient(true);
    request.mutable_outputs()->set_gradient_data_type(
        type_ == v1::DATA_TYPE_FLOAT64 ? v1::DATA_TYPE_FLOAT64 : v1::DATA_TYPE_FLOAT32);
    AddTensors(request);
    return request;
  }

 private:
  bool softmax() const { return problem_.activation == Activation::kSoftmax; }
  size_t rows() const { return layout_.rows(); }
  size_t Below(size_t end) { return random_() % end; }
  double Uniform() { return static_cast<double>(Below(1001)) / 1000; }

  void DrawLayout() {
    problem_.activation = Below(2) == 0 ? Activation::kSoftmax : Activation::kSigmoid;
    problem_.reduction = static_cast<oracle::Reduction>(Below(4));
    layout_.outer = 1 + Below(6);
    layout_.has_inner = Below(2) == 0;
    layout_.inner = layout_.has_inner ? 1 + Below(4) : 1;
    layout_.classes = 2 + Below(6);
    layout_.classes_second = Below(2) == 0;
    constexpr v1::DataType kTypes[] = {v1::DATA_TYPE_FLOAT64, v1::DATA_TYPE_FLOAT32,
                                       v1::DATA_TYPE_FLOAT16, v1::DATA_TYPE_BFLOAT16};
    type_ = Below(2) == 0 ? v1::DATA_TYPE_FLOAT64 : kTypes[Below(4)];
  }

  void DrawLogits() {
    problem_.logits = oracle::Matrix::from_shape({rows(), layout_.classes});
    std::normal_distribution<double> normal(0, 2);
    for (double& z : problem_.logits) z = Rounded(type_, normal(random_));
  }

  void DrawLabels() {
    const size_t kind = Below(softmax() ? 2 : 3);
    const auto classes = static_cast<int64_t>(layout_.classes);
    if (Below(2) == 0) problem_.label_smoothing = 0.125;
    if (softmax() && Below(2) == 0) {
      for (int64_t k = 0; k < classes; ++k) problem_.weights.push_back(Uniform());
    }
    if (kind == 0) {
      problem_.targets = problem_.logits;
      for (double& t : *problem_.targets) t = Rounded(type_, Uniform());
      return;
    }
    if (Below(2) == 0) problem_.ignore_index = 100;
    const auto label = [&](int64_t end) {
      return problem_.ignore_index && Below(4) == 0
                 ? 100
                 : static_cast<int64_t>(Below(static_cast<size_t>(end)));
    };
    if (kind == 1) {
      problem_.class_ids.emplace();
      for (size_t i = 0; i < rows(); ++i) problem_.class_ids->push_back(label(classes));
    } else {
      problem_.binary_labels = xt::xtensor<int64_t, 2>::from_shape({rows(), layout_.classes});
      for (int64_t& value : *problem_.binary_labels) value = label(2);
    }
  }

  void DrawWeights() {
    per_outer_ = Below(3) == 0;
    if (Below(4) == 0) return;
    const size_t count = per_outer_ ? layout_.outer : problem_.samples();
    for (size_t i = 0; i < count; ++i) {
      problem_.sample_weights.push_back(Below(3) == 0 ? 0 : Uniform());
    }
  }

  bool WeighsNothing(size_t row, size_t k) const {
    const std::vector<double>& s = problem_.sample_weights;
    if (s.empty()) return false;
    const size_t sample = softmax() ? row : row * layout_.classes + k;
    return s[sample / (problem_.samples() / s.size())] == 0;
  }
  bool WholeRowWeighsNothing(size_t row) const {
    for (size_t k = 0; k < layout_.classes; ++k) {
      if (!WeighsNothing(row, k)) return false;
    }
    return true;
  }

  // Calls f(row, k, place): the core's element, and where the request has it.
  template <typename F>
  void ForEachElement(F f) const {
    for (size_t row = 0; row < rows(); ++row) {
      for (size_t k = 0; k < layout_.classes; ++k) f(row, k, layout_.Sent(row, k));
    }
  }

  std::vector<double> SentMatrix(const oracle::Matrix& matrix, double garbage) const {
    std::vector<double> sent(matrix.size());
    ForEachElement([&](size_t row, size_t k, size_t place) {
      sent[place] = WeighsNothing(row, k) ? garbage : matrix(row, k);
    });
    return sent;
  }

  v1::Tensor SentLabels() {
    const bool small = Below(2) == 0;
    const int64_t garbage = small ? 255 : -1;
    std::vector<int64_t> labels;
    std::vector<int64_t> shape = layout_.RowShape();
    if (problem_.class_ids) {
      labels = *problem_.class_ids;
      for (size_t row = 0; row < rows(); ++row) {
        if (WholeRowWeighsNothing(row)) labels[row] = garbage;
      }
    } else {
      shape = layout_.Shape();
      labels.resize(rows() * layout_.classes);
      ForEachElement([&](size_t row, size_t k, size_t place) {
        labels[place] = WeighsNothing(row, k) ? garbage : (*problem_.binary_labels)(row, k);
      });
    }
    if (small) {
      return DataTensor(v1::DATA_TYPE_UINT8, shape,
                        std::vector<uint8_t>(labels.begin(), labels.end()));
    }
    return Below(2) == 0 ? DataTensor(v1::DATA_TYPE_INT64, shape, labels)
                         : IntValues(shape, labels);
  }

  v1::Tensor SentWeights() const {
    const std::vector<double>& s = problem_.sample_weights;
    if (per_outer_) return FloatValues({static_cast<int64_t>(layout_.outer)}, s);
    if (softmax()) return FloatValues(layout_.RowShape(), s);
    std::vector<double> sent(s.size());
    ForEachElement(
        [&](size_t row, size_t k, size_t place) { sent[place] = s[row * layout_.classes + k]; });
    return FloatValues(layout_.Shape(), sent);
  }

  void AddTensors(v1::ComputeRequest& request) {
    const std::vector<int64_t> shape = layout_.Shape();
    *request.mutable_logits() = Floats(type_, shape, SentMatrix(problem_.logits, kNan));
    *request.mutable_labels() =
        problem_.targets ? Floats(type_, shape, SentMatrix(*problem_.targets, 255)) : SentLabels();
    if (!problem_.sample_weights.empty()) *request.mutable_sample_weights() = SentWeights();
  }

  std::mt19937 random_;
  Problem problem_;
  Layout layout_;
  v1::DataType type_ = v1::DATA_TYPE_FLOAT64;
  bool per_outer_ = false;
};

void ExpectNear(double actual, double expected, double tolerance, const char* what) {
  EXPECT_NEAR(actual, expected, tolerance * std::max(1.0, std::abs(expected))) << what;
}

void ExpectAnswers(const v1::ComputeResponse& response, const Case& drawn) {
  const oracle::Answer expected = oracle::Evaluate(drawn.problem());
  const Layout& layout = drawn.layout();
  const double tolerance = drawn.type() == v1::DATA_TYPE_FLOAT64 ? 1e-12 : 2e-5;
  EXPECT_EQ(response.valid_count(), expected.valid_count);
  EXPECT_EQ(response.non_finite_count(), 0);
  ExpectNear(response.weight_sum(), expected.weight_sum, 1e-13, "weight_sum");
  ExpectNear(response.loss_sum(), expected.loss_sum, tolerance, "loss_sum");
  ExpectNear(response.loss(), expected.loss, tolerance, "loss");
  const std::vector<double> losses = ValuesOf(response.losses());
  const std::vector<double> gradient = ValuesOf(response.gradient());
  const bool softmax = drawn.problem().activation == Activation::kSoftmax;
  for (size_t row = 0; row < layout.rows(); ++row) {
    for (size_t k = 0; k < layout.classes; ++k) {
      const size_t place = layout.Sent(row, k);
      const size_t sample = softmax ? row : row * layout.classes + k;
      ExpectNear(losses[softmax ? row : place], static_cast<double>(expected.losses[sample]),
                 tolerance, "losses");
      ExpectNear(gradient[place], expected.gradient(row, k), tolerance, "gradient");
    }
  }
}

TEST(WeighedSamples, AgreeWithTheOracle) {
  const CallHandlers handlers;
  for (unsigned seed = 0; seed < 600; ++seed) {
    SCOPED_TRACE(seed);
    Case drawn(seed);
    const auto response = handlers->Compute(drawn.Request(), {});
    ASSERT_TRUE(response.ok()) << response.status();
    ExpectAnswers(*response, drawn);
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace lossd::rpc
