#ifndef LOSSD_SERVER_RPC_DECODE_RUN_DECODER_H_
#define LOSSD_SERVER_RPC_DECODE_RUN_DECODER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "lossd/v1/compute.pb.h"
#include "server/loss/loss_spec.h"
#include "server/rpc/decode/batch_decoder.h"
#include "server/rpc/decode/label_decoder.h"
#include "server/rpc/errors/field.h"
#include "server/rpc/tensor/logits_layout.h"

namespace lossd::rpc {

// What a request says of the run that it is recorded in.
struct RunFields {
  std::string run;
  std::string request_id;
  std::vector<int64_t> sample_ids;  // in the core's order
  std::optional<int64_t> step;
  std::optional<int64_t> epoch;
  std::optional<double> learning_rate;
};

// Adds to the violations when `name`, of the field at `field`, is no name of a run.
void CheckRunName(absl::string_view name, const Field& field);

// Returns the fields of the request that belong to its run; nullopt when it names none, or after
// adding a violation. The fields are checked in any case. `labels` is null when they are at fault.
std::optional<RunFields> DecodeRun(const v1::ComputeRequest& request, const BatchFields& fields,
                                   const LogitsLayout& layout, loss::Activation activation,
                                   const OwnedLabels* labels, const Field& field);

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_RPC_DECODE_RUN_DECODER_H_
