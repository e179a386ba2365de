#ifndef LOSSD_SERVER_RPC_TENSOR_HALF_FLOAT_H_
#define LOSSD_SERVER_RPC_TENSOR_HALF_FLOAT_H_

#include <cstdint>

#include "server/kernels/half_float.h"

namespace lossd::rpc {

using kernels::Bfloat16ToFloat;
using kernels::Float16ToFloat;
using kernels::ToBfloat16;
using kernels::ToFloat16;

// Round a double as those functions round a float, once.
uint16_t ToFloat16(double value);
uint16_t ToBfloat16(double value);

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_RPC_TENSOR_HALF_FLOAT_H_
