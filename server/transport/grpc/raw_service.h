#ifndef LOSSD_SERVER_TRANSPORT_GRPC_RAW_SERVICE_H_
#define LOSSD_SERVER_TRANSPORT_GRPC_RAW_SERVICE_H_

#include <memory>
#include <string>
#include <vector>

#include "google/protobuf/descriptor.h"
#include "grpcpp/completion_queue.h"
#include "grpcpp/server_builder.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/async_stream.h"
#include "grpcpp/support/byte_buffer.h"
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

// Returns what the .proto files say of the services: their methods, one service after the other.
std::vector<const google::protobuf::MethodDescriptor*> ServedMethods();
// Returns their full names, in the same order.
std::vector<std::string> ServedServices();

// The generated services, with every method served from completion queues and in bytes; clients and
// reflection see no difference. All methods are served as streams: gRPC then hands over a call when
// its headers arrive and not when its last byte does, so that a server which shuts down also
// finishes the calls whose requests are still on the way.
class RawService {
 public:
  RawService();
  ~RawService();

  void Register(grpc::ServerBuilder& builder);

  // Asks for the next call of a method, known by its place in ServedMethods(). When there is one,
  // `tag` arrives on `queue`.
  void RequestCall(int method_index, grpc::ServerContext& context, RawStream& stream,
                   grpc::ServerCompletionQueue& queue, void* tag);

 private:
  class Part;
  template <typename Generated>
  class PartOf;

  std::vector<std::unique_ptr<Part>> parts_;
};

}  // namespace lossd::transport

#endif  // LOSSD_SERVER_TRANSPORT_GRPC_RAW_SERVICE_H_
