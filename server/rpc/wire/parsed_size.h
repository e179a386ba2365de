#ifndef LOSSD_SERVER_RPC_WIRE_PARSED_SIZE_H_
#define LOSSD_SERVER_RPC_WIRE_PARSED_SIZE_H_

#include <cstdint>

#include "google/protobuf/descriptor.h"
#include "proto/wire/byte_pieces.h"

namespace lossd::rpc {

// Returns about how much memory protobuf takes at most to parse a message of `type`: an empty
// message in a list takes two bytes on the wire and hundreds parsed, an integer one and eight.
// Reads every field's head once, and no further than protobuf would.
double ParsedSize(const wire::BytePieces& bytes, const google::protobuf::Descriptor& type);

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_RPC_WIRE_PARSED_SIZE_H_
