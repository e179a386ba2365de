#ifndef LOSSD_SERVER_RPC_DECODE_MINING_DECODER_H_
#define LOSSD_SERVER_RPC_DECODE_MINING_DECODER_H_

#include "absl/strings/string_view.h"
#include "lossd/v1/loss_spec.pb.h"
#include "server/loss/mining.h"
#include "server/rpc/errors/field_violations.h"

namespace lossd::rpc {

// The mining at `path`. Adds to `violations`.
loss::Mining DecodeMining(const v1::Mining& mining, absl::string_view path,
                          FieldViolations& violations);

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_RPC_DECODE_MINING_DECODER_H_
