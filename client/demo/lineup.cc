#include "client/demo/lineup.h"

namespace lossd::demo {

std::vector<NamedLoss> Lineup(const std::vector<double>& counts) {
  std::vector<NamedLoss> losses(kLineupSize);
  losses[kCrossEntropy] = {"cross entropy", LossSpec{CrossEntropy{}}};
  losses[kBalancedCrossEntropy] = {"balanced cross entropy", LossSpec{CrossEntropy{}}};
  losses[kBalancedCrossEntropy].loss.class_weighting.source =
      SchemeWeights{WeightScheme::kBalanced, std::nullopt, counts};
  losses[kFocal] = {"focal (gamma 2)", LossSpec{Focal{2.0}}};
  losses[kWeightedFocal] = {"weighted focal (gamma 2)", LossSpec{Focal{2.0}}};
  losses[kWeightedFocal].loss.class_weighting.source =
      SchemeWeights{WeightScheme::kInverseSquareRoot, std::nullopt, counts};
  losses[kSquaredError] = {"squared error", LossSpec{SquaredError{}}};
  return losses;
}

}  // namespace lossd::demo
