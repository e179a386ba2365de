#ifndef LOSSD_SERVER_KERNELS_HESSIAN_H_
#define LOSSD_SERVER_KERNELS_HESSIAN_H_

namespace lossd::kernels {

// Second derivatives are exact, or changed so that none is negative (for tree boosters).
enum class Curvature { kExact, kPositive };

// Curvature::kPositive: no element is smaller, so that a booster can divide by it.
inline constexpr double kHessianFloor = 1e-16;

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_HESSIAN_H_
