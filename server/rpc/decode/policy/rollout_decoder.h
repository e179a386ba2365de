#ifndef LOSSD_SERVER_RPC_DECODE_POLICY_ROLLOUT_DECODER_H_
#define LOSSD_SERVER_RPC_DECODE_POLICY_ROLLOUT_DECODER_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/types/span.h"
#include "server/loss/loss_spec.h"
#include "server/loss/options.h"
#include "server/memory/buffer_pool.h"
#include "server/rpc/decode/batch_decoder.h"
#include "server/rpc/errors/field.h"
#include "server/rpc/tensor/logits_layout.h"

namespace lossd::rpc {

// Returns what reads sequences, as an error names it: "" where nothing does. `layout` is that of
// the logits.
std::string FindSequenceReader(const BatchFields& fields, const LogitsLayout& layout,
                               absl::Span<const loss::LossSpec> specs, loss::Activation activation,
                               loss::Reduction reduction);

// Reads the rollout of a batch, whose sequences are decoded, into `samples`. Adds to the violations
// what is wrong with its tensors but for their values.
void DecodeRollout(const RolloutFields& fields, const LogitsLayout& layout,
                   loss::Activation activation, BufferPool& pool, const Field& field,
                   DecodedSamples& samples);

// Adds to the violations the places of what is not finite of samples that are not ignored; of
// columns in the request, if it has been read by then.
void CheckRolloutValues(const DecodedSamples& samples, const LogitsLayout& layout,
                        loss::Activation activation, std::optional<int64_t> ignore_index,
                        const Field& field);

// Adds to the violations what the loss at `loss_field` needs and the rollout does not have, and
// what cannot be beside a rollout. `labels` are null where they are at fault.
void CheckRolloutNeeds(const loss::LossSpec& spec, const RolloutFields& fields,
                       const OwnedLabels* labels, const Field& loss_field, const Field& request);

// Says who reads the statistics of policies.
enum class StatisticsReader { kNobody, kAnswer };

// Adds to the violations the tensors that none of the losses reads.
void CheckRolloutIsRead(absl::Span<const loss::LossSpec> specs, const RolloutFields& fields,
                        StatisticsReader reader, const Field& field);

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_RPC_DECODE_POLICY_ROLLOUT_DECODER_H_
