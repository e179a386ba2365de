#ifndef LOSSD_SERVER_KERNELS_HALF_FLOATS_H_
#define LOSSD_SERVER_KERNELS_HALF_FLOATS_H_

#include <cstdint>

#include "server/kernels/float_format.h"
#include "server/kernels/stores.h"

namespace lossd::kernels {

// Convert arrays of numbers of 16 bits, as the functions of half_float.h convert one. `format` is
// one of the two. The numbers need not be aligned as their type.
struct HalfFloatKernels {
  void (*widen)(FloatFormat format, const void* from, int64_t count, float* to) = nullptr;
  void (*narrow)(FloatFormat format, const float* from, int64_t count, Stores stores,
                 void* to) = nullptr;
};

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_HALF_FLOATS_H_
