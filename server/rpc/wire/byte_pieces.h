#ifndef LOSSD_SERVER_RPC_WIRE_BYTE_PIECES_H_
#define LOSSD_SERVER_RPC_WIRE_BYTE_PIECES_H_

#include "proto/wire/byte_pieces.h"

namespace lossd::rpc {

using wire::BytePieces;
using wire::BytesOwner;

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_RPC_WIRE_BYTE_PIECES_H_
