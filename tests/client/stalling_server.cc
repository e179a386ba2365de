#include "tests/client/stalling_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <iostream>
#include <vector>

namespace lossd::testing {
namespace {

// RFC 9113: a SETTINGS frame with an INITIAL_WINDOW_SIZE of 2^24, and a WINDOW_UPDATE by 2^24 - 1
// for the whole connection.
constexpr uint8_t kGreeting[] = {0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 4, 1,   0,   0,
                                 0, 0, 0, 4, 8, 0, 0, 0, 0, 0, 0, 255, 255, 255};

void Require(bool condition, const char* what) {
  if (!condition) {
    std::cerr << "the stalling server cannot " << what << "\n";
    std::abort();
  }
}

// Returns true when there is something to read, false after a few milliseconds.
bool Readable(int socket) {
  pollfd polled = {socket, POLLIN, 0};
  return poll(&polled, 1, 5) == 1;
}

}  // namespace

StallingServer::StallingServer() : listener_(socket(AF_INET, SOCK_STREAM, 0)) {
  // Small, so that the client's bytes stay on its side.
  constexpr int kReceiveBytes = 4096;
  setsockopt(listener_, SOL_SOCKET, SO_RCVBUF, &kReceiveBytes, sizeof(kReceiveBytes));
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  Require(bind(listener_, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
              listen(listener_, 1) == 0 &&
              getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) == 0,
          "listen on 127.0.0.1");
  address_ = "127.0.0.1:" + std::to_string(ntohs(address.sin_port));
  thread_ = std::thread([this] { Run(); });
}

StallingServer::~StallingServer() {
  stop_ = true;
  thread_.join();
  close(listener_);
}

void StallingServer::Run() {
  while (!stop_ && !Readable(listener_)) {
  }
  if (stop_) return;
  const int client = accept(listener_, nullptr, nullptr);
  Require(send(client, kGreeting, sizeof(kGreeting), MSG_NOSIGNAL) == sizeof(kGreeting), "greet");
  std::vector<uint8_t> buffer(size_t{64} << 10);
  while (!stop_ && !ended_) {
    if (!resumed_) {
      usleep(1000);
    } else if (Readable(client)) {
      const ssize_t count = recv(client, buffer.data(), buffer.size(), 0);
      LookAt(buffer.data(), count);
      ended_ = count <= 0;
    }
  }
  close(client);
}

void StallingServer::LookAt(const uint8_t* bytes, int64_t count) {
  for (int64_t i = 0; i < count; ++i) {
    in_a_row_ = bytes[i] == last_value_ ? in_a_row_ + 1 : 1;
    last_value_ = bytes[i];
    if (in_a_row_ == 8) saw_[last_value_] = true;
  }
  bytes_taken_ += count > 0 ? count : 0;
}

}  // namespace lossd::testing
