#include "server/rpc/encode/compute_response_encoder.h"

#include <memory>
#include <utility>
#include <vector>

#include "server/rpc/encode/statistics_encoder.h"
#include "server/rpc/tensor/data_type.h"
#include "server/rpc/tensor/response_size.h"
#include "server/rpc/tensor/tensor_encoder.h"

namespace lossd::rpc {
namespace {

int64_t LogitCount(const LogitsLayout& layout) { return layout.rows * layout.classes; }

int64_t SampleCount(const ComputeCall& call) {
  return call.spec.activation == loss::Activation::kSoftmax ? call.logits.layout.rows
                                                            : LogitCount(call.logits.layout);
}

// Below, a tensor goes into the message: two more slices cost more than copying it.
constexpr int64_t kSmallestOutgoing = int64_t{4} << 10;

// Writes the response's tensors in the layout and the style of the request's logits: small ones and
// lists of values into the message, large ones beside it.
class TensorWriter {
 public:
  TensorWriter(const DecodedLogits& logits, BufferPool& pool, ComputeAnswer& answer)
      : logits_(logits), pool_(pool), answer_(answer) {}

  // An array of the logits' shape and in their layout.
  void WriteLogitsShaped(FloatArray array, v1::DataType type, int field) {
    Write(std::move(array), logits_.layout.shape, type, field);
  }

  // The same, of the tensor's type already.
  void WriteLogitsShaped(std::vector<Buffer> parts, v1::DataType type, int field) {
    WriteOutgoing(std::move(parts), logits_.layout.shape, type, field);
  }

  // An array with one element per sample of sigmoid, [rows, classes].
  void WriteElements(FloatArray array, int field) {
    FloatArray moved = std::visit(
        [this](auto a) -> FloatArray { return MoveClassesBack(logits_.layout, std::move(a)); },
        std::move(array));
    Write(std::move(moved), logits_.layout.shape, ComputedType(logits_.type), field);
  }

  // An array with one element per row.
  void WriteRows(FloatArray array, int field) {
    Write(std::move(array), logits_.layout.RowShape(), ComputedType(logits_.type), field);
  }

  void WriteClassVector(absl::Span<const double> values, int field) {
    EncodeTensor(values, {static_cast<int64_t>(values.size())}, v1::DATA_TYPE_FLOAT64,
                 logits_.style, MutableTensor(answer_.message, field));
  }

 private:
  void Write(FloatArray array, const Shape& shape, v1::DataType type, int field) {
    const bool is_outgoing = logits_.style == TensorStyle::kData &&
                             SizeOf(array) * ElementSize(type) >= kSmallestOutgoing;
    if (!is_outgoing) {
      EncodeTensor(ViewOf(array), shape, type, logits_.style,
                   MutableTensor(answer_.message, field));
      return;
    }
    std::vector<Buffer> data;
    data.push_back(EncodeElements(std::move(array), type, pool_));
    WriteOutgoing(std::move(data), shape, type, field);
  }

  void WriteOutgoing(std::vector<Buffer> data, const Shape& shape, v1::DataType type, int field) {
    OutgoingTensor outgoing;
    outgoing.field_number = field;
    outgoing.tensor.set_data_type(type);
    outgoing.tensor.mutable_shape()->Assign(shape.begin(), shape.end());
    outgoing.data = std::move(data);
    answer_.tensors.push_back(std::move(outgoing));
  }

  static int64_t SizeOf(const FloatArray& array) {
    return std::visit([](const auto& a) { return static_cast<int64_t>(a.size()); }, array);
  }

  const DecodedLogits& logits_;
  BufferPool& pool_;
  ComputeAnswer& answer_;
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

void EncodeArrays(const ComputeCall& call, OutputArrays arrays, TensorWriter& writer) {
  using Response = v1::ComputeResponse;
  const OutputSelection& outputs = call.outputs;
  const v1::DataType computed = ComputedType(call.logits.type);
  if (outputs.losses) {
    if (call.spec.activation == loss::Activation::kSoftmax) {
      writer.WriteRows(std::move(arrays.losses), Response::kLossesFieldNumber);
    } else {
      writer.WriteElements(std::move(arrays.losses), Response::kLossesFieldNumber);
    }
  }
  if (arrays.gradient_parts != nullptr) {
    writer.WriteLogitsShaped(std::move(*arrays.gradient_parts).Take(), outputs.gradient_type,
                             Response::kGradientFieldNumber);
  } else if (outputs.gradient) {
    writer.WriteLogitsShaped(std::move(arrays.gradient), outputs.gradient_type,
                             Response::kGradientFieldNumber);
  }
  if (outputs.hessian_diagonal) {
    writer.WriteLogitsShaped(std::move(arrays.hessian_diagonal), computed,
                             Response::kHessianDiagonalFieldNumber);
  }
  if (outputs.probabilities) {
    writer.WriteLogitsShaped(std::move(arrays.probabilities), call.logits.type,
                             Response::kProbabilitiesFieldNumber);
  }
  if (outputs.log_sum_exp) {
    writer.WriteRows(std::move(arrays.log_sum_exp), Response::kLogSumExpFieldNumber);
  }
}

void EncodeClasses(const ComputeCall& call, const loss::Result& result, TensorWriter& writer,
                   v1::ComputeResponse& response) {
  if (call.outputs.class_weights && !result.class_weights.empty()) {
    writer.WriteClassVector(result.class_weights, v1::ComputeResponse::kClassWeightsFieldNumber);
  }
  if (result.class_statistics) {
    EncodeClassStatistics(
        *result.class_statistics,
        call.outputs.present_classes_only ? ClassColumns::kPresentOnly : ClassColumns::kAll,
        *response.mutable_class_statistics());
  }
  if (result.difficulty) EncodeDifficulty(*result.difficulty, *response.mutable_difficulty());
}

// A gradient of fewer bytes has a buffer of the pool's: many small ones take a little more time,
// and it is large requests that a server's memory is measured by.
constexpr int64_t kSmallestInParts = int64_t{32} << 20;

// A large gradient of the logits' type is made in parts while the slices that these came in are
// given up: where they are read block by block, both together take little more memory than one.
bool MakesGradientInParts(const ComputeCall& call) {
  const loss::LogitReader* const reader = call.logits.reader.get();
  return call.outputs.gradient && reader != nullptr && !reader->pieces().empty() &&
         call.outputs.gradient_type == call.logits.type &&
         LogitCount(call.logits.layout) * ElementSize(call.logits.type) >= kSmallestInParts;
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

OutputArrays AllocateOutputs(const ComputeCall& call, BufferPool& pool) {
  const bool in_double = call.logits.type == v1::DATA_TYPE_FLOAT64;
  const auto allocate = [&pool, in_double](bool wanted, int64_t size) -> FloatArray {
    const auto elements = static_cast<size_t>(wanted ? size : 0);
    if (in_double) return AlignedArray<double>(elements, pool);
    return AlignedArray<float>(elements, pool);
  };
  const OutputSelection& outputs = call.outputs;
  const int64_t logits = LogitCount(call.logits.layout);
  const bool in_parts = MakesGradientInParts(call);
  OutputArrays arrays;
  arrays.losses = allocate(outputs.losses, SampleCount(call));
  arrays.gradient = allocate(outputs.gradient && !in_parts, logits);
  arrays.hessian_diagonal = allocate(outputs.hessian_diagonal, logits);
  arrays.probabilities = allocate(outputs.probabilities, logits);
  arrays.log_sum_exp = allocate(outputs.log_sum_exp, call.logits.layout.rows);
  if (in_parts) {
    using Element = MatrixBuffers::Element;
    arrays.gradient_parts = std::make_unique<MatrixBuffers>(
        call.logits.layout.classes, in_double ? Element::kFloat64 : Element::kFloat32);
  }
  return arrays;
}

loss::Outputs ViewOf(OutputArrays& arrays) {
  loss::Outputs outputs;
  outputs[loss::Output::kLosses] = MutableViewOf(arrays.losses);
  outputs[loss::Output::kGradient] = MutableViewOf(arrays.gradient);
  outputs[loss::Output::kHessianDiagonal] = MutableViewOf(arrays.hessian_diagonal);
  outputs[loss::Output::kProbabilities] = MutableViewOf(arrays.probabilities);
  outputs[loss::Output::kLogSumExp] = MutableViewOf(arrays.log_sum_exp);
  outputs.gradient_parts = arrays.gradient_parts.get();
  return outputs;
}

ComputeAnswer EncodeComputeResponse(const ComputeCall& call, OutputArrays arrays,
                                    const loss::Result& result, BufferPool& pool) {
  ComputeAnswer answer;
  TensorWriter writer(call.logits, pool, answer);
  EncodeScalars(result, answer.message);
  EncodeArrays(call, std::move(arrays), writer);
  EncodeClasses(call, result, writer, answer.message);
  return answer;
}

}  // namespace lossd::rpc
