#ifndef LOSSD_SERVER_THREADS_TICKER_H_
#define LOSSD_SERVER_THREADS_TICKER_H_

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

namespace lossd {

// A thread that does something again and again, by the steady clock: it neither sleeps for hours
// nor hurries when the wall clock is set.
class Ticker {
 public:
  // `tick` must not throw.
  Ticker(std::chrono::milliseconds interval, std::function<void()> tick);
  // Waits for a tick that runs.
  ~Ticker();
  Ticker(const Ticker&) = delete;
  Ticker& operator=(const Ticker&) = delete;

 private:
  void Run();

  const std::chrono::milliseconds interval_;
  const std::function<void()> tick_;
  // Mutex waits by the wall clock.
  std::mutex mutex_;
  std::condition_variable changed_;
  bool ending_ = false;
  std::thread thread_;
};

}  // namespace lossd

#endif  // LOSSD_SERVER_THREADS_TICKER_H_
