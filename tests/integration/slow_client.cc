#include "tests/integration/slow_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cstdlib>

#include "gtest/gtest.h"
#include "tests/integration/test_server.h"

namespace lossd {
namespace {

constexpr uint8_t kData = 0;
constexpr uint8_t kHeaders = 1;
constexpr uint8_t kReset = 3;
constexpr uint8_t kSettings = 4;
constexpr uint8_t kEndStream = 1;
constexpr uint8_t kEndHeaders = 4;
constexpr size_t kFrameHeaderBytes = 9;
constexpr size_t kLargestFrame = 16384;

// The `count` bytes of a big-endian number.
std::string Number(uint32_t number, int count) {
  std::string bytes;
  for (int i = count - 1; i >= 0; --i) bytes.push_back(static_cast<char>(number >> (8 * i) & 0xff));
  return bytes;
}

// A header as HPACK has it without its tables.
std::string Header(const std::string& name, const std::string& value) {
  return Number(0, 1) + Number(static_cast<uint32_t>(name.size()), 1) + name +
         Number(static_cast<uint32_t>(value.size()), 1) + value;
}

// A message's first bytes, as gRPC has them.
std::string Prefix(uint32_t bytes) { return Number(0, 1) + Number(bytes, 4); }

}  // namespace

SlowClient::SlowClient(const std::string& address)
    : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in server = {};
  server.sin_family = AF_INET;
  server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  server.sin_port = htons(static_cast<uint16_t>(std::atoi(&address[address.rfind(':') + 1])));
  EXPECT_EQ(::connect(socket_, reinterpret_cast<const sockaddr*>(&server), sizeof(server)), 0);
  const timeval patience = {20, 0};
  setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  const std::string preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
  EXPECT_EQ(::send(socket_, preface.data(), preface.size(), MSG_NOSIGNAL), preface.size());
  SendFrame(kSettings, 0, 0, "");
}

SlowClient::~SlowClient() { ::close(socket_); }

void SlowClient::SendAndDoNotRead(size_t bytes) {
  const std::string request = RequestOfBytes(bytes).SerializeAsString();
  const std::string message = Prefix(static_cast<uint32_t>(request.size())) + request;
  SendHeaders();
  for (size_t i = 0; i < message.size(); i += kLargestFrame) {
    const bool last = i + kLargestFrame >= message.size();
    SendFrame(kData, last ? kEndStream : 0, 1, message.substr(i, kLargestFrame));
  }
}

void SlowClient::SendPartOf(uint32_t bytes) {
  SendHeaders();
  SendFrame(kData, 0, 1, Prefix(bytes) + std::string(10'000, 'x'));
}

bool SlowClient::WaitUntilEnded() {
  while (true) {
    const std::string header = Receive(kFrameHeaderBytes);
    if (header.size() < kFrameHeaderBytes) return false;
    const auto at = [&](size_t i) { return static_cast<uint8_t>(header[i]); };
    const size_t size = size_t{at(0)} << 16 | size_t{at(1)} << 8 | at(2);
    if (Receive(size).size() < size) return false;
    if (at(3) == kReset || (at(3) == kHeaders && (at(4) & kEndStream) != 0)) return true;
  }
}

void SlowClient::SendFrame(uint8_t type, uint8_t flags, uint32_t stream,
                           const std::string& payload) const {
  const std::string frame = Number(static_cast<uint32_t>(payload.size()), 3) + Number(type, 1) +
                            Number(flags, 1) + Number(stream, 4) + payload;
  EXPECT_EQ(::send(socket_, frame.data(), frame.size(), MSG_NOSIGNAL), frame.size());
}

void SlowClient::SendHeaders() const {
  SendFrame(kHeaders, kEndHeaders, 1,
            Header(":method", "POST") + Header(":scheme", "http") +
                Header(":path", "/lossd.v1.LossService/Compute") +
                Header(":authority", "localhost") + Header("te", "trailers") +
                Header("content-type", "application/grpc"));
}

std::string SlowClient::Receive(size_t size) const {
  std::string bytes(size, '\0');
  size_t received = 0;
  while (received < size) {
    const ssize_t more = ::recv(socket_, &bytes[received], size - received, 0);
    if (more <= 0) break;
    received += static_cast<size_t>(more);
  }
  bytes.resize(received);
  return bytes;
}

}  // namespace lossd
