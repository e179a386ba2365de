#ifndef LOSSD_TESTS_SERVER_RPC_HANDLERS_COMPUTE_CALLS_H_
#define LOSSD_TESTS_SERVER_RPC_HANDLERS_COMPUTE_CALLS_H_

#include <cmath>
#include <cstddef>
#include <vector>

#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "lossd/v1/compute.pb.h"
#include "tests/server/rpc/from_text.h"
#include "tests/server/rpc/handlers/call_handlers.h"

namespace lossd::rpc {

// Returns the answer to `request`; the test fails when that is an error.
inline v1::ComputeResponse Compute(const v1::ComputeRequest& request) {
  auto response = CallHandlers()->Compute(request, {});
  EXPECT_TRUE(response.ok()) << response.status();
  return response.ok() ? *std::move(response) : v1::ComputeResponse();
}

inline v1::ComputeResponse Compute(absl::string_view request) {
  return Compute(FromText<v1::ComputeRequest>(request));
}

// Returns numbers that are different, of either sign and not round.
inline std::vector<double> SomeLogits(size_t count) {
  std::vector<double> logits(count);
  for (size_t i = 0; i < count; ++i) logits[i] = 3 * std::sin(1.7 * static_cast<double>(i) + 0.3);
  return logits;
}

inline void AskForEverything(v1::OutputOptions& outputs) {
  outputs.set_gradient(true);
  outputs.set_hessian_diagonal(true);
  outputs.set_probabilities(true);
  outputs.set_class_statistics(true);
  outputs.set_difficulty(true);
}

// One row of softmax focal loss, straight from the definitions.
struct Row {
  std::vector<double> p;
  double loss = 0;
  std::vector<double> gradient;
};

inline Row FocalRow(const std::vector<double>& z, size_t t, double gamma) {
  Row row;
  double sum = 0;
  for (const double z_k : z) sum += std::exp(z_k);
  for (const double z_k : z) row.p.push_back(std::exp(z_k) / sum);
  const double p_t = row.p[t];
  row.loss = -std::pow(1 - p_t, gamma) * std::log(p_t);
  const double slope =
      gamma * p_t * std::pow(1 - p_t, gamma - 1) * std::log(p_t) - std::pow(1 - p_t, gamma);
  for (size_t k = 0; k < z.size(); ++k) {
    row.gradient.push_back(slope * ((k == t ? 1 : 0) - row.p[k]));
  }
  return row;
}

}  // namespace lossd::rpc

#endif  // LOSSD_TESTS_SERVER_RPC_HANDLERS_COMPUTE_CALLS_H_
