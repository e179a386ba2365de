#ifndef LOSSD_SERVER_RPC_DECODE_REDUCTION_DECODER_H_
#define LOSSD_SERVER_RPC_DECODE_REDUCTION_DECODER_H_

#include "lossd/v1/compute.pb.h"
#include "server/loss/options.h"
#include "server/rpc/errors/field_violations.h"

namespace lossd::rpc {

// The request's field `reduction`. Adds to `violations` when it is unknown.
loss::Reduction DecodeReduction(v1::Reduction reduction, FieldViolations& violations);

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_RPC_DECODE_REDUCTION_DECODER_H_
