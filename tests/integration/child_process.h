#ifndef LOSSD_TESTS_INTEGRATION_CHILD_PROCESS_H_
#define LOSSD_TESTS_INTEGRATION_CHILD_PROCESS_H_

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace lossd {

// A program as a process of its own, its output read through pipes. Killed, if it runs still, when
// this goes.
class ChildProcess {
 public:
  // The environment is this process's without LOSSD_ variables, and `variables`, as in
  // "LOSSD_THREADS=1".
  ChildProcess(const std::string& program, const std::vector<std::string>& arguments,
               const std::vector<std::string>& variables = {});
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  // The next line of its standard output; nullopt once it has closed it.
  std::optional<std::string> ReadLine() const;

  void Signal(int number) const;
  pid_t pid() const { return pid_; }

  // Waits for the end. The exit status, or minus the signal that ended it.
  int Wait();

  // Returns its output but for the lines that were read. Called after Wait().
  std::string RestOfOutput() const;
  std::string ErrorOutput() const;

  // CPU time that it has taken so far, in seconds.
  double CpuSeconds() const;

  // Bytes of its memory that are resident, and the most that ever were.
  int64_t ResidentBytes() const { return StatusBytes("VmRSS:"); }
  int64_t MostResidentBytes() const { return StatusBytes("VmHWM:"); }
  // The most bytes of addresses that it ever had.
  int64_t MostVirtualBytes() const { return StatusBytes("VmPeak:"); }

 private:
  // A line of /proc/PID/status, which are in KiB.
  int64_t StatusBytes(const std::string& name) const;

  pid_t pid_ = -1;
  int output_ = -1;
  // A file and not a pipe: a pipe that nobody reads fills up.
  std::string error_path_;
};

}  // namespace lossd

#endif  // LOSSD_TESTS_INTEGRATION_CHILD_PROCESS_H_
