#ifndef LOSSD_TESTS_CLIENT_STALLING_SERVER_H_
#define LOSSD_TESTS_CLIENT_STALLING_SERVER_H_

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>

namespace lossd::testing {

// A server on a free loopback port that greets its one client as HTTP/2 demands, lets it send 16 MB
// ahead, and then reads nothing from its socket, like a stopped process.
class StallingServer {
 public:
  StallingServer();
  ~StallingServer();

  StallingServer(const StallingServer&) = delete;
  StallingServer& operator=(const StallingServer&) = delete;

  const std::string& address() const { return address_; }

  // Reads everything from here on, and answers nothing.
  void Resume() { resumed_ = true; }

  // Returns true when the client's connection has ended, which is seen after Resume() only.
  bool ended() const { return ended_; }
  int64_t bytes_taken() const { return bytes_taken_; }

  // Returns true when eight bytes of this value in a row have come.
  bool Saw(uint8_t value) const { return saw_[value]; }

 private:
  void Run();
  void LookAt(const uint8_t* bytes, int64_t count);

  std::string address_;
  int listener_ = -1;
  std::atomic<bool> stop_ = false;
  std::atomic<bool> resumed_ = false;
  std::atomic<bool> ended_ = false;
  std::atomic<int64_t> bytes_taken_ = 0;
  std::atomic<bool> saw_[256] = {};
  uint8_t last_value_ = 0;
  int in_a_row_ = 0;
  std::thread thread_;
};

}  // namespace lossd::testing

#endif  // LOSSD_TESTS_CLIENT_STALLING_SERVER_H_
