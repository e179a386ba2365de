#ifndef LOSSD_SERVER_TRANSPORT_GRPC_RAW_SERVICE_H_
#define LOSSD_SERVER_TRANSPORT_GRPC_RAW_SERVICE_H_

#include "google/protobuf/descriptor.h"
#include "grpcpp/completion_queue.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/async_stream.h"
#include "grpcpp/support/byte_buffer.h"
#include "lossd/v1/loss_service.grpc.pb.h"

namespace lossd::transport {

// The messages of a call as bytes, each way.
using RawStream = grpc::ServerAsyncReaderWriter<grpc::ByteBuffer, grpc::ByteBuffer>;

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
