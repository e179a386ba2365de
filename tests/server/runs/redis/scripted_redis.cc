#include "tests/server/runs/redis/scripted_redis.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <utility>

namespace lossd::runs {
namespace {

// What comes over a connection.
class Input {
 public:
  explicit Input(int descriptor) : descriptor_(descriptor) {}

  // Reads a command: "*2\r\n$3\r\nGET\r\n$1\r\nx\r\n". Returns none at the end.
  std::vector<std::string> ReadCommand() {
    std::vector<std::string> command;
    for (int64_t i = ReadNumber(); i > 0 && is_open_; --i) {
      const int64_t size = ReadNumber();
      command.push_back(ReadBytes(static_cast<size_t>(size)));
      ReadBytes(2);
    }
    if (!is_open_) command.clear();
    return command;
  }

 private:
  // Reads a line that begins with a mark.
  int64_t ReadNumber() {
    std::string line;
    while (is_open_ && (line.size() < 2 || line.substr(line.size() - 2) != "\r\n")) {
      line += ReadBytes(1);
    }
    return is_open_ ? std::strtoll(line.c_str() + 1, nullptr, 10) : 0;
  }

  std::string ReadBytes(size_t size) {
    while (is_open_ && bytes_.size() < size) {
      char some[4096];
      const ssize_t count = ::recv(descriptor_, some, sizeof(some), 0);
      is_open_ = count > 0;
      if (is_open_) bytes_.append(some, static_cast<size_t>(count));
    }
    std::string first = bytes_.substr(0, size);
    bytes_.erase(0, size);
    return first;
  }

  const int descriptor_;
  std::string bytes_;
  bool is_open_ = true;
};

}  // namespace

ScriptedRedis::ScriptedRedis(Script script) : script_(std::move(script)) {
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  const bool listens = ::bind(listener_, generic, size) == 0 && ::listen(listener_, 16) == 0 &&
                       ::getsockname(listener_, generic, &size) == 0;
  EXPECT_TRUE(listens);
  address_.host = "127.0.0.1";
  address_.port = ntohs(address.sin_port);
  accepting_ = std::thread([this] { Accept(); });
}

ScriptedRedis::~ScriptedRedis() {
  ::shutdown(listener_, SHUT_RDWR);
  accepting_.join();
  ::close(listener_);
  std::vector<std::thread> answering;
  {
    const MutexLock lock(&mutex_);
    for (const int descriptor : descriptors_) ::shutdown(descriptor, SHUT_RDWR);
    answering = std::move(answering_);
  }
  for (std::thread& thread : answering) thread.join();
  const MutexLock lock(&mutex_);
  for (const int descriptor : descriptors_) ::close(descriptor);
}

void ScriptedRedis::Accept() {
  for (int connection = 0;; ++connection) {
    const int descriptor = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (descriptor < 0) return;
    const MutexLock lock(&mutex_);
    descriptors_.push_back(descriptor);
    answering_.emplace_back([this, connection, descriptor] { Answer(connection, descriptor); });
  }
}

void ScriptedRedis::Answer(int connection, int descriptor) const {
  Input input(descriptor);
  while (true) {
    const std::vector<std::string> command = input.ReadCommand();
    if (command.empty()) return;
    const std::string answer = script_(connection, command);
    if (answer.empty()) continue;
    if (::send(descriptor, answer.data(), answer.size(), MSG_NOSIGNAL) < 0) return;
  }
}

}  // namespace lossd::runs
