#include "server/transport/lingering_sockets.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <string>
#include <utility>

namespace lossd::transport {
namespace {

const sockaddr* Generic(const sockaddr_in& address) {
  return reinterpret_cast<const sockaddr*>(&address);  // NOLINT: how the sockets API has it
}

void SetBuffer(const Descriptor& socket, int which, int bytes) {
  EXPECT_EQ(setsockopt(socket.number(), SOL_SOCKET, which, &bytes, sizeof(bytes)), 0);
}

// Both ends of a connection over the loopback interface. The client's takes little at once, so that
// most of an answer waits at the server's.
std::pair<Descriptor, Descriptor> Connect() {
  const Descriptor listener(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(bind(listener.number(), Generic(address), sizeof(address)), 0);
  EXPECT_EQ(listen(listener.number(), 1), 0);
  socklen_t length = sizeof(address);
  auto* generic = reinterpret_cast<sockaddr*>(&address);  // NOLINT: as above
  EXPECT_EQ(getsockname(listener.number(), generic, &length), 0);
  Descriptor client(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  SetBuffer(client, SO_RCVBUF, 4096);
  EXPECT_EQ(connect(client.number(), Generic(address), sizeof(address)), 0);
  Descriptor server(accept(listener.number(), nullptr, nullptr));
  SetBuffer(server, SO_SNDBUF, 200000);
  return {std::move(client), std::move(server)};
}

// Closes the server's end as gRPC does, while the client says how far it has read. Returns true if
// the client reads all that was sent, and then the end.
bool ClientReadsToTheEnd(const Descriptor& client, Descriptor server) {
  const std::string answer(100000, 'x');
  EXPECT_EQ(send(server.number(), answer.data(), answer.size(), 0), answer.size());
  EXPECT_EQ(shutdown(server.number(), SHUT_RDWR), 0);
  server.Close();
  for (int i = 0; i < 2; ++i) send(client.number(), "?", 1, MSG_NOSIGNAL);
  std::array<char, 4096> bytes;
  size_t read = 0;
  ssize_t count = 1;
  while (count > 0) {
    count = recv(client.number(), bytes.data(), bytes.size(), 0);
    if (count > 0) read += static_cast<size_t>(count);
  }
  return count == 0 && read == answer.size();
}

TEST(LingeringSocketsTest, AClientThatSaysHowFarItHasReadIsNotCutOff) {
  LingeringSockets sockets([](int) { return true; });
  auto [client, server] = Connect();
  EXPECT_TRUE(ClientReadsToTheEnd(client, std::move(server)));
}

TEST(LingeringSocketsTest, OtherSocketsAreShutDownAsEver) {
  LingeringSockets sockets([](int) { return false; });
  auto [client, server] = Connect();
  EXPECT_FALSE(ClientReadsToTheEnd(client, std::move(server)));
}

TEST(LingeringSocketsTest, AClientThatStaysIsLeftWhenTheServerEnds) {
  auto [client, server] = Connect();
  {
    LingeringSockets sockets([](int) { return true; });
    EXPECT_EQ(shutdown(server.number(), SHUT_RDWR), 0);
    server.Close();
  }
  char byte = 0;
  EXPECT_EQ(recv(client.number(), &byte, 1, 0), 0);
  send(client.number(), "?", 1, MSG_NOSIGNAL);
  EXPECT_LE(recv(client.number(), &byte, 1, 0), 0);
}

}  // namespace
}  // namespace lossd::transport
