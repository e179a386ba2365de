#include "server/rpc/decode/reduction_decoder.h"

#include "server/rpc/errors/unknown_value.h"

namespace lossd::rpc {

loss::Reduction DecodeReduction(v1::Reduction reduction, const Field& field) {
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
    case v1::REDUCTION_SEQUENCE_MEAN:
      return loss::Reduction::kSequenceMean;
    default:
      RefuseUnknownValue(reduction, field);
      return loss::Reduction::kNone;
  }
}

}  // namespace lossd::rpc
