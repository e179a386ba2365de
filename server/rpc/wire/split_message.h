#ifndef LOSSD_SERVER_RPC_WIRE_SPLIT_MESSAGE_H_
#define LOSSD_SERVER_RPC_WIRE_SPLIT_MESSAGE_H_

#include "proto/wire/split_message.h"
#include "server/rpc/wire/byte_pieces.h"

namespace lossd::rpc {

using wire::FindPayload;
using wire::SplitField;
using wire::SplitMessage;
using wire::TakeOutTensors;
using wire::TensorPayloads;

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_RPC_WIRE_SPLIT_MESSAGE_H_
