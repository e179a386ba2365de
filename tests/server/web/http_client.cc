#include "tests/server/web/http_client.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>

#include "absl/strings/numbers.h"

namespace lossd::web {

HttpClient::HttpClient(const std::string& server)
    : socket_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  int port = 0;
  EXPECT_TRUE(absl::SimpleAtoi(server.substr(server.rfind(':') + 1), &port));
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<uint16_t>(port));
  const auto* generic = reinterpret_cast<const sockaddr*>(&address);  // NOLINT: the API's way
  EXPECT_EQ(connect(socket_.number(), generic, sizeof(address)), 0);
}

void HttpClient::Send(absl::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = send(socket_.number(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count <= 0) return;
    bytes.remove_prefix(static_cast<size_t>(count));
  }
}

bool HttpClient::ReceiveMore(std::string& all) {
  std::array<char, 4096> bytes;
  const ssize_t count = recv(socket_.number(), bytes.data(), bytes.size(), 0);
  if (count <= 0) return false;
  all.append(bytes.data(), static_cast<size_t>(count));
  return true;
}

std::string HttpClient::Receive() {
  std::string all;
  while (ReceiveMore(all)) continue;
  return all;
}

std::string HttpClient::ReceiveUntil(absl::string_view text) {
  std::string all;
  while (all.find(text.data(), 0, text.size()) == std::string::npos && ReceiveMore(all)) continue;
  return all;
}

}  // namespace lossd::web
