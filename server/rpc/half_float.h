#ifndef LOSSD_SERVER_RPC_HALF_FLOAT_H_
#define LOSSD_SERVER_RPC_HALF_FLOAT_H_

#include <cstdint>

namespace lossd::rpc {

// The two 16-bit float formats as their bits: IEEE 754 binary16 (5 exponent bits, 10 fraction bits)
// and bfloat16, the upper half of a binary32. Widening is exact. Narrowing rounds once, to nearest,
// ties to even: beyond the largest finite value to infinity, below the smallest subnormal to zero
// of the same sign. NaN stays NaN (quiet, with its sign).
float Float16ToFloat(uint16_t bits);
float Bfloat16ToFloat(uint16_t bits);

// Of a double, so that neither a float nor a double is rounded twice.
uint16_t DoubleToFloat16(double value);
uint16_t DoubleToBfloat16(double value);

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_RPC_HALF_FLOAT_H_
