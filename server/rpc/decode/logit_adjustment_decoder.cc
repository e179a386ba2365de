#include "server/rpc/decode/logit_adjustment_decoder.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/rpc/decode/class_weighting_decoder.h"
#include "server/rpc/decode/range_check.h"

namespace lossd::rpc {
namespace {

enum class EmptyCounts { kAllowed, kRefused };

// The required counts of an adjustment at `path`; none after adding to `violations`.
template <class Adjustment>
std::vector<double> DecodeCounts(const Adjustment& adjustment, EmptyCounts empty,
                                 absl::string_view path, const LogitsLayout* layout,
                                 FieldViolations& violations) {
  const std::string counts_path = absl::StrCat(path, ".counts");
  if (!adjustment.has_counts()) {
    violations.Add(counts_path, "is not set, expected the samples of each class");
    return {};
  }
  std::optional<int64_t> length;
  if (layout != nullptr) length = layout->class_vector_length();
  auto counts = DecodeClassVector(adjustment.counts(), length, counts_path, violations);
  if (!counts) return {};
  CheckSum(*counts, counts_path, violations);
  if (empty == EmptyCounts::kRefused &&
      std::all_of(counts->begin(), counts->end(), [](double n) { return n == 0; })) {
    violations.Add(counts_path, "is 0 for every class, expected a class with samples");
  }
  return *std::move(counts);
}

loss::PriorAdjustment DecodePrior(const v1::PriorAdjustment& prior, absl::string_view path,
                                  const LogitsLayout* layout, FieldViolations& violations) {
  loss::PriorAdjustment decoded;
  if (prior.has_tau()) decoded.tau = prior.tau();
  CheckRange(decoded.tau, Range::Any(), absl::StrCat(path, ".tau"), violations);
  decoded.counts = DecodeCounts(prior, EmptyCounts::kRefused, path, layout, violations);
  return decoded;
}

loss::MarginAdjustment DecodeMargin(const v1::MarginAdjustment& margin, absl::string_view path,
                                    const LogitsLayout* layout, FieldViolations& violations) {
  loss::MarginAdjustment decoded;
  if (margin.has_max_margin()) decoded.max_margin = margin.max_margin();
  if (margin.has_scale()) decoded.scale = margin.scale();
  CheckRange(decoded.max_margin, Range::AtLeast(0), absl::StrCat(path, ".max_margin"), violations);
  CheckRange(decoded.scale, Range::Above(0), absl::StrCat(path, ".scale"), violations);
  decoded.counts = DecodeCounts(margin, EmptyCounts::kRefused, path, layout, violations);
  return decoded;
}

loss::SeesawAdjustment DecodeSeesaw(const v1::SeesawAdjustment& seesaw, absl::string_view path,
                                    const LogitsLayout* layout, FieldViolations& violations) {
  loss::SeesawAdjustment decoded;
  if (seesaw.has_p()) decoded.p = seesaw.p();
  if (seesaw.has_q()) decoded.q = seesaw.q();
  if (seesaw.has_eps()) decoded.eps = seesaw.eps();
  CheckRange(decoded.p, Range::AtLeast(0), absl::StrCat(path, ".p"), violations);
  CheckRange(decoded.q, Range::AtLeast(0), absl::StrCat(path, ".q"), violations);
  CheckRange(decoded.eps, Range::AboveUpTo(0, 1), absl::StrCat(path, ".eps"), violations);
  decoded.counts = DecodeCounts(seesaw, EmptyCounts::kAllowed, path, layout, violations);
  return decoded;
}

}  // namespace

loss::LogitAdjustment DecodeLogitAdjustment(const v1::LogitAdjustment& adjustment,
                                            absl::string_view path, loss::Activation activation,
                                            const LogitsLayout* layout,
                                            FieldViolations& violations) {
  if (activation != loss::Activation::kSoftmax) {
    violations.Add(path, "acts with softmax only, but the activation is sigmoid");
    return {};
  }
  switch (adjustment.adjustment_case()) {
    case v1::LogitAdjustment::kPrior:
      return DecodePrior(adjustment.prior(), absl::StrCat(path, ".prior"), layout, violations);
    case v1::LogitAdjustment::kMargin:
      return DecodeMargin(adjustment.margin(), absl::StrCat(path, ".margin"), layout, violations);
    case v1::LogitAdjustment::kSeesaw:
      return DecodeSeesaw(adjustment.seesaw(), absl::StrCat(path, ".seesaw"), layout, violations);
    case v1::LogitAdjustment::ADJUSTMENT_NOT_SET:
      break;
  }
  violations.Add(path, "names no adjustment, expected prior, margin or seesaw");
  return {};
}

}  // namespace lossd::rpc
