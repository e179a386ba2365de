// Connections: how many, for how long, and how much of the server one of them may take.
#include <gmock/gmock.h>
#include <grpc/impl/codegen/connectivity_state.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "grpcpp/client_context.h"
#include "server/transport/descriptor.h"
#include "tests/integration/open_stream.h"
#include "tests/integration/test_server.h"

namespace lossd {
namespace {

using transport::Descriptor;

// What a client sends first over HTTP/2: the preface and empty SETTINGS.
constexpr absl::string_view kGreeting("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0", 33);

// Returns a connection to the server without gRPC.
Descriptor ConnectRaw(const std::string& server) {
  int port = 0;
  EXPECT_TRUE(absl::SimpleAtoi(server.substr(server.rfind(':') + 1), &port));
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<uint16_t>(port));
  Descriptor client(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const auto* generic = reinterpret_cast<const sockaddr*>(&address);  // NOLINT: the API's way
  EXPECT_EQ(connect(client.number(), generic, sizeof(address)), 0);
  return client;
}

// Reads until the server closes the connection; returns false after half a minute.
bool Closes(const Descriptor& client) {
  timeval patience = {30, 0};
  setsockopt(client.number(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  char bytes[1024];
  ssize_t count = 1;
  while (count > 0) count = recv(client.number(), bytes, sizeof(bytes), 0);
  return count == 0 || errno == ECONNRESET;
}

bool Answers(v1::LossService::Stub& stub) {
  grpc::ClientContext context;
  v1::GetServerInfoResponse response;
  return stub.GetServerInfo(&context, {}, &response).ok();
}

TEST(ConnectionsTest, AClientThatNeverSpeaksIsLeftSoon) {
  ServerOptions options;
  options.bounds.stall_timeout = absl::Milliseconds(300);
  const TestServer server(options);
  EXPECT_TRUE(Closes(ConnectRaw(server.address())));
}

TEST(ConnectionsTest, AClientThatFallsSilentIsLeft) {
  ServerOptions options;
  options.bounds.stall_timeout = absl::Milliseconds(300);
  const TestServer server(options);
  const Descriptor client = ConnectRaw(server.address());
  EXPECT_EQ(send(client.number(), kGreeting.data(), kGreeting.size(), 0), kGreeting.size());
  EXPECT_TRUE(Closes(client));
}

TEST(ConnectionsTest, AnIdleClientThatIsThereKeepsItsConnection) {
  ServerOptions options;
  options.bounds.stall_timeout = absl::Milliseconds(300);
  TestServer server(options);
  EXPECT_TRUE(Answers(server.stub()));
  // The server asks after 300 ms of silence, and would leave after 300 more.
  EXPECT_FALSE(server.channel()->WaitForStateChange(
      GRPC_CHANNEL_READY, std::chrono::system_clock::now() + std::chrono::seconds(2)));
  EXPECT_TRUE(Answers(server.stub()));
}

TEST(ConnectionsTest, BeyondTheBoundAClientIsToldAtOnceAndLaterServed) {
  ServerOptions options;
  options.bounds.max_connections = 2;
  TestServer server(options);
  EXPECT_TRUE(Answers(server.stub()));
  Descriptor other = ConnectRaw(server.address());
  const auto channel = Connect(server.address());
  const auto stub = v1::LossService::NewStub(channel);
  {
    grpc::ClientContext context;
    v1::GetServerInfoResponse response;
    const grpc::Status status = stub->GetServerInfo(&context, {}, &response);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE) << status.error_message();
  }
  // The others are not disturbed.
  EXPECT_TRUE(Answers(server.stub()));
  other.Close();
  EXPECT_TRUE(
      channel->WaitForConnected(std::chrono::system_clock::now() + std::chrono::seconds(30)));
  EXPECT_TRUE(Answers(*stub));
}

TEST(ConnectionsTest, OneConnectionHasSoManyCallsAtOnceAndTheOthersWait) {
  ServerOptions options;
  options.bounds.max_streams_per_connection = 2;
  options.threads = 4;
  WaitingRoom room;
  TestServer server(room.answer(), options);
  std::vector<std::thread> callers;
  std::atomic<int> answered = 0;
  for (int i = 0; i < 5; ++i) {
    callers.emplace_back([&] {
      grpc::ClientContext context;
      v1::ComputeResponse response;
      const auto request = RequestOfBytes(kLargeRequestBytes);
      if (server.stub().Compute(&context, request, &response).ok()) ++answered;
    });
  }
  EXPECT_TRUE(room.WaitUntilEntered(2));
  room.Open();
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(answered, 5);
  EXPECT_LE(room.most(), 2);
}

TEST(ConnectionsTest, AtItsAgeAConnectionIsReplacedAndNoCallIsLost) {
  ServerOptions options;
  options.bounds.max_connection_age = absl::Milliseconds(100);
  TestServer server(options);
  OpenStream stream(server.stub());  // outlives its connection's age
  const absl::Time end = absl::Now() + absl::Seconds(1);
  int calls = 0;
  for (; absl::Now() < end; ++calls) EXPECT_TRUE(Answers(server.stub()));
  EXPECT_GT(calls, 10);
  v1::ComputeRequest request;
  request.mutable_logits()->add_shape(0);
  request.mutable_logits()->add_shape(2);
  EXPECT_TRUE(stream.Write(7, request));
  EXPECT_EQ(stream.Read().sequence(), 7);
  EXPECT_TRUE(stream.Close());
  EXPECT_TRUE(stream.Ends());
  EXPECT_TRUE(stream.Finish().ok());
}

// A socket of this process that listens at the port of `address`.
int ListeningSocket(const std::string& address) {
  for (int descriptor = 0; descriptor < 1024; ++descriptor) {
    int listens = 0;
    socklen_t length = sizeof(listens);
    if (getsockopt(descriptor, SOL_SOCKET, SO_ACCEPTCONN, &listens, &length) != 0) continue;
    sockaddr_in name = {};
    length = sizeof(name);
    auto* generic = reinterpret_cast<sockaddr*>(&name);  // NOLINT: how the sockets API has it
    if (listens == 0 || getsockname(descriptor, generic, &length) != 0) continue;
    if (address == absl::StrCat("127.0.0.1:", ntohs(name.sin_port))) return descriptor;
  }
  return -1;
}

TEST(ConnectionsTest, AServerThatHasFallenDeafSaysSoAndAnswersThoseThatItHas) {
  absl::Notification deaf;
  ServerOptions options;
  options.on_deaf = [&deaf] { deaf.Notify(); };
  TestServer server(options);
  EXPECT_TRUE(Answers(server.stub()));
  EXPECT_EQ(shutdown(ListeningSocket(server.address()), SHUT_RDWR), 0);
  EXPECT_TRUE(deaf.WaitForNotificationWithTimeout(absl::Seconds(30)));
  EXPECT_TRUE(Answers(server.stub()));
}

}  // namespace
}  // namespace lossd
