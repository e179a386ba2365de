#include "server/rpc/encode/compute_response_encoder.h"

#include <memory>
#include <utility>
#include <vector>

#include "server/rpc/decode/output_fields.h"
#include "server/rpc/encode/statistics_encoder.h"
#include "server/rpc/tensor/data_type.h"
#include "server/rpc/tensor/element_types.h"
#include "server/rpc/tensor/response_size.h"
#include "server/rpc/tensor/tensor_encoder.h"

namespace lossd::rpc {
namespace {

int64_t LogitCount(const LogitsLayout& layout) { return layout.rows * layout.classes; }

// Returns the shape in which `row` is answered.
Shape AnswerShape(const loss::OutputRow& row, const ComputeCall& call) {
  return row.extent == loss::OutputExtent::kSamples
             ? call.logits.layout.SampleShape(call.spec.activation)
             : call.logits.layout.shape;
}

// Returns the type in which `row` is answered.
v1::DataType AnswerType(const loss::OutputRow& row, const ComputeCall& call) {
  switch (row.type) {
    case loss::OutputType::kLogits:
      return call.logits.type;
    case loss::OutputType::kAskedFor:
      return call.outputs.gradient_type;
    case loss::OutputType::kComputed:
      break;
  }
  return ComputedType(call.logits.type);
}

int64_t OutputSize(const loss::OutputRow& row, const ComputeCall& call) {
  const LogitsLayout& layout = call.logits.layout;
  const bool one_per_row = row.extent == loss::OutputExtent::kSamples &&
                           call.spec.activation == loss::Activation::kSoftmax;
  return one_per_row ? layout.rows : LogitCount(layout);
}

// Calls visit(row) for each output that `call` asks for.
template <typename Visit>
void ForEachWantedOutput(const ComputeCall& call, Visit visit) {
  for (const loss::OutputRow& row : loss::kOutputTable) {
    if (call.outputs.arrays[row.output]) visit(row);
  }
}

// A tensor of fewer bytes is copied into the message, which costs less than two more slices.
constexpr int64_t kSmallestOutgoing = int64_t{4} << 10;

// Writes the response's tensors in the style of the request's logits: small ones and lists of
// values into the message, large ones beside it.
class TensorWriter {
 public:
  TensorWriter(const DecodedLogits& logits, BufferPool& pool, const Cancellation& cancellation,
               ComputeAnswer& answer)
      : logits_(logits), pool_(pool), cancellation_(cancellation), answer_(answer) {}

  const Cancellation& cancellation() const { return cancellation_; }

  // Writes an array, rounded to `type`.
  void Write(FloatArray&& array, const Shape& shape, v1::DataType type,
             const OutputFields& fields) {
    const bool is_outgoing = logits_.style == TensorStyle::kData &&
                             SizeOf(array) * ElementSize(type) >= kSmallestOutgoing;
    if (!is_outgoing) {
      EncodeTensor(ViewOf(array), shape, type, logits_.style,
                   *(answer_.message.*fields.mutable_tensor)(), cancellation_);
      return;
    }
    std::vector<Buffer> data;
    data.push_back(EncodeElements(std::move(array), type, pool_, cancellation_));
    WriteParts(std::move(data), shape, type, fields);
  }

  // Writes a tensor whose parts are elements of `type` already.
  void WriteParts(std::vector<Buffer> parts, const Shape& shape, v1::DataType type,
                  const OutputFields& fields) {
    OutgoingTensor outgoing;
    outgoing.field_number = fields.response_field;
    outgoing.tensor.set_data_type(type);
    outgoing.tensor.mutable_shape()->Assign(shape.begin(), shape.end());
    outgoing.data = std::move(parts);
    answer_.tensors.push_back(std::move(outgoing));
  }

  void WriteClassVector(absl::Span<const double> values, v1::Tensor& tensor) const {
    EncodeTensor(values, {static_cast<int64_t>(values.size())}, v1::DATA_TYPE_FLOAT64,
                 logits_.style, tensor);
  }

 private:
  static int64_t SizeOf(const FloatArray& array) {
    return std::visit([](const auto& a) { return static_cast<int64_t>(a.size()); }, array);
  }

  const DecodedLogits& logits_;
  BufferPool& pool_;
  const Cancellation& cancellation_;
  ComputeAnswer& answer_;
};

void EncodeScalars(const loss::Result& result, v1::ComputeResponse& response) {
  response.set_loss(result.loss);
  response.set_loss_sum(result.loss_sum);
  response.set_weight_sum(result.weight_sum);
  response.set_valid_count(result.valid_count);
  response.set_non_finite_count(result.non_finite_count);
  if (result.sequence_count) response.set_sequence_count(*result.sequence_count);
  response.mutable_top_k_correct()->Assign(result.top_k_correct.begin(),
                                           result.top_k_correct.end());
}

// Returns sigmoid's [rows, classes] in the layout of the logits.
FloatArray ToLogitsLayout(const LogitsLayout& layout, FloatArray array) {
  return std::visit(
      [&layout](auto a) -> FloatArray { return MoveClassesBack(layout, std::move(a)); },
      std::move(array));
}

void EncodeArrays(const ComputeCall& call, OutputArrays&& arrays, TensorWriter& writer) {
  ForEachWantedOutput(call, [&](const loss::OutputRow& row) {
    if (writer.cancellation().Ask()) return;
    const Shape shape = AnswerShape(row, call);
    const v1::DataType type = AnswerType(row, call);
    const OutputFields& fields = FieldsOf(row.output);
    if (row.output == loss::Output::kGradient && arrays.gradient_parts != nullptr) {
      writer.WriteParts(std::move(*arrays.gradient_parts).Take(), shape, type, fields);
      return;
    }
    if (row.output == loss::Output::kGradient && arrays.half_gradient) {
      std::vector<Buffer> data;
      data.push_back(std::move(arrays.half_gradient->buffer));
      writer.WriteParts(std::move(data), shape, type, fields);
      return;
    }
    FloatArray& array = arrays[row.output];
    const bool is_element = row.extent == loss::OutputExtent::kSamples &&
                            call.spec.activation == loss::Activation::kSigmoid;
    if (is_element) array = ToLogitsLayout(call.logits.layout, std::move(array));
    writer.Write(std::move(array), shape, type, fields);
  });
}

void EncodeClasses(const ComputeCall& call, const loss::Result& result, TensorWriter& writer,
                   v1::ComputeResponse& response) {
  if (call.outputs.class_weights && !result.class_weights.empty()) {
    writer.WriteClassVector(result.class_weights, *response.mutable_class_weights());
  }
  if (result.class_statistics) {
    EncodeClassStatistics(*result.class_statistics, *response.mutable_class_statistics());
  }
  if (result.difficulty) EncodeDifficulty(*result.difficulty, *response.mutable_difficulty());
  if (result.policy_statistics) {
    EncodePolicyStatistics(*result.policy_statistics, *response.mutable_policy_statistics());
  }
}

// A number of a list: in the message, and once more when that is serialized.
constexpr double kBytesOfListed = 2 * sizeof(double);

// A gradient of fewer bytes is written to one buffer of the pool. Many small parts take a little
// more time, and the memory of the server is decided by large requests.
constexpr int64_t kSmallestInParts = int64_t{32} << 20;

// Returns true when the gradient is made in parts, each after the slices of its logits were given
// up, so that both together take little more memory than one. That needs logits that are read block
// by block, and a large gradient of their type.
bool MakesGradientInParts(const ComputeCall& call) {
  const loss::LogitReader* const reader = call.logits.reader.get();
  return call.outputs.arrays[loss::Output::kGradient] && reader != nullptr &&
         ComputedType(call.logits.type) == call.logits.type && !reader->pieces().empty() &&
         call.outputs.gradient_type == call.logits.type &&
         LogitCount(call.logits.layout) * ElementSize(call.logits.type) >= kSmallestInParts;
}

// Returns true when the core makes the gradient in the type of 16 bits in which it is sent beside
// the message.
bool MakesHalfGradient(const ComputeCall& call) {
  const v1::DataType type = call.outputs.gradient_type;
  const LogitsLayout& layout = call.logits.layout;
  return call.outputs.arrays[loss::Output::kGradient] &&
         FormatOf(type) != kernels::FloatFormat::kComputed &&
         ComputedType(call.logits.type) == v1::DATA_TYPE_FLOAT32 && layout.inner == 1 &&
         call.logits.style == TensorStyle::kData &&
         LogitCount(layout) * ElementSize(type) >= kSmallestOutgoing;
}

}  // namespace

absl::Status CheckResponseFits(const ComputeCall& call, int64_t max_message_bytes) {
  const OutputSelection& outputs = call.outputs;
  const LogitsLayout& layout = call.logits.layout;
  ResponseSize size;
  ForEachWantedOutput(call, [&](const loss::OutputRow& row) {
    size.AddTensor(OutputSize(row, call), AnswerType(row, call), call.logits.style);
  });
  const loss::ClassWeighting& weighting = call.spec.class_weighting;
  if (outputs.class_weights && (!weighting.weights.empty() || weighting.scheme)) {
    size.AddDoubles(layout.class_vector_length());
  }
  if (call.options.class_statistics && call.options.class_columns == loss::ClassColumns::kAll) {
    size.AddClassStatistics(layout.class_vector_length());
  }
  return size.Check(max_message_bytes);
}

loss::Work EncodingWork(const ComputeCall& call, const loss::Batch& batch) {
  constexpr double kNanosecondsOfElement = 4;
  // A loss has few fields, and its tensors leave their elements out.
  constexpr loss::Work kWorkOfApplied = {2000, 2048};
  loss::Work work;
  const v1::DataType computed = ComputedType(call.logits.type);
  ForEachWantedOutput(call, [&](const loss::OutputRow& row) {
    const auto elements = static_cast<double>(OutputSize(row, call));
    const v1::DataType type = AnswerType(row, call);
    const bool in_half = row.output == loss::Output::kGradient && MakesHalfGradient(call);
    auto bytes = in_half ? 0 : static_cast<double>(ElementSize(computed));
    // Sigmoid's elements are moved to where the logits have them.
    if (call.logits.layout.moves_classes()) bytes *= 2;
    if (call.logits.style == TensorStyle::kValues) bytes += kBytesOfListed;
    if (type != computed) bytes += static_cast<double>(ElementSize(type));
    work += {kNanosecondsOfElement * elements, bytes * elements};
  });
  const auto entries = static_cast<double>(call.logits.layout.class_vector_length());
  if (call.outputs.class_weights) work.bytes += kBytesOfListed * entries;
  if (call.options.class_statistics) {
    work += ClassStatisticsWork(loss::ColumnEntries(batch, call.spec, call.options));
  }
  work.bytes += kBytesOfListed * static_cast<double>(call.options.top_k.size());
  if (call.outputs.applied) work += kWorkOfApplied;
  return work;
}

OutputArrays AllocateOutputs(const ComputeCall& call, BufferPool& pool) {
  const bool in_parts = MakesGradientInParts(call);
  const bool in_half = MakesHalfGradient(call);
  OutputArrays arrays;
  ForEachWantedOutput(call, [&](const loss::OutputRow& row) {
    if ((in_parts || in_half) && row.output == loss::Output::kGradient) return;
    arrays[row.output] =
        MakeFloatArray(call.logits.type, static_cast<size_t>(OutputSize(row, call)), pool);
  });
  if (in_parts) {
    arrays.gradient_parts =
        std::make_unique<MatrixBuffers>(call.logits.layout.classes, ComputedType(call.logits.type));
  }
  if (in_half) {
    const v1::DataType type = call.outputs.gradient_type;
    const int64_t bytes = LogitCount(call.logits.layout) * ElementSize(type);
    arrays.half_gradient = HalfGradient{pool.Take(static_cast<size_t>(bytes)), type};
  }
  return arrays;
}

loss::Outputs ViewOf(OutputArrays& arrays) {
  loss::Outputs outputs;
  for (const loss::OutputRow& row : loss::kOutputTable) {
    outputs[row.output] = MutableViewOf(arrays[row.output]);
  }
  outputs.gradient_parts = arrays.gradient_parts.get();
  if (arrays.half_gradient) {
    outputs.half_gradient = {static_cast<uint16_t*>(arrays.half_gradient->buffer.data()),
                             FormatOf(arrays.half_gradient->type)};
  }
  return outputs;
}

ComputeAnswer EncodeComputeResponse(const ComputeCall& call, OutputArrays&& arrays,
                                    const loss::Result& result, BufferPool& pool,
                                    const Cancellation& cancellation) {
  ComputeAnswer answer;
  TensorWriter writer(call.logits, pool, cancellation, answer);
  EncodeScalars(result, answer.message);
  EncodeArrays(call, std::move(arrays), writer);
  EncodeClasses(call, result, writer, answer.message);
  return answer;
}

}  // namespace lossd::rpc
