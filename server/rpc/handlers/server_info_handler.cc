#include "absl/time/time.h"
#include "google/protobuf/duration.pb.h"
#include "google/protobuf/timestamp.pb.h"
#include "server/loss/catalogue.h"
#include "server/rpc/handlers/handlers.h"
#include "server/threads/executor.h"

namespace lossd::rpc {
namespace {

// Sets a Timestamp or a Duration to `time`, which is not negative, since its zero.
template <typename Message>
void SetTime(absl::Duration time, Message& message) {
  message.set_seconds(absl::IDivDuration(time, absl::Seconds(1), &time));
  message.set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(time)));
}

}  // namespace

absl::StatusOr<v1::GetServerInfoResponse> Handlers::GetServerInfo(const v1::GetServerInfoRequest&,
                                                                  const CallContext&) const {
  const ServerDescription& description = options_.description;
  v1::GetServerInfoResponse response;
  response.set_version(description.version);
  response.set_simd_instruction_set(loss::InstructionSetName());
  response.set_thread_count(options_.executor.thread_count());
  response.set_max_message_bytes(options_.limits.max_message_bytes);
  response.set_max_in_flight_bytes(options_.limits.max_in_flight_bytes);
  response.set_max_stream_window(options_.limits.max_stream_window);
  response.set_in_flight_bytes(description.in_flight_bytes());
  SetTime(description.start_time - absl::UnixEpoch(), *response.mutable_start_time());
  for (const std::string& feature : description.features) response.add_features(feature);
  SetTime(description.min_ping_interval, *response.mutable_min_ping_interval());
  return response;
}

}  // namespace lossd::rpc
