#include "server/rpc/compute_response_encoder.h"

#include <utility>

#include "server/rpc/data_type.h"
#include "server/rpc/message_limit.h"
#include "server/rpc/statistics_encoder.h"
#include "server/rpc/tensor_encoder.h"

namespace lossd::rpc {
namespace {

int64_t LogitCount(const LogitsLayout& layout) { return layout.rows * layout.classes; }

int64_t SampleCount(const ComputeCall& call) {
  return call.spec.activation == loss::Activation::kSoftmax ? call.logits.layout.rows
                                                            : LogitCount(call.logits.layout);
}

// Writes the response's tensors in the layout and the style of the request's logits.
class TensorWriter {
 public:
  explicit TensorWriter(const DecodedLogits& logits) : logits_(logits) {}

  // An array of the logits' shape.
  void WriteLogitsShaped(FloatArray array, v1::DataType type, v1::Tensor& tensor) const {
    const FloatArray moved = std::visit(
        [this](auto a) -> FloatArray { return MoveClassesBack(logits_.layout, std::move(a)); },
        std::move(array));
    EncodeTensor(ViewOf(moved), logits_.layout.shape, type, logits_.style, tensor);
  }

  // An array with one element per row.
  void WriteRows(const FloatArray& array, v1::Tensor& tensor) const {
    EncodeTensor(ViewOf(array), logits_.layout.RowShape(), ComputedType(logits_.type),
                 logits_.style, tensor);
  }

  void WriteClassVector(absl::Span<const double> values, v1::Tensor& tensor) const {
    EncodeTensor(values, {static_cast<int64_t>(values.size())}, v1::DATA_TYPE_FLOAT64,
                 logits_.style, tensor);
  }

 private:
  const DecodedLogits& logits_;
};

void EncodeScalars(const loss::Result& result, v1::ComputeResponse& response) {
  response.set_loss(result.loss);
  response.set_loss_sum(result.loss_sum);
  response.set_weight_sum(result.weight_sum);
  response.set_valid_count(result.valid_count);
  response.set_non_finite_count(result.non_finite_count);
  response.mutable_top_k_correct()->Assign(result.top_k_correct.begin(),
                                           result.top_k_correct.end());
}

void EncodeArrays(const ComputeCall& call, OutputArrays arrays, v1::ComputeResponse& response) {
  const OutputSelection& outputs = call.outputs;
  const TensorWriter writer(call.logits);
  const v1::DataType computed = ComputedType(call.logits.type);
  if (outputs.losses) {
    if (call.spec.activation == loss::Activation::kSoftmax) {
      writer.WriteRows(arrays.losses, *response.mutable_losses());
    } else {
      writer.WriteLogitsShaped(std::move(arrays.losses), computed, *response.mutable_losses());
    }
  }
  if (outputs.gradient) {
    writer.WriteLogitsShaped(std::move(arrays.gradient), outputs.gradient_type,
                             *response.mutable_gradient());
  }
  if (outputs.hessian_diagonal) {
    writer.WriteLogitsShaped(std::move(arrays.hessian_diagonal), computed,
                             *response.mutable_hessian_diagonal());
  }
  if (outputs.probabilities) {
    writer.WriteLogitsShaped(std::move(arrays.probabilities), call.logits.type,
                             *response.mutable_probabilities());
  }
  if (outputs.log_sum_exp) writer.WriteRows(arrays.log_sum_exp, *response.mutable_log_sum_exp());
}

void EncodeClasses(const ComputeCall& call, const loss::Result& result,
                   v1::ComputeResponse& response) {
  if (call.outputs.class_weights && !result.class_weights.empty()) {
    TensorWriter(call.logits)
        .WriteClassVector(result.class_weights, *response.mutable_class_weights());
  }
  if (result.class_statistics) {
    EncodeClassStatistics(
        *result.class_statistics,
        call.outputs.present_classes_only ? ClassColumns::kPresentOnly : ClassColumns::kAll,
        *response.mutable_class_statistics());
  }
  if (result.difficulty) EncodeDifficulty(*result.difficulty, *response.mutable_difficulty());
}

}  // namespace

absl::Status CheckResponseFits(const ComputeCall& call, int64_t max_message_bytes) {
  const OutputSelection& outputs = call.outputs;
  const LogitsLayout& layout = call.logits.layout;
  const TensorStyle style = call.logits.style;
  const v1::DataType computed = ComputedType(call.logits.type);
  const int64_t logits = LogitCount(layout);

  ResponseSize size;
  if (outputs.losses) size.AddTensor(SampleCount(call), computed, style);
  if (outputs.gradient) size.AddTensor(logits, outputs.gradient_type, style);
  if (outputs.hessian_diagonal) size.AddTensor(logits, computed, style);
  if (outputs.probabilities) size.AddTensor(logits, call.logits.type, style);
  if (outputs.log_sum_exp) size.AddTensor(layout.rows, computed, style);
  const loss::ClassWeighting& weighting = call.spec.class_weighting;
  if (outputs.class_weights && (!weighting.weights.empty() || weighting.scheme)) {
    size.AddDoubles(layout.class_vector_length());
  }
  if (call.options.class_statistics && !outputs.present_classes_only) {
    size.AddClassStatistics(layout.class_vector_length());
  }
  return size.Check(max_message_bytes);
}

OutputArrays AllocateOutputs(const ComputeCall& call) {
  const bool in_double = call.logits.type == v1::DATA_TYPE_FLOAT64;
  const auto allocate = [in_double](bool wanted, int64_t size) -> FloatArray {
    const auto elements = static_cast<size_t>(wanted ? size : 0);
    if (in_double) return AlignedArray<double>(elements);
    return AlignedArray<float>(elements);
  };
  const OutputSelection& outputs = call.outputs;
  const int64_t logits = LogitCount(call.logits.layout);
  return {allocate(outputs.losses, SampleCount(call)), allocate(outputs.gradient, logits),
          allocate(outputs.hessian_diagonal, logits), allocate(outputs.probabilities, logits),
          allocate(outputs.log_sum_exp, call.logits.layout.rows)};
}

loss::Outputs ViewOf(OutputArrays& arrays) {
  return {MutableViewOf(arrays.losses), MutableViewOf(arrays.gradient),
          MutableViewOf(arrays.hessian_diagonal), MutableViewOf(arrays.probabilities),
          MutableViewOf(arrays.log_sum_exp)};
}

v1::ComputeResponse EncodeComputeResponse(const ComputeCall& call, OutputArrays arrays,
                                          const loss::Result& result) {
  v1::ComputeResponse response;
  EncodeScalars(result, response);
  EncodeArrays(call, std::move(arrays), response);
  EncodeClasses(call, result, response);
  return response;
}

}  // namespace lossd::rpc
