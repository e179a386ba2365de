#ifndef LOSSD_TESTS_ORACLE_INFORMATION_H_
#define LOSSD_TESTS_ORACLE_INFORMATION_H_

#include <vector>

namespace lossd::oracle {

// Shannon's measures of two distributions in nats. `p` and `q` are weights, >= 0 and not all 0.
struct Measures {
  std::vector<double> self_information;
  double entropy = 0;
  double cross_entropy = 0;
  double kl_divergence = 0;
  double jensen_shannon = 0;
};
Measures Measure(const std::vector<double>& p, const std::vector<double>& q);

}  // namespace lossd::oracle

#endif  // LOSSD_TESTS_ORACLE_INFORMATION_H_
