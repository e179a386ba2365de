#include "server/rpc/decode/logit_adjustment_decoder.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "server/rpc/decode/activation_decoder.h"
#include "server/rpc/decode/class_weighting_decoder.h"
#include "server/rpc/decode/range_check.h"

namespace lossd::rpc {
namespace {

enum class ZeroCounts { kAllowed, kRefused };

// Returns the required counts of the adjustment at `field`; none after adding to the violations.
template <typename Adjustment>
std::vector<double> DecodeCounts(const Adjustment& adjustment, ZeroCounts zeros,
                                 const LogitsLayout* layout, const Field& field) {
  const Field counts_field = field["counts"];
  if (!adjustment.has_counts()) {
    counts_field.Refuse("is not set, expected the number of samples of each class");
    return {};
  }
  auto counts = DecodeClassVector(adjustment.counts(), ClassVectorLength(layout), counts_field);
  if (!counts) return {};
  CheckSum(*counts, counts_field);
  if (zeros == ZeroCounts::kRefused &&
      std::all_of(counts->begin(), counts->end(), [](double n) { return n == 0; })) {
    counts_field.Refuse("is 0 for every class, expected a class with samples");
  }
  return *std::move(counts);
}

loss::PriorAdjustment DecodePrior(const v1::PriorAdjustment& prior, const LogitsLayout* layout,
                                  const Field& field) {
  loss::PriorAdjustment decoded;
  if (prior.has_tau()) decoded.tau = prior.tau();
  CheckRange(decoded.tau, Range::Any(), field["tau"]);
  decoded.counts = DecodeCounts(prior, ZeroCounts::kRefused, layout, field);
  return decoded;
}

loss::MarginAdjustment DecodeMargin(const v1::MarginAdjustment& margin, const LogitsLayout* layout,
                                    const Field& field) {
  loss::MarginAdjustment decoded;
  if (margin.has_max_margin()) decoded.max_margin = margin.max_margin();
  if (margin.has_scale()) decoded.scale = margin.scale();
  CheckRange(decoded.max_margin, Range::AtLeast(0), field["max_margin"]);
  CheckRange(decoded.scale, Range::Above(0), field["scale"]);
  decoded.counts = DecodeCounts(margin, ZeroCounts::kRefused, layout, field);
  return decoded;
}

loss::SeesawAdjustment DecodeSeesaw(const v1::SeesawAdjustment& seesaw, const LogitsLayout* layout,
                                    const Field& field) {
  loss::SeesawAdjustment decoded;
  if (seesaw.has_p()) decoded.p = seesaw.p();
  if (seesaw.has_q()) decoded.q = seesaw.q();
  if (seesaw.has_eps()) decoded.eps = seesaw.eps();
  CheckRange(decoded.p, Range::AtLeast(0), field["p"]);
  CheckRange(decoded.q, Range::AtLeast(0), field["q"]);
  CheckRange(decoded.eps, Range::AboveUpTo(0, 1), field["eps"]);
  decoded.counts = DecodeCounts(seesaw, ZeroCounts::kAllowed, layout, field);
  return decoded;
}

}  // namespace

loss::LogitAdjustment DecodeLogitAdjustment(const v1::LogitAdjustment& adjustment,
                                            loss::Activation activation, const LogitsLayout* layout,
                                            const Field& field) {
  if (!CheckActivation(loss::Activation::kSoftmax, activation, field)) return {};
  switch (adjustment.adjustment_case()) {
    case v1::LogitAdjustment::kPrior:
      return DecodePrior(adjustment.prior(), layout, field["prior"]);
    case v1::LogitAdjustment::kMargin:
      return DecodeMargin(adjustment.margin(), layout, field["margin"]);
    case v1::LogitAdjustment::kSeesaw:
      return DecodeSeesaw(adjustment.seesaw(), layout, field["seesaw"]);
    case v1::LogitAdjustment::ADJUSTMENT_NOT_SET:
      break;
  }
  field.Refuse("sets none of prior, margin and seesaw");
  return {};
}

}  // namespace lossd::rpc
