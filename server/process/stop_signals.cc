#include "server/process/stop_signals.h"

#include <unistd.h>

#include <cstring>

namespace lossd {
namespace {

constexpr int kStopSignals[] = {SIGTERM, SIGINT};

}  // namespace

StopSignals::StopSignals() {
  sigemptyset(&signals_);
  for (const int number : kStopSignals) sigaddset(&signals_, number);
  pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
}

std::string StopSignals::Wait() {
  int received = 0;
  sigwait(&signals_, &received);
  // A handler, not the default action: process 1, as in a container, does not have that.
  for (const int number : kStopSignals) {
    std::signal(number, [](int second) { _exit(128 + second); });
  }
  pthread_sigmask(SIG_UNBLOCK, &signals_, nullptr);
  return sigabbrev_np(received);
}

}  // namespace lossd
