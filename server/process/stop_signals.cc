#include "server/process/stop_signals.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cstring>

namespace lossd {
namespace {

constexpr int kStopSignals[] = {SIGTERM, SIGINT};

}  // namespace

StopSignals::StopSignals() : wake_(eventfd(0, EFD_CLOEXEC)) {
  sigemptyset(&signals_);
  for (const int number : kStopSignals) sigaddset(&signals_, number);
  sigaddset(&signals_, SIGHUP);
  pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
  arrivals_ = signalfd(-1, &signals_, SFD_CLOEXEC | SFD_NONBLOCK);
}

StopSignals::~StopSignals() {
  close(arrivals_);
  close(wake_);
}

std::string StopSignals::Wait(const std::function<void()>& on_hangup) {
  std::string name;
  while (name.empty()) {
    constexpr int kForever = -1;
    pollfd polled[] = {{arrivals_, POLLIN, 0}, {wake_, POLLIN, 0}};
    poll(polled, std::size(polled), kForever);
    signalfd_siginfo arrived = {};
    if (read(arrivals_, &arrived, sizeof(arrived)) == sizeof(arrived)) {
      const auto number = static_cast<int>(arrived.ssi_signo);
      if (number == SIGHUP) {
        on_hangup();
      } else {
        name = sigabbrev_np(number);
      }
    } else if (polled[1].revents != 0) {
      break;
    }
  }
  std::signal(SIGHUP, SIG_IGN);
  // A handler, not the default action: process 1, as in a container, does not have that.
  for (const int number : kStopSignals) {
    std::signal(number, [](int second) { _exit(128 + second); });
  }
  pthread_sigmask(SIG_UNBLOCK, &signals_, nullptr);
  return name;
}

void StopSignals::StopWaiting() const { eventfd_write(wake_, 1); }

}  // namespace lossd
