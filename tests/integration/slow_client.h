#ifndef LOSSD_TESTS_INTEGRATION_SLOW_CLIENT_H_
#define LOSSD_TESTS_INTEGRATION_SLOW_CLIENT_H_

#include <cstddef>
#include <cstdint>
#include <string>

namespace lossd {

// A client with one call of Compute, in bare HTTP/2: one that stops where no gRPC client would.
class SlowClient {
 public:
  // Connects to "127.0.0.1:port".
  explicit SlowClient(const std::string& address);
  ~SlowClient();
  SlowClient(const SlowClient&) = delete;
  SlowClient& operator=(const SlowClient&) = delete;

  // Sends a request with so many bytes of labels, at most 60,000, and takes 64 KiB of its answer.
  void SendAndDoNotRead(size_t bytes);
  // Sends the beginning of a message of so many bytes.
  void SendPartOf(uint32_t bytes);

  // Waits until the server has ended the call; returns false after 20 seconds.
  bool WaitUntilEnded();

 private:
  void SendFrame(uint8_t type, uint8_t flags, uint32_t stream, const std::string& payload) const;
  void SendHeaders() const;
  // Returns so many bytes; fewer when there are no more.
  std::string Receive(size_t size) const;

  int socket_ = -1;
};

}  // namespace lossd

#endif  // LOSSD_TESTS_INTEGRATION_SLOW_CLIENT_H_
