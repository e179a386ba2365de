#ifndef LOSSD_SERVER_RPC_UNIMPLEMENTED_STREAM_H_
#define LOSSD_SERVER_RPC_UNIMPLEMENTED_STREAM_H_

#include <functional>
#include <string>

#include "grpcpp/completion_queue.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/async_stream.h"
#include "grpcpp/support/byte_buffer.h"
#include "server/rpc/completion_tag.h"
#include "server/rpc/unary_call.h"

namespace lossd::rpc {

// A bidirectional method that is declared and not built.
struct UnimplementedMethod {
  std::string name;
  // The generated service's RequestX: asks for the next call of the method.
  std::function<void(grpc::ServerContext* context,
                     grpc::ServerAsyncReaderWriter<grpc::ByteBuffer, grpc::ByteBuffer>* stream,
                     grpc::ServerCompletionQueue* queue, void* tag)>
      request_call;
};

// One call of such a method: ends it with UNIMPLEMENTED, naming the method, then deletes itself.
class UnimplementedStream {
 public:
  // As UnaryCall::Await.
  static void Await(const UnimplementedMethod& method, grpc::ServerCompletionQueue& queue,
                    const CallEnvironment& environment);

 private:
  UnimplementedStream(const UnimplementedMethod& method, grpc::ServerCompletionQueue& queue,
                      const CallEnvironment& environment);
  ~UnimplementedStream() = default;

  void OnArrival(bool ok);
  void OnFinished(bool ok);

  const UnimplementedMethod& method_;
  grpc::ServerCompletionQueue& queue_;
  const CallEnvironment& environment_;

  grpc::ServerContext context_;
  grpc::ServerAsyncReaderWriter<grpc::ByteBuffer, grpc::ByteBuffer> stream_;

  MemberTag<UnimplementedStream, &UnimplementedStream::OnArrival> arrival_tag_{this};
  MemberTag<UnimplementedStream, &UnimplementedStream::OnFinished> finished_tag_{this};
};

}  // namespace lossd::rpc

#endif  // LOSSD_SERVER_RPC_UNIMPLEMENTED_STREAM_H_
