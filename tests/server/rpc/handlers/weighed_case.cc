#include "tests/server/rpc/handlers/weighed_case.h"

#include <iterator>
#include <limits>

#include "google/protobuf/message.h"
#include "server/loss/catalogue.h"
#include "tests/server/loss/draw.h"
#include "tests/server/loss/problem_batch.h"
#include "tests/server/rpc/tensor/float_tensors.h"
#include "tests/server/rpc/tensor/tensors.h"

namespace lossd::rpc {
namespace {

using oracle::Activation;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kGarbage[] = {kNan, 255, kInfinity, -1, -kInfinity, 6e4};

// Writes the form of the problem into the oneof.
void AddForm(const oracle::Problem& problem, v1::LossSpec& loss) {
  const loss::LossSpec spec = loss::SpecOf(problem);
  const bool is_variant = spec.form->variant_of != nullptr;
  const auto* field = v1::LossSpec::descriptor()->FindFieldByName(is_variant ? spec.form->variant_of
                                                                             : spec.form->name);
  google::protobuf::Message* form = loss.GetReflection()->MutableMessage(&loss, field);
  for (int i = 0; i < spec.form->parameter_count; ++i) {
    const auto index = static_cast<size_t>(i);
    form->GetReflection()->SetDouble(
        form, form->GetDescriptor()->FindFieldByName(spec.form->parameters[index].name),
        spec.parameters[index]);
  }
  if (!is_variant) return;
  if (loss.has_focal()) {
    loss.mutable_focal()->set_soft_target_rule(v1::SOFT_TARGET_RULE_BLENDED);
  } else if (loss.has_asymmetric()) {
    loss.mutable_asymmetric()->set_detach_focusing(true);
  }
}

}  // namespace

std::vector<int64_t> Layout::RowShape() const {
  std::vector<int64_t> shape = {static_cast<int64_t>(outer)};
  if (has_inner) shape.push_back(static_cast<int64_t>(inner));
  return shape;
}

std::vector<int64_t> Layout::Shape() const {
  std::vector<int64_t> shape = RowShape();
  const auto place = classes_second ? shape.begin() + 1 : shape.end();
  shape.insert(place, static_cast<int64_t>(classes));
  return shape;
}

WeighedCase::WeighedCase(unsigned seed) : random_(seed) {
  DrawLayout();
  DrawLogits();
  DrawForm();
  DrawLabels();
  DrawClassWeights();
  DrawSampleWeights();
  DrawReduction();
}

v1::ComputeRequest WeighedCase::Request(IgnoredValues ignored) const {
  v1::ComputeRequest request;
  AddLoss(*request.mutable_loss());
  if (layout_.classes_second) request.set_class_axis(1);
  request.set_reduction(static_cast<v1::Reduction>(1 + static_cast<int>(problem_.reduction)));
  if (problem_.normalizer) request.set_normalizer(*problem_.normalizer);
  v1::OutputOptions& outputs = *request.mutable_outputs();
  outputs.set_gradient(true);
  outputs.set_gradient_data_type(type_ == v1::DATA_TYPE_FLOAT64 ? v1::DATA_TYPE_FLOAT64
                                                                : v1::DATA_TYPE_FLOAT32);
  outputs.set_hessian_diagonal(true);
  if (problem_.hessian_mode == oracle::HessianMode::kPositive) {
    outputs.set_hessian_mode(v1::HESSIAN_MODE_POSITIVE);
  }
  *request.mutable_logits() = SentFloats(problem_.logits, ignored);
  *request.mutable_labels() =
      problem_.targets ? SentFloats(*problem_.targets, ignored) : SentLabels(ignored);
  if (!problem_.sample_weights.empty()) {
    *request.mutable_sample_weights() =
        SentPerSample(problem_.sample_weights, IgnoredValues::kOrdinary);
  }
  if (!problem_.upstream_gradient.empty()) {
    *request.mutable_upstream_gradient() = SentPerSample(problem_.upstream_gradient, ignored);
  }
  return request;
}

std::vector<double> WeighedCase::Uniforms(size_t count) {
  std::vector<double> values;
  for (size_t i = 0; i < count; ++i) values.push_back(Uniform());
  return values;
}

void WeighedCase::DrawLayout() {
  problem_.activation = Below(2) == 0 ? Activation::kSoftmax : Activation::kSigmoid;
  layout_.outer = 1 + Below(6);
  layout_.has_inner = Below(2) == 0;
  layout_.inner = layout_.has_inner ? 1 + Below(4) : 1;
  layout_.classes = 2 + Below(6);
  layout_.classes_second = Below(2) == 0;
  constexpr v1::DataType kTypes[] = {v1::DATA_TYPE_FLOAT64, v1::DATA_TYPE_FLOAT32,
                                     v1::DATA_TYPE_FLOAT16, v1::DATA_TYPE_BFLOAT16};
  type_ = Below(2) == 0 ? v1::DATA_TYPE_FLOAT64 : kTypes[Below(4)];
  constexpr v1::DataType kLabelTypes[] = {v1::DATA_TYPE_INT64, v1::DATA_TYPE_INT32,
                                          v1::DATA_TYPE_UINT8};
  label_type_ = kLabelTypes[Below(3)];
  labels_in_values_ = Below(3) == 0;
}

void WeighedCase::DrawLogits() {
  problem_.logits = oracle::Matrix::from_shape({rows(), layout_.classes});
  std::normal_distribution<double> normal(0, 2);
  for (double& z : problem_.logits) z = Rounded(type_, normal(random_));
}

void WeighedCase::DrawForm() {
  static const auto* const choices = new std::vector<loss::FormChoice>(loss::FormChoices());
  const loss::FormChoice* choice = &choices->front();  // cross entropy
  if (Below(3) != 0) {
    do {
      choice = &(*choices)[Below(choices->size())];
    } while (softmax() && !choice->has_softmax);
  }
  problem_.form = choice->form;
  problem_.parameters = choice->parameters;
  if (choice->has_smoothing && Below(2) == 0) problem_.label_smoothing = 0.125;
  if (Below(4) == 0) problem_.hessian_mode = oracle::HessianMode::kPositive;
}

// jensen_shannon's rows sum to 1 in every type.
void WeighedCase::DrawTargets() {
  problem_.targets = oracle::Matrix::from_shape({rows(), layout_.classes});
  if (!softmax() || problem_.form != oracle::Form::kJensenShannon) {
    for (double& t : *problem_.targets) t = Rounded(type_, Uniform());
    return;
  }
  problem_.targets->fill(0);
  for (size_t row = 0; row < rows(); ++row) {
    for (int i = 0; i < 8; ++i) (*problem_.targets)(row, Below(layout_.classes)) += 0.125;
  }
}

void WeighedCase::DrawLabels() {
  const size_t kind = Below(softmax() ? 2 : 3);
  if (kind == 0) {
    DrawTargets();
    return;
  }
  if (Below(2) == 0) problem_.ignore_index = 100;
  const auto label = [&](size_t end) {
    return problem_.ignore_index && Below(4) == 0 ? 100 : static_cast<int64_t>(Below(end));
  };
  if (kind == 1) {
    problem_.class_ids.emplace();
    for (size_t i = 0; i < rows(); ++i) problem_.class_ids->push_back(label(layout_.classes));
  } else {
    problem_.binary_labels = xt::xtensor<int64_t, 2>::from_shape({rows(), layout_.classes});
    for (int64_t& value : *problem_.binary_labels) value = label(2);
  }
}

void WeighedCase::DrawClassWeights() {
  if (Below(2) == 0) problem_.weights = Uniforms(layout_.classes);
  if (softmax()) return;
  if (Below(3) == 0) problem_.alpha = Uniform();
  if (Below(3) == 0) problem_.positive_weights = Uniforms(Below(2) == 0 ? 1 : layout_.classes);
}

void WeighedCase::DrawSampleWeights() {
  per_outer_ = Below(3) == 0;
  if (Below(4) == 0) return;
  const size_t count = per_outer_ ? layout_.outer : problem_.samples();
  for (size_t i = 0; i < count; ++i) {
    problem_.sample_weights.push_back(Below(3) == 0 ? 0 : Uniform());
  }
}

void WeighedCase::DrawReduction() {
  problem_.reduction = static_cast<oracle::Reduction>(Below(4));
  if (problem_.reduction == oracle::Reduction::kNone) {
    if (Below(2) == 0) return;
    std::normal_distribution<double> normal;
    const size_t count = per_outer_ ? layout_.outer : problem_.samples();
    for (size_t i = 0; i < count; ++i) problem_.upstream_gradient.push_back(normal(random_));
  } else if (problem_.reduction != oracle::Reduction::kSum && Below(3) == 0) {
    problem_.normalizer = 1 + Uniform();
  }
}

bool WeighedCase::WeighsNothing(size_t row, size_t k) const {
  const std::vector<double>& s = problem_.sample_weights;
  if (s.empty()) return false;
  const size_t sample = softmax() ? row : row * layout_.classes + k;
  return s[sample / (problem_.samples() / s.size())] == 0;
}

bool WeighedCase::WholeRowWeighsNothing(size_t row) const {
  size_t k = 0;
  while (k < layout_.classes && WeighsNothing(row, k)) ++k;
  return k == layout_.classes;
}

bool WeighedCase::IsIgnored(size_t row, size_t k) const {
  if (WeighsNothing(row, k)) return true;
  if (!problem_.ignore_index) return false;
  if (problem_.class_ids) return (*problem_.class_ids)[row] == *problem_.ignore_index;
  return (*problem_.binary_labels)(row, k) == *problem_.ignore_index;
}

void WeighedCase::AddLoss(v1::LossSpec& loss) const {
  if (!softmax()) loss.set_activation(v1::ACTIVATION_SIGMOID);
  AddForm(problem_, loss);
  loss.set_label_smoothing(problem_.label_smoothing);
  if (problem_.ignore_index) loss.set_ignore_index(*problem_.ignore_index);
  const auto vector = [](const std::vector<double>& values) {
    return FloatValues({static_cast<int64_t>(values.size())}, values);
  };
  if (!problem_.weights.empty()) {
    *loss.mutable_class_weighting()->mutable_weights() = vector(problem_.weights);
  }
  if (problem_.alpha) loss.mutable_class_weighting()->set_alpha(*problem_.alpha);
  if (!problem_.positive_weights.empty()) {
    *loss.mutable_class_weighting()->mutable_positive_weights() = vector(problem_.positive_weights);
  }
}

v1::Tensor WeighedCase::SentFloats(const oracle::Matrix& matrix, IgnoredValues ignored) const {
  std::vector<double> sent(matrix.size());
  for (size_t row = 0; row < rows(); ++row) {
    for (size_t k = 0; k < layout_.classes; ++k) {
      const size_t place = layout_.Sent(row, k);
      const bool is_garbage = ignored == IgnoredValues::kGarbage && IsIgnored(row, k);
      sent[place] = is_garbage ? kGarbage[place % std::size(kGarbage)] : matrix(row, k);
    }
  }
  return FloatData(type_, layout_.Shape(), sent);
}

v1::Tensor WeighedCase::SentLabels(IgnoredValues ignored) const {
  const int64_t garbage = label_type_ == v1::DATA_TYPE_UINT8 ? 255 : -1;
  std::vector<int64_t> labels;
  std::vector<int64_t> shape = layout_.RowShape();
  if (problem_.class_ids) {
    labels = *problem_.class_ids;
    for (size_t row = 0; row < rows(); ++row) {
      if (ignored == IgnoredValues::kGarbage && WholeRowWeighsNothing(row)) labels[row] = garbage;
    }
  } else {
    shape = layout_.Shape();
    labels.resize(rows() * layout_.classes);
    for (size_t row = 0; row < rows(); ++row) {
      for (size_t k = 0; k < layout_.classes; ++k) {
        const bool is_garbage = ignored == IgnoredValues::kGarbage && WeighsNothing(row, k);
        labels[layout_.Sent(row, k)] = is_garbage ? garbage : (*problem_.binary_labels)(row, k);
      }
    }
  }
  if (labels_in_values_) return IntValues(shape, labels);
  if (label_type_ == v1::DATA_TYPE_UINT8) {
    return DataTensor(label_type_, shape, std::vector<uint8_t>(labels.begin(), labels.end()));
  }
  if (label_type_ == v1::DATA_TYPE_INT32) {
    return DataTensor(label_type_, shape, std::vector<int32_t>(labels.begin(), labels.end()));
  }
  return DataTensor(label_type_, shape, labels);
}

v1::Tensor WeighedCase::SentPerSample(std::vector<double> values, IgnoredValues ignored) const {
  const size_t columns = softmax() ? 1 : layout_.classes;
  const size_t samples_per_value = problem_.samples() / values.size();
  if (per_outer_ || softmax()) {
    for (size_t i = 0; ignored == IgnoredValues::kGarbage && i < values.size(); ++i) {
      bool all = true;
      for (size_t n = i * samples_per_value; n < (i + 1) * samples_per_value; ++n) {
        all = all && IsIgnored(n / columns, n % columns);
      }
      if (all) values[i] = kGarbage[i % std::size(kGarbage)];
    }
    if (!per_outer_) return FloatValues(layout_.RowShape(), values);
    return FloatValues({static_cast<int64_t>(layout_.outer)}, values);
  }
  std::vector<double> sent(values.size());
  for (size_t row = 0; row < rows(); ++row) {
    for (size_t k = 0; k < columns; ++k) {
      const size_t place = layout_.Sent(row, k);
      const bool is_garbage = ignored == IgnoredValues::kGarbage && IsIgnored(row, k);
      sent[place] = is_garbage ? kGarbage[place % std::size(kGarbage)] : values[row * columns + k];
    }
  }
  return FloatValues(layout_.Shape(), sent);
}

}  // namespace lossd::rpc
