#ifndef LOSSD_CLIENT_SRC_CONVERT_POLICY_LOSS_CODEC_H_
#define LOSSD_CLIENT_SRC_CONVERT_POLICY_LOSS_CODEC_H_

#include <optional>

#include "lossd/loss_spec.h"
#include "lossd/policy_loss.h"
#include "lossd/v1/loss_spec.pb.h"

namespace lossd::client {

// Write the forms of a ratio into the oneof.
void EncodeForm(const ImportanceSampling& form, v1::LossSpec& loss);
void EncodeForm(const Ppo& form, v1::LossSpec& loss);
void EncodeForm(const Cispo& form, v1::LossSpec& loss);
void EncodeForm(const Dro& form, v1::LossSpec& loss);
void EncodeForm(const Sapo& form, v1::LossSpec& loss);
void EncodeForm(const Dppo& form, v1::LossSpec& loss);

// Returns the form of a ratio that the message has, nullopt for any other.
std::optional<LossForm> DecodePolicyForm(const v1::LossSpec& message);

// Writes the ratio, the penalty and the weighting. Those at their defaults stay unset.
void EncodePolicyOptions(const LossSpec& loss, v1::LossSpec& message);

// Reads them. Values of a newer server read as the default.
void DecodePolicyOptions(const v1::LossSpec& message, LossSpec& loss);

}  // namespace lossd::client

#endif  // LOSSD_CLIENT_SRC_CONVERT_POLICY_LOSS_CODEC_H_
