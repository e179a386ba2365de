#include "server/loss/catalogue.h"
#include "server/rpc/handlers/handlers.h"
#include "server/threads/executor.h"

namespace lossd::rpc {

absl::StatusOr<v1::GetServerInfoResponse> Handlers::GetServerInfo(const v1::GetServerInfoRequest&,
                                                                  const CallContext&) const {
  v1::GetServerInfoResponse response;
  response.set_version(options_.version);
  response.set_simd_instruction_set(loss::InstructionSetName());
  response.set_thread_count(options_.executor.thread_count());
  response.set_max_message_bytes(options_.limits.max_message_bytes);
  response.set_max_in_flight_bytes(options_.limits.max_in_flight_bytes);
  response.set_max_stream_window(options_.limits.max_stream_window);
  return response;
}

}  // namespace lossd::rpc
