#ifndef LOSSD_CLIENT_SRC_CONVERT_LOSS_SPEC_DECODING_H_
#define LOSSD_CLIENT_SRC_CONVERT_LOSS_SPEC_DECODING_H_

#include <optional>

#include "absl/status/statusor.h"
#include "lossd/class_weighting.h"
#include "lossd/compute.h"
#include "lossd/v1/compute.pb.h"
#include "lossd/v1/loss_spec.pb.h"

namespace lossd::client {

// Returns nullopt for a scheme of a newer server.
std::optional<WeightScheme> DecodeWeightScheme(v1::WeightScheme scheme);

// Returns nullopt for an activation of a newer server.
std::optional<Activation> DecodeActivation(int activation);

Normalization DecodeNormalization(v1::Normalization normalization);

// Returns what the server computed. Vectors have their length, and NaN for each element. Returns
// INTERNAL, naming the field, for what this client cannot have asked for.
absl::StatusOr<AppliedLoss> DecodeAppliedLoss(const v1::AppliedLoss& message);

}  // namespace lossd::client

#endif  // LOSSD_CLIENT_SRC_CONVERT_LOSS_SPEC_DECODING_H_
