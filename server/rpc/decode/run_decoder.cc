#include "server/rpc/decode/run_decoder.h"

#include <algorithm>
#include <cstddef>
#include <utility>
#include <variant>

#include "absl/strings/ascii.h"
#include "server/rpc/decode/range_check.h"
#include "server/rpc/errors/short_text.h"
#include "server/rpc/tensor/tensor_values.h"

namespace lossd::rpc {
namespace {

constexpr size_t kMostNameCharacters = 128;
constexpr size_t kMostRequestIdBytes = 96;
constexpr size_t kMostShown = 160;

bool IsNameCharacter(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
         absl::string_view("._-/").find(c) != absl::string_view::npos;
}

void CheckNotNegative(int64_t value, const Field& field) {
  if (value < 0) field.Refuse("= ", value, ", expected an integer >= 0");
}

std::optional<std::vector<int64_t>> DecodeSampleIds(const TensorFields& fields,
                                                    const LogitsLayout& layout,
                                                    loss::Activation activation,
                                                    const Field& field) {
  const auto tensor = CheckTensor(fields, v1::DATA_TYPE_UNSPECIFIED, field);
  if (!tensor) return std::nullopt;
  const Shape expected = layout.SampleShape(activation);
  if (tensor->shape != expected) {
    field["shape"].Refuse("= ", ShapeText(tensor->shape), ", expected the losses' shape ",
                          ShapeText(expected));
    return std::nullopt;
  }
  auto ids = ReadIntegers(*tensor, field);
  if (!ids || activation != loss::Activation::kSigmoid) return ids;
  return MoveClassesLast(layout, *std::move(ids));
}

void CheckRequired(const v1::ComputeRequest& request, const BatchFields& fields,
                   const OwnedLabels* labels, loss::Activation activation, const Field& field) {
  CheckRunName(request.run(), field["run"]);
  if (activation == loss::Activation::kLogProbability) {
    field["run"].Refuse("is set, expected none with log-probabilities, which have no margin");
  }
  if (fields.rollout.any()) {
    field["rollout"].Refuse("is set, expected none beside run, whose losses are of samples alone");
  }
  if (!request.has_sample_ids()) {
    field["sample_ids"].Refuse("is not set, expected the id of each sample beside run");
  }
  if (request.request_id().empty()) {
    field["request_id"].Refuse("is not set, expected 1 to ", kMostRequestIdBytes,
                               " bytes beside run");
  }
  const bool has_targets = labels != nullptr && std::holds_alternative<OwnedTargets>(*labels);
  if (has_targets && activation == loss::Activation::kSoftmax) {
    field[NameOf(*labels)].Refuse(
        "are targets, expected integers: a run of softmax has a class for each "
        "sample");
  }
}

}  // namespace

void CheckRunName(absl::string_view name, const Field& field) {
  const bool fits = !name.empty() && name.size() <= kMostNameCharacters;
  if (fits && std::all_of(name.begin(), name.end(), IsNameCharacter)) return;
  field.Refuse("= '", ShortText(name, kMostShown), "', expected 1 to ", kMostNameCharacters,
               " letters, digits and ._-/");
}

std::optional<RunFields> DecodeRun(const v1::ComputeRequest& request, const BatchFields& fields,
                                   const LogitsLayout& layout, loss::Activation activation,
                                   const OwnedLabels* labels, const Field& field) {
  if (request.has_step()) CheckNotNegative(request.step(), field["step"]);
  if (request.has_epoch()) CheckNotNegative(request.epoch(), field["epoch"]);
  if (request.has_learning_rate()) {
    CheckRange(request.learning_rate(), Range::AtLeast(0), field["learning_rate"]);
  }
  if (request.request_id().size() > kMostRequestIdBytes) {
    field["request_id"].Refuse("has ", request.request_id().size(), " bytes, expected at most ",
                               kMostRequestIdBytes);
  }
  std::optional<std::vector<int64_t>> ids;
  if (fields.sample_ids) {
    ids = DecodeSampleIds(*fields.sample_ids, layout, activation, field["sample_ids"]);
  }
  if (request.run().empty()) return std::nullopt;
  CheckRequired(request, fields, labels, activation, field);
  if (!ids) return std::nullopt;
  RunFields run = {request.run(), request.request_id(), *std::move(ids), {}, {}, {}};
  if (request.has_step()) run.step = request.step();
  if (request.has_epoch()) run.epoch = request.epoch();
  if (request.has_learning_rate()) run.learning_rate = request.learning_rate();
  return run;
}

}  // namespace lossd::rpc
