#include "client/src/convert/recording_encoding.h"

#include <cstdint>
#include <random>
#include <string>

#include "absl/strings/str_cat.h"

namespace lossd {

std::string NewRequestId() {
  std::random_device random;
  std::string id;
  for (int i = 0; i < 4; ++i) {
    absl::StrAppend(&id, absl::Hex(static_cast<uint32_t>(random()), absl::kZeroPad8));
  }
  return id;
}

namespace client {

void EncodeRecording(const Recording& recording, v1::ComputeRequest& request) {
  request.set_run(recording.run);
  request.set_request_id(recording.request_id.empty() ? NewRequestId() : recording.request_id);
  if (recording.step) request.set_step(*recording.step);
  if (recording.epoch) request.set_epoch(*recording.epoch);
  if (recording.learning_rate) request.set_learning_rate(*recording.learning_rate);
}

}  // namespace client
}  // namespace lossd
