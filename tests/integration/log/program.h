#ifndef LOSSD_TESTS_INTEGRATION_LOG_PROGRAM_H_
#define LOSSD_TESTS_INTEGRATION_LOG_PROGRAM_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "grpcpp/client_context.h"
#include "lossd/v1/loss_service.grpc.pb.h"
#include "tests/integration/child_process.h"

namespace lossd {

// A name in the file system that is nobody else's, and is removed with this.
class Path {
 public:
  explicit Path(const std::string& name);
  ~Path();
  Path(const Path&) = delete;
  Path& operator=(const Path&) = delete;

  const std::string& name() const { return name_; }

 private:
  const std::string name_;
};

// A pipe with a name, which is read when the test says so.
class NamedPipe {
 public:
  explicit NamedPipe(const std::string& name);
  ~NamedPipe();
  NamedPipe(const NamedPipe&) = delete;
  NamedPipe& operator=(const NamedPipe&) = delete;

  const std::string& name() const { return path_.name(); }

  // Writes until no byte more fits. Returns what must stay open for that.
  int Fill() const;

  // Returns what comes up to the line that has `last` in it.
  std::string ReadUntil(const std::string& last) const;

 private:
  const Path path_;
  int reader_ = -1;
};

// In a shell's script: starts the program in the shell's place. Redirections may follow.
inline constexpr char kRun[] = R"(exec "$0" "$@" )";

// The program at a socket of its own, started by a shell, which may redirect its streams. Its
// stdout and stderr are those of ChildProcess otherwise.
class Program {
 public:
  Program(const std::string& script, const std::vector<std::string>& flags);

  ChildProcess& process() { return process_; }
  v1::LossService::Stub& stub() { return *stub_; }

  // Returns the exit status; that of a kill if the program does not end by itself.
  int Stop();

 private:
  std::string address() const { return "unix:" + socket_.name(); }
  std::vector<std::string> Arguments(const std::string& script,
                                     const std::vector<std::string>& flags) const;

  const Path socket_{"socket"};
  ChildProcess process_;
  const std::unique_ptr<v1::LossService::Stub> stub_;
};

// Returns a context of a call whose server may be starting, and which ends when it hangs.
std::unique_ptr<grpc::ClientContext> Context();

// Returns the flags that set the access log "on" or "off", and the log's format to JSON.
std::vector<std::string> FlagsOfAccessLog(const std::string& on_or_off);

}  // namespace lossd

#endif  // LOSSD_TESTS_INTEGRATION_LOG_PROGRAM_H_
