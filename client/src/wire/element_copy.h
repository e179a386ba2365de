#ifndef LOSSD_CLIENT_SRC_WIRE_ELEMENT_COPY_H_
#define LOSSD_CLIENT_SRC_WIRE_ELEMENT_COPY_H_

#include "proto/wire/byte_pieces.h"

namespace lossd::client {

// Copies all of `bytes` to `destination`, past the caches when there are many of them.
void CopyElements(const wire::BytePieces& bytes, char* destination);

}  // namespace lossd::client

#endif  // LOSSD_CLIENT_SRC_WIRE_ELEMENT_COPY_H_
