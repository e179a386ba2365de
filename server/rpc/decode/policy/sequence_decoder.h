#ifndef LOSSD_SERVER_RPC_DECODE_POLICY_SEQUENCE_DECODER_H_
#define LOSSD_SERVER_RPC_DECODE_POLICY_SEQUENCE_DECODER_H_

#include <optional>
#include <string>

#include "server/loss/loss_spec.h"
#include "server/rpc/decode/batch_decoder.h"
#include "server/rpc/errors/field.h"
#include "server/rpc/tensor/logits_layout.h"

namespace lossd::rpc {

// Returns the sequences of a batch, whose lengths are `fields` or else its losses' last axis; none
// where nothing reads them. `reader` is what FindSequenceReader returned. Adds to the violations
// what is wrong with the lengths, and that there are none where they are needed or some where
// nothing reads them.
OwnedSequences DecodeSequences(const std::optional<TensorFields>& fields,
                               const LogitsLayout& layout, loss::Activation activation,
                               const std::string& reader, const Field& request);

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_RPC_DECODE_POLICY_SEQUENCE_DECODER_H_
