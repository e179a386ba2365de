#ifndef LOSSD_SERVER_KERNELS_LOG_PROBABILITIES_H_
#define LOSSD_SERVER_KERNELS_LOG_PROBABILITIES_H_

#include <cstdint>

namespace lossd::kernels {

// Samples of which u = ln p is given, in double. All arrays are [padded_count] and aligned to 64
// bytes.
struct LogProbabilities {
  int64_t count = 0;
  const double* log_p = nullptr;  // −∞, NaN and numbers above 0 too; 1 − p is 0 above 0

  // Outputs.
  double* value = nullptr;      // φ(u)
  double* slope = nullptr;      // φ′(u)
  double* curvature = nullptr;  // φ″(u); may be null
};

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_LOG_PROBABILITIES_H_
