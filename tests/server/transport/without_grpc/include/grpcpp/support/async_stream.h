#ifndef LOSSD_TESTS_SERVER_TRANSPORT_WITHOUT_GRPC_ASYNC_STREAM_H_
#define LOSSD_TESTS_SERVER_TRANSPORT_WITHOUT_GRPC_ASYNC_STREAM_H_

#include "grpcpp/server_context.h"
#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/status.h"

namespace grpc {

class WriteOptions {
 public:
  WriteOptions& set_buffer_hint() { return *this; }
};

template <typename Answer, typename Request>
class ServerAsyncReaderWriter {
 public:
  explicit ServerAsyncReaderWriter(ServerContext* context) : context_(*context) {}

  void Read(Request* message, void* tag) { context_.call()->Read(message, tag); }
  void Write(const Answer& message, WriteOptions, void* tag) {
    context_.call()->Write(message, tag);
  }
  void WriteAndFinish(const Answer& message, WriteOptions, const Status& status, void* tag) {
    context_.call()->WriteAndFinish(message, status, tag);
  }
  void Finish(const Status& status, void* tag) { context_.call()->Finish(status, tag); }

 private:
  ServerContext& context_;
};

}  // namespace grpc

#endif  // LOSSD_TESTS_SERVER_TRANSPORT_WITHOUT_GRPC_ASYNC_STREAM_H_
