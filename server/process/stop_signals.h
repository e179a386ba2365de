#ifndef LOSSD_SERVER_PROCESS_STOP_SIGNALS_H_
#define LOSSD_SERVER_PROCESS_STOP_SIGNALS_H_

#include <csignal>
#include <functional>
#include <string>

namespace lossd {

// Waits for SIGTERM, SIGINT and SIGHUP, which are not handled then. Construct it before the first
// thread: the signals are blocked in the threads that are started from then on.
class StopSignals {
 public:
  StopSignals();
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  // Returns the name of the first SIGTERM or SIGINT that arrives, or "" after StopWaiting(). Calls
  // `on_hangup` at each SIGHUP until then; later ones do nothing. The next SIGTERM or SIGINT ends
  // the process at once.
  std::string Wait(const std::function<void()>& on_hangup);

  // Ends Wait(), also one that comes later. Any thread.
  void StopWaiting() const;

 private:
  sigset_t signals_;
  int arrivals_;  // is read for the signals
  int wake_;      // is readable after StopWaiting()
};

}  // namespace lossd

#endif  // LOSSD_SERVER_PROCESS_STOP_SIGNALS_H_
