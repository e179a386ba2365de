#ifndef LOSSD_SERVER_PROCESS_STOP_SIGNALS_H_
#define LOSSD_SERVER_PROCESS_STOP_SIGNALS_H_

#include <csignal>
#include <string>

namespace lossd {

// Waits for SIGTERM and SIGINT, which are not handled then. Construct it before the first thread:
// the signals are blocked in the threads that are started from then on.
class StopSignals {
 public:
  StopSignals();

  // Returns the name of the first of them that arrives. The next one ends the process at once.
  std::string Wait();

 private:
  sigset_t signals_;
};

}  // namespace lossd

#endif  // LOSSD_SERVER_PROCESS_STOP_SIGNALS_H_
