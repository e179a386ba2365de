#ifndef LOSSD_SERVER_RPC_DECODE_ACTIVATION_DECODER_H_
#define LOSSD_SERVER_RPC_DECODE_ACTIVATION_DECODER_H_

#include <optional>
#include <string>

#include "lossd/v1/loss_spec.pb.h"
#include "server/loss/loss_spec.h"
#include "server/rpc/errors/field.h"

namespace lossd::rpc {

// Returns the activation of the loss at `field`, or nullopt after adding a violation.
std::optional<loss::Activation> DecodeActivation(const v1::LossSpec& spec, const Field& field);

// Returns whether the loss asks for log-probabilities in place of logits.
bool TakesLogProbabilities(const v1::LossSpec& spec);

// What is wrong with an option that acts on logits where there are log-probabilities.
inline constexpr char kNoLogitsText[] = "acts on logits, but the activation is log_probability";

// Returns what is wrong with an option that acts with the activation `needed` alone: "acts with
// softmax only, but the activation is sigmoid".
std::string OtherActivationText(loss::Activation needed, loss::Activation activation);

// Returns true when the option at `field`, which acts with the activation `needed` alone, is beside
// that activation, else adds a violation.
bool CheckActivation(loss::Activation needed, loss::Activation activation, const Field& field);

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_RPC_DECODE_ACTIVATION_DECODER_H_
