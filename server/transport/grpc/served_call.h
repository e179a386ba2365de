#ifndef LOSSD_SERVER_TRANSPORT_GRPC_SERVED_CALL_H_
#define LOSSD_SERVER_TRANSPORT_GRPC_SERVED_CALL_H_

#include <cstdint>

#include "absl/status/status.h"
#include "grpcpp/support/byte_buffer.h"
#include "server/transport/call_filters.h"
#include "server/transport/grpc/awaited_call.h"
#include "server/transport/grpc/completion_tag.h"
#include "server/transport/grpc/event_queue.h"

namespace lossd::transport {

// A call with one message each way. Small requests are answered on the queue's thread, at once;
// large ones on the workers, so that they do not hold up the small.
class ServedCall final : public AwaitedCall {
 public:
  static void Await(const ServedMethod& method, EventQueue& queue, CallEnvironment& environment);

 private:
  using AwaitedCall::AwaitedCall;
  ~ServedCall() override;

  void AwaitNext() override;
  void OnAdmitted() override;
  void OnRefused(absl::Status refused) override;
  void OnDone() override;

  // gRPC's events of a call that arrived, the last of them and OnDone() in any order; all on the
  // queue's thread.
  void OnRequest(bool ok);
  void OnFinished(bool ok);

  // Computes the answer and sends it.
  void Respond();
  // Makes `response` the method's answer to the request. An exception is an INTERNAL error.
  absl::Status Answer(grpc::ByteBuffer& response);
  // Ends the call with an error.
  void Refuse(absl::Status error);
  void DeleteAfterLastEvent();

  grpc::ByteBuffer request_;
  CallFilters::Moment request_arrival_;
  int64_t admitted_bytes_ = 0;
  bool misses_request_ = false;
  int last_events_ = 2;

  MemberTag<ServedCall, &ServedCall::OnRequest> request_tag_{this};
  MemberTag<ServedCall, &ServedCall::OnFinished> finished_tag_{this};
};

}  // namespace lossd::transport

#endif  // LOSSD_SERVER_TRANSPORT_GRPC_SERVED_CALL_H_
