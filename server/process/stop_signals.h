#ifndef LOSSD_SERVER_PROCESS_STOP_SIGNALS_H_
#define LOSSD_SERVER_PROCESS_STOP_SIGNALS_H_

#include <csignal>
#include <string>

namespace lossd {

// SIGTERM and SIGINT, waited for instead of handled. Construct before the first thread: the signals
// are blocked in the threads started from then on.
class StopSignals {
 public:
  StopSignals();

  // Returns the name of the first of them that arrives. The next one exits the process at once.
  std::string Wait();

 private:
  sigset_t signals_;
};

}  // namespace lossd

#endif  // LOSSD_SERVER_PROCESS_STOP_SIGNALS_H_
