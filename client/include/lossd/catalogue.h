#ifndef LOSSD_CATALOGUE_H_
#define LOSSD_CATALOGUE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "lossd/loss_spec.h"

namespace lossd {

// A parameter of a loss and the values it takes.
struct LossParameter {
  std::string name;
  std::optional<double> default_value;
  std::optional<double> minimum;
  std::optional<double> maximum;
  bool minimum_exclusive = false;
  bool maximum_exclusive = false;
  std::string description;
};

// A loss that the server computes.
struct LossInfo {
  std::string name;
  std::string formula;
  std::vector<Activation> activations;
  std::vector<LossParameter> parameters;
  std::string reference;
};

// The server and its limits.
struct ServerInfo {
  std::string version;
  std::string simd_instruction_set;
  int32_t thread_count = 0;
  int64_t max_message_bytes = 0;
  int64_t max_in_flight_bytes = 0;
  int32_t max_stream_window = 0;
  // Bytes of requests and responses in flight now; 0 from servers before 0.2, which do not say it.
  int64_t in_flight_bytes = 0;
  // When the server was started, by its clock. Servers before 0.2 do not say this, nor the next
  // two.
  std::optional<absl::Time> start_time;
  // What not every server has: "tls", "tokens", "compressed_requests" and others.
  std::vector<std::string> features;
  // The shortest time between a client's HTTP/2 pings.
  std::optional<absl::Duration> min_ping_interval;
};

}  // namespace lossd

#endif  // LOSSD_CATALOGUE_H_
