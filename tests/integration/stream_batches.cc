#include "tests/integration/stream_batches.h"

#include "grpcpp/client_context.h"
#include "gtest/gtest.h"

namespace lossd {

ServerOptions WithThreads(int threads, int64_t max_message_bytes) {
  ServerOptions options;
  options.threads = threads;
  options.max_message_bytes = max_message_bytes;
  return options;
}

grpc::Status ComputeBytes(v1::LossService::Stub& stub, size_t bytes) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
  v1::ComputeResponse response;
  return stub.Compute(&context, RequestOfBytes(bytes), &response);
}

LargeCallers::LargeCallers(const TestServer& server, int count) {
  for (int i = 0; i < count; ++i) {
    threads_.emplace_back([&server] {
      const auto stub = v1::LossService::NewStub(Connect(server.address()));
      const grpc::Status status = ComputeBytes(*stub, kLargeRequestBytes);
      EXPECT_TRUE(status.ok()) << status.error_message();
    });
  }
}

LargeCallers::~LargeCallers() {
  for (std::thread& thread : threads_) thread.join();
}

std::thread Writer(OpenStream& stream, uint64_t batches) {
  return std::thread([&stream, batches] {
    for (uint64_t i = 0; i < batches; ++i) stream.Write(i, RequestOfBytes(kLargeRequestBytes));
    stream.Close();
  });
}

void ExpectAnswers(OpenStream& stream, uint64_t batches) {
  for (uint64_t i = 0; i < batches; ++i) {
    const v1::ComputeStreamResponse answer = stream.Read();
    ASSERT_EQ(answer.sequence(), i);
    ASSERT_TRUE(answer.has_response()) << answer.error().message();
  }
}

void ExpectEndsOk(OpenStream& stream) {
  EXPECT_TRUE(stream.Ends());
  const grpc::Status status = stream.Finish();
  EXPECT_TRUE(status.ok()) << status.error_message();
}

void MakeSomeCalls(v1::LossService::Stub& stub) {
  for (int i = 0; i < 100; ++i) {
    grpc::ClientContext context;
    v1::GetServerInfoResponse info;
    EXPECT_TRUE(stub.GetServerInfo(&context, {}, &info).ok());
  }
}

grpc::Status WaitUntilRefused(const TestServer& server) {
  while (true) {
    const auto stub = v1::LossService::NewStub(Connect(server.address()));
    OpenStream stream(*stub);
    stream.Close();
    EXPECT_TRUE(stream.Ends());
    if (grpc::Status status = stream.Finish(); !status.ok()) return status;
  }
}

}  // namespace lossd
