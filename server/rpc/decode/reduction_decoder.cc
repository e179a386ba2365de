#include "server/rpc/decode/reduction_decoder.h"

#include "absl/strings/str_cat.h"

namespace lossd::rpc {

loss::Reduction DecodeReduction(v1::Reduction reduction, FieldViolations& violations) {
  switch (reduction) {
    case v1::REDUCTION_UNSPECIFIED:
    case v1::REDUCTION_NONE:
      return loss::Reduction::kNone;
    case v1::REDUCTION_SUM:
      return loss::Reduction::kSum;
    case v1::REDUCTION_MEAN:
      return loss::Reduction::kMean;
    case v1::REDUCTION_MEAN_VALID:
      return loss::Reduction::kMeanValid;
    default:
      violations.Add("reduction",
                     absl::StrCat("= ", static_cast<int>(reduction), " is not a Reduction"));
      return loss::Reduction::kNone;
  }
}

}  // namespace lossd::rpc
