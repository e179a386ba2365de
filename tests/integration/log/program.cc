#include "tests/integration/log/program.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"

namespace lossd {
namespace {

// Returns a stub of a server that may be about to start.
std::unique_ptr<v1::LossService::Stub> Connect(const std::string& address) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 50);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 50);
  return v1::LossService::NewStub(
      grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments));
}

}  // namespace

Path::Path(const std::string& name) : name_(absl::StrCat("/tmp/lossd-", getpid(), "-", name)) {
  unlink(name_.c_str());
}

Path::~Path() { unlink(name_.c_str()); }

NamedPipe::NamedPipe(const std::string& name) : path_(name) {
  EXPECT_EQ(mkfifo(path_.name().c_str(), 0600), 0);
  reader_ = open(path_.name().c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  EXPECT_GE(reader_, 0);
}

NamedPipe::~NamedPipe() { close(reader_); }

int NamedPipe::Fill() const {
  const int writer = open(name().c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC);
  const std::string much(size_t{1} << 21, '.');
  EXPECT_GT(write(writer, much.data(), much.size()), 0);
  EXPECT_EQ(write(writer, much.data(), much.size()), -1);
  return writer;
}

std::string NamedPipe::ReadUntil(const std::string& last) const {
  fcntl(reader_, F_SETFL, 0);
  std::string text;
  char bytes[4096];
  while (!absl::StrContains(text, last) || text.back() != '\n') {
    const ssize_t count = read(reader_, bytes, sizeof(bytes));
    if (count <= 0) break;
    text.append(bytes, static_cast<size_t>(count));
  }
  return text;
}

Program::Program(const std::string& script, const std::vector<std::string>& flags)
    : process_("/bin/sh", Arguments(script, flags)), stub_(Connect(address())) {}

int Program::Stop() {
  process_.Signal(SIGTERM);
  absl::Notification ended;
  std::thread patience([&] {
    if (!ended.WaitForNotificationWithTimeout(absl::Seconds(20))) process_.Signal(SIGKILL);
  });
  const int status = process_.Wait();
  ended.Notify();
  patience.join();
  return status;
}

std::vector<std::string> Program::Arguments(const std::string& script,
                                            const std::vector<std::string>& flags) const {
  std::vector<std::string> arguments = {
      "-c", script, LOSSD_PROGRAM, "--listen", address(), "--drain-delay", "0s", "--drain-timeout",
      "2s"};
  arguments.insert(arguments.end(), flags.begin(), flags.end());
  return arguments;
}

std::unique_ptr<grpc::ClientContext> Context() {
  auto context = std::make_unique<grpc::ClientContext>();
  context->set_wait_for_ready(true);
  context->set_deadline(absl::ToChronoTime(absl::Now() + absl::Seconds(20)));
  return context;
}

std::vector<std::string> FlagsOfAccessLog(const std::string& on_or_off) {
  return {"--access-log", on_or_off, "--log-format", "json"};
}

}  // namespace lossd
