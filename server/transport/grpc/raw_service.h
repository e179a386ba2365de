#ifndef LOSSD_SERVER_TRANSPORT_GRPC_RAW_SERVICE_H_
#define LOSSD_SERVER_TRANSPORT_GRPC_RAW_SERVICE_H_

#include "google/protobuf/descriptor.h"
#include "grpcpp/completion_queue.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/async_stream.h"
#include "grpcpp/support/byte_buffer.h"
#include "lossd/v1/loss_service.grpc.pb.h"
#include "server/threads/hand_over.h"

namespace lossd::transport {

// The messages of a call as bytes, each way. What a thread has done before it starts an operation
// has happened before the EventQueue delivers the event.
class RawStream {
 public:
  using Stream = grpc::ServerAsyncReaderWriter<grpc::ByteBuffer, grpc::ByteBuffer>;

  explicit RawStream(grpc::ServerContext* context) : stream_(context) {}

  Stream& stream() { return stream_; }

  void Read(grpc::ByteBuffer* message, void* tag) {
    GiveOver(tag);
    stream_.Read(message, tag);
  }
  void Write(const grpc::ByteBuffer& message, grpc::WriteOptions options, void* tag) {
    GiveOver(tag);
    stream_.Write(message, options, tag);
  }
  void WriteAndFinish(const grpc::ByteBuffer& message, grpc::WriteOptions options,
                      const grpc::Status& status, void* tag) {
    GiveOver(tag);
    stream_.WriteAndFinish(message, options, status, tag);
  }
  void Finish(const grpc::Status& status, void* tag) {
    GiveOver(tag);
    stream_.Finish(status, tag);
  }

 private:
  Stream stream_;
};

// Returns what the .proto file says of the service: the names and the order of its methods.
const google::protobuf::ServiceDescriptor& LossServiceDescriptor();

// The generated service, with every method served from completion queues and in bytes; clients and
// reflection see no difference. Unary methods are served as streams, too: gRPC then hands over a
// call when its headers arrive and not when its last byte does, so that a server which shuts down
// also finishes the calls whose requests are still on the way.
class RawService final : public v1::LossService::Service {
 public:
  RawService();

  // Asks for the next call of a method, known by its place in the .proto file. When there is one,
  // `tag` arrives on `queue`.
  void RequestCall(int method_index, grpc::ServerContext& context, RawStream& stream,
                   grpc::ServerCompletionQueue& queue, void* tag);
};

}  // namespace lossd::transport

#endif  // LOSSD_SERVER_TRANSPORT_GRPC_RAW_SERVICE_H_
