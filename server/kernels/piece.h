#ifndef LOSSD_SERVER_KERNELS_PIECE_H_
#define LOSSD_SERVER_KERNELS_PIECE_H_

#include <cstdint>

namespace lossd::kernels {

// A part of a sequence of bytes that lies in several places.
struct Piece {
  const char* data = nullptr;
  int64_t begin = 0;  // the place of its first byte in the sequence
  int64_t size = 0;
};

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_PIECE_H_
