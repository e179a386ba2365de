#include "tests/integration/child_process.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gtest/gtest.h"

namespace lossd {
namespace {

std::vector<char*> Pointers(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  pointers.reserve(texts.size() + 1);
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

}  // namespace

ChildProcess::ChildProcess(const std::string& program, const std::vector<std::string>& arguments,
                           const std::vector<std::string>& variables) {
  std::vector<std::string> argument_texts = {program};
  argument_texts.insert(argument_texts.end(), arguments.begin(), arguments.end());
  std::vector<std::string> environment = variables;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    if (!absl::StartsWith(*entry, "LOSSD_")) environment.emplace_back(*entry);
  }

  std::string error_path = ::testing::TempDir() + "lossd-stderr-XXXXXX";
  const int error_file = mkostemp(error_path.data(), O_CLOEXEC);
  int output_pipe[2];
  if (error_file < 0 || pipe2(output_pipe, O_CLOEXEC) != 0) {
    ADD_FAILURE() << "no file or pipe for the output";
    return;
  }
  error_path_ = error_path;
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, output_pipe[1], STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, error_file, STDERR_FILENO);
  const int error = posix_spawn(&pid_, program.c_str(), &actions, nullptr,
                                Pointers(argument_texts).data(), Pointers(environment).data());
  EXPECT_EQ(error, 0) << program;
  posix_spawn_file_actions_destroy(&actions);
  close(output_pipe[1]);
  close(error_file);
  output_ = output_pipe[0];
}

ChildProcess::~ChildProcess() {
  if (pid_ > 0) {
    Signal(SIGKILL);
    Wait();
  }
  close(output_);
  unlink(error_path_.c_str());
}

std::optional<std::string> ChildProcess::ReadLine() const {
  std::string line;
  char byte = 0;
  while (read(output_, &byte, 1) == 1) {
    if (byte == '\n') return line;
    line += byte;
  }
  return std::nullopt;
}

void ChildProcess::Signal(int number) const { kill(pid_, number); }

int ChildProcess::Wait() {
  int status = 0;
  waitpid(pid_, &status, 0);
  pid_ = -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

std::string ChildProcess::RestOfOutput() const {
  std::string rest;
  char byte = 0;
  while (read(output_, &byte, 1) == 1) rest += byte;
  return rest;
}

std::string ChildProcess::ErrorOutput() const {
  std::stringstream content;
  content << std::ifstream(error_path_).rdbuf();
  return content.str();
}

double ChildProcess::CpuSeconds() const {
  std::stringstream content;
  content << std::ifstream(absl::StrCat("/proc/", pid_, "/stat")).rdbuf();
  // User and system time are the 14th and 15th field; the second, in brackets, may hold anything.
  const std::string text = content.str();
  const std::vector<std::string> fields = absl::StrSplit(text.substr(text.rfind(')') + 2), ' ');
  return (std::stod(fields.at(11)) + std::stod(fields.at(12))) /
         static_cast<double>(sysconf(_SC_CLK_TCK));
}

int64_t ChildProcess::StatusBytes(const std::string& name) const {
  std::ifstream status(absl::StrCat("/proc/", pid_, "/status"));
  std::string word;
  int64_t kibibytes = -1;
  while (status >> word) {
    if (word == name && status >> kibibytes) return kibibytes * 1024;
  }
  ADD_FAILURE() << "no " << name << " of process " << pid_;
  return 0;
}

}  // namespace lossd
