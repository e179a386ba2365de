#include "server/transport/grpc/raw_service.h"

#include <cstddef>

#include "lossd/v1/loss_service.grpc.pb.h"
#include "lossd/v1/run_service.grpc.pb.h"

namespace lossd::transport {
namespace {

const google::protobuf::ServiceDescriptor& Describe(const char* service) {
  return *google::protobuf::DescriptorPool::generated_pool()->FindServiceByName(service);
}

}  // namespace

// One of the services.
class RawService::Part {
 public:
  virtual ~Part() = default;

  virtual grpc::Service& service() = 0;
  virtual int method_count() const = 0;
  // Knows the method by its place in the service.
  virtual void RequestCall(int index, grpc::ServerContext& context, RawStream& stream,
                           grpc::ServerCompletionQueue& queue, void* tag) = 0;
};

template <typename Generated>
class RawService::PartOf final : public Part, private Generated::Service {
 public:
  PartOf() {
    for (int i = 0; i < method_count(); ++i) {
      // In this order: the first takes methods that have their generated handler still.
      this->MarkMethodStreamed(i, nullptr);
      this->MarkMethodRaw(i);
    }
  }

  grpc::Service& service() override { return *this; }
  int method_count() const override {
    return Describe(Generated::service_full_name()).method_count();
  }
  void RequestCall(int index, grpc::ServerContext& context, RawStream& stream,
                   grpc::ServerCompletionQueue& queue, void* tag) override {
    this->RequestAsyncBidiStreaming(index, &context, &stream.stream(), &queue, &queue, tag);
  }
};

std::vector<std::string> ServedServices() {
  return {v1::LossService::service_full_name(), v1::RunService::service_full_name()};
}

std::vector<const google::protobuf::MethodDescriptor*> ServedMethods() {
  std::vector<const google::protobuf::MethodDescriptor*> methods;
  for (const std::string& name : ServedServices()) {
    const google::protobuf::ServiceDescriptor& service = Describe(name.c_str());
    for (int i = 0; i < service.method_count(); ++i) methods.push_back(service.method(i));
  }
  return methods;
}

// As ServedServices() has them.
RawService::RawService() {
  parts_.push_back(std::make_unique<PartOf<v1::LossService>>());
  parts_.push_back(std::make_unique<PartOf<v1::RunService>>());
}

RawService::~RawService() = default;

void RawService::Register(grpc::ServerBuilder& builder) {
  for (const auto& part : parts_) builder.RegisterService(&part->service());
}

void RawService::RequestCall(int method_index, grpc::ServerContext& context, RawStream& stream,
                             grpc::ServerCompletionQueue& queue, void* tag) {
  size_t part = 0;
  for (; method_index >= parts_[part]->method_count(); ++part) {
    method_index -= parts_[part]->method_count();
  }
  parts_[part]->RequestCall(method_index, context, stream, queue, tag);
}

}  // namespace lossd::transport
