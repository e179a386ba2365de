#ifndef LOSSD_SERVER_RPC_DECODE_REDUCTION_DECODER_H_
#define LOSSD_SERVER_RPC_DECODE_REDUCTION_DECODER_H_

#include "lossd/v1/compute.pb.h"
#include "server/loss/options.h"
#include "server/rpc/errors/field.h"

namespace lossd::rpc {

// Returns the reduction at `field`; kNone after adding a violation when its number is unknown.
loss::Reduction DecodeReduction(v1::Reduction reduction, const Field& field);

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_RPC_DECODE_REDUCTION_DECODER_H_
