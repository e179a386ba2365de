#ifndef LOSSD_CLIENT_SRC_CHUNKS_COMPENSATED_SUM_H_
#define LOSSD_CLIENT_SRC_CHUNKS_COMPENSATED_SUM_H_

#include <cmath>

namespace lossd::client {

// A sum of doubles whose error does not grow with their number: what each addition rounds away is
// added up beside it (Neumaier 1974, Rundungsfehleranalyse einiger Verfahren zur Summation).
class CompensatedSum {
 public:
  void Add(double number) {
    const double sum = sum_ + number;
    const bool is_smaller = std::abs(number) <= std::abs(sum_);
    lost_ += is_smaller ? (sum_ - sum) + number : (number - sum) + sum_;
    sum_ = sum;
  }

  // Returns the sum; NaN or infinite where a double's sum is.
  double Total() const { return std::isfinite(lost_) ? sum_ + lost_ : sum_; }

 private:
  double sum_ = 0;
  double lost_ = 0;
};

}  // namespace lossd::client

#endif  // LOSSD_CLIENT_SRC_CHUNKS_COMPENSATED_SUM_H_
