#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/loss/cancelled_call.h"
#include "server/loss/information.h"
#include "server/loss/work.h"
#include "server/rpc/decode/decoding_work.h"
#include "server/rpc/errors/field.h"
#include "server/rpc/errors/number_text.h"
#include "server/rpc/errors/unknown_value.h"
#include "server/rpc/handlers/asked_work.h"
#include "server/rpc/handlers/handlers.h"
#include "server/rpc/tensor/data_type.h"
#include "server/rpc/tensor/element_violations.h"
#include "server/rpc/tensor/response_size.h"
#include "server/rpc/tensor/tensor_encoder.h"
#include "server/rpc/tensor/tensor_values.h"
#include "server/rpc/tensor/tensor_view.h"

namespace lossd::rpc {
namespace {

// Distributions as they were sent, their outcomes on the last axis.
struct Distributions {
  Shape shape;
  v1::DataType type = v1::DATA_TYPE_UNSPECIFIED;
  TensorStyle style = TensorStyle::kData;
  std::vector<double> values;

  int64_t outcomes() const { return shape.back(); }
  Shape RowShape() const { return {shape.size() == 1 ? 1 : shape.front()}; }
};

// A valid MeasureInformationRequest in the core's terms.
struct InformationCall {
  Distributions p;
  std::optional<Distributions> q;
  loss::InformationOptions options;
};

// Returns true when every row has a finite sum > 0, else adds the rows that have not.
bool CheckRows(const Distributions& rows, const Field& field) {
  const auto width = static_cast<size_t>(rows.outcomes());
  const Shape row_shape = rows.RowShape();
  ElementViolations elements(field, row_shape);
  const auto check = [&](size_t row) {
    const auto* begin = rows.values.data() + row * width;
    const double sum = std::accumulate(begin, begin + width, 0.0);
    if (sum > 0 && std::isfinite(sum)) return;
    elements.Add(row, [&] {
      return absl::StrCat("sums to ", NumberText(sum), ", expected a finite sum > 0");
    });
  };
  ForEachBlock(static_cast<int64_t>(rows.values.size() / width), rows.outcomes(),
               field.cancellation(), [&](int64_t begin, int64_t end) {
                 for (int64_t row = begin; row < end; ++row) check(static_cast<size_t>(row));
               });
  return elements.empty();
}

// Returns true when every row of logits has one above −∞, else adds the rows that have none.
bool CheckLogitRows(const Distributions& rows, const Field& field) {
  const auto width = static_cast<size_t>(rows.outcomes());
  const Shape row_shape = rows.RowShape();
  ElementViolations elements(field, row_shape);
  for (size_t row = 0; row * width < rows.values.size(); ++row) {
    const auto* begin = rows.values.data() + row * width;
    if (std::any_of(begin, begin + width, [](double z) { return std::isfinite(z); })) continue;
    elements.Add(row, [] { return "has no finite logit, expected at least one"; });
  }
  return elements.empty();
}

std::optional<Distributions> DecodeDistributions(const v1::Tensor& tensor,
                                                 loss::DistributionSource source,
                                                 const Field& field) {
  const auto view = CheckTensor(FieldsOf(tensor), v1::DATA_TYPE_UNSPECIFIED, field);
  if (!view) return std::nullopt;
  if (view->shape.size() > 2 || view->shape.back() == 0) {
    field["shape"].Refuse("= ", ShapeText(view->shape),
                          ", expected [N, K] or [K] with at least 1 outcome");
    return std::nullopt;
  }
  if (!CheckFamily(view->type, TypeFamily::kFloat, field["data_type"])) return std::nullopt;
  auto values = ReadNumbers(*view, field);
  if (!values) return std::nullopt;
  Distributions rows{view->shape, view->type, view->style(), *std::move(values)};
  const bool are_logits = source == loss::DistributionSource::kLogits;
  const Bound bound = are_logits ? Bound::kBelowInfinity : Bound::kFiniteAndNotNegative;
  if (!CheckBound(absl::MakeConstSpan(rows.values), rows.shape, bound, field)) return std::nullopt;
  const bool sums = are_logits ? CheckLogitRows(rows, field) : CheckRows(rows, field);
  if (!sums) return std::nullopt;
  return rows;
}

loss::InformationBase DecodeBase(v1::InformationBase base, const Field& field) {
  switch (base) {
    case v1::INFORMATION_BASE_UNSPECIFIED:
    case v1::INFORMATION_BASE_NAT:
      return loss::InformationBase::kNat;
    case v1::INFORMATION_BASE_BIT:
      return loss::InformationBase::kBit;
    case v1::INFORMATION_BASE_HARTLEY:
      return loss::InformationBase::kHartley;
    default:
      RefuseUnknownValue(base, field);
      return loss::InformationBase::kNat;
  }
}

absl::StatusOr<InformationCall> DecodeInformationRequest(
    const v1::MeasureInformationRequest& request, const Cancellation& cancellation) {
  FieldViolations violations;
  const Field field(violations, cancellation);
  InformationCall call;
  call.options.base = DecodeBase(request.base(), field["base"]);
  call.options.source = request.from_logits() ? loss::DistributionSource::kLogits
                                              : loss::DistributionSource::kWeights;
  call.options.self_information = request.self_information();

  std::optional<Distributions> p;
  if (request.has_p()) {
    p = DecodeDistributions(request.p(), call.options.source, field["p"]);
  } else {
    field["p"].Refuse("is not set, expected a tensor of floats");
  }
  if (request.has_q()) {
    call.q = DecodeDistributions(request.q(), call.options.source, field["q"]);
    if (p && call.q && p->shape != call.q->shape) {
      field["q"]["shape"].Refuse("= ", ShapeText(call.q->shape), ", expected p's shape ",
                                 ShapeText(p->shape));
    }
  }
  if (cancellation.seen()) return loss::CancelledCall();
  if (!violations.empty()) return violations.ToStatus();
  call.p = *std::move(p);
  return call;
}

absl::Status CheckResponseFits(const InformationCall& call, int64_t max_message_bytes) {
  const v1::DataType type = ComputedType(call.p.type);
  const auto elements = static_cast<int64_t>(call.p.values.size());
  const int64_t rows = elements / call.p.outcomes();
  ResponseSize size;
  if (call.options.self_information) size.AddTensor(elements, type, call.p.style);
  for (int measure = 0; measure < (call.q ? 4 : 1); ++measure) {
    size.AddTensor(rows, type, call.p.style);
  }
  return size.Check(max_message_bytes);
}

// Returns what measuring takes, and the measures in the response: computed, in the message, and in
// its bytes.
loss::Work WorkOf(const InformationCall& call) {
  constexpr double kBytesOfMeasure = 3 * sizeof(double);
  const auto outcomes = static_cast<double>(call.p.outcomes());
  const auto elements = static_cast<double>(call.p.values.size());
  const double rows = elements / outcomes;
  loss::Work work = loss::WorkOfInformation(rows, outcomes, call.q ? 3 : 1);
  work.bytes += kBytesOfMeasure * ((call.options.self_information ? elements : 0) + 4 * rows);
  return work;
}

v1::MeasureInformationResponse EncodeInformation(const InformationCall& call,
                                                 const loss::Information& information) {
  const auto encode = [&call](const std::vector<double>& values, const Shape& shape,
                              v1::Tensor& tensor) {
    EncodeTensor(absl::MakeConstSpan(values), shape, ComputedType(call.p.type), call.p.style,
                 tensor);
  };
  const Shape rows = call.p.RowShape();
  v1::MeasureInformationResponse response;
  if (call.options.self_information) {
    encode(information.self_information, call.p.shape, *response.mutable_self_information());
  }
  encode(information.entropy, rows, *response.mutable_entropy());
  if (call.q) {
    encode(information.cross_entropy, rows, *response.mutable_cross_entropy());
    encode(information.kl_divergence, rows, *response.mutable_kl_divergence());
    encode(information.jensen_shannon, rows, *response.mutable_jensen_shannon());
  }
  return response;
}

}  // namespace

absl::StatusOr<v1::MeasureInformationResponse> Handlers::MeasureInformation(
    const v1::MeasureInformationRequest& request, const CallContext& context) const {
  const Cancellation cancellation(context.cancelled);
  AskedWork asked(options_.limits, context);
  absl::Status admitted = asked.AskBefore(DecodingWork(request));
  if (!admitted.ok()) return admitted;
  const auto call = DecodeInformationRequest(request, cancellation);
  if (!call.ok()) return call.status();
  absl::Status fits = CheckResponseFits(*call, options_.limits.max_message_bytes);
  if (!fits.ok()) return fits;
  admitted = asked.Ask(WorkOf(*call));
  if (!admitted.ok()) return admitted;
  if (context.notes != nullptr) {
    context.notes->shape = {call->p.shape.begin(), call->p.shape.end()};
  }

  const absl::Span<const double> q = call->q ? call->q->values : absl::Span<const double>();
  const loss::Information information =
      loss::MeasureInformation(call->p.values, q, call->p.outcomes(), call->options, cancellation);
  if (cancellation.seen()) return loss::CancelledCall();
  return EncodeInformation(*call, information);
}

}  // namespace lossd::rpc
