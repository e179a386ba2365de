#ifndef LOSSD_SERVER_RPC_DECODE_MINING_DECODER_H_
#define LOSSD_SERVER_RPC_DECODE_MINING_DECODER_H_

#include "lossd/v1/loss_spec.pb.h"
#include "server/loss/mining.h"
#include "server/rpc/errors/field.h"

namespace lossd::rpc {

// Returns the mining at `field`, and adds what is wrong with it to the violations.
loss::Mining DecodeMining(const v1::Mining& mining, const Field& field);

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_RPC_DECODE_MINING_DECODER_H_
