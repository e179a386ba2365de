#ifndef LOSSD_CLIENT_SRC_CONVERT_LOSS_SPEC_ENCODING_H_
#define LOSSD_CLIENT_SRC_CONVERT_LOSS_SPEC_ENCODING_H_

#include "lossd/class_weighting.h"
#include "lossd/loss_spec.h"
#include "lossd/v1/loss_spec.pb.h"

namespace lossd::client {

// Fields at their defaults stay unset, so that an older server never meets one it does not know.
v1::LossSpec EncodeLossSpec(const LossSpec& loss);
v1::SchemeWeights EncodeSchemeWeights(const SchemeWeights& weights);

}  // namespace lossd::client

#endif  // LOSSD_CLIENT_SRC_CONVERT_LOSS_SPEC_ENCODING_H_
