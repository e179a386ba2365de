#include "server/transport/grpc/raw_service.h"

namespace lossd::transport {

const google::protobuf::ServiceDescriptor& LossServiceDescriptor() {
  return *google::protobuf::DescriptorPool::generated_pool()->FindServiceByName(
      v1::LossService::service_full_name());
}

RawService::RawService() {
  for (int i = 0; i < LossServiceDescriptor().method_count(); ++i) {
    // In this order: the first takes methods that have their generated handler still.
    MarkMethodStreamed(i, nullptr);
    MarkMethodRaw(i);
  }
}

void RawService::RequestCall(int method_index, grpc::ServerContext& context, RawStream& stream,
                             grpc::ServerCompletionQueue& queue, void* tag) {
  RequestAsyncBidiStreaming(method_index, &context, &stream.stream(), &queue, &queue, tag);
}

}  // namespace lossd::transport
