// The clients that the benchmark measures with, as one process that is told what to call: reads a
// command a line (command.h says which), makes the calls, and answers each line with one of JSON:
//   {"calls": [seconds, ...], "total": seconds, "response_bytes": bytes}
// or with "error: " and what went wrong.
// Ends when its input does.

#include <iostream>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "tests/benchmark/command.h"

namespace {

std::string Answer(const absl::StatusOr<lossd::benchmark::Latencies>& answer) {
  if (!answer.ok()) {
    return absl::StrCat("error: ", absl::StrReplaceAll(answer.status().ToString(), {{"\n", " "}}));
  }
  const auto append = [](std::string* out, absl::Duration duration) {
    absl::StrAppend(out, absl::ToDoubleSeconds(duration));
  };
  return absl::StrCat("{\"calls\": [", absl::StrJoin(answer->calls, ", ", append),
                      "], \"total\": ", absl::ToDoubleSeconds(answer->total),
                      ", \"response_bytes\": ", answer->response_bytes, "}");
}

}  // namespace

int main() {
  lossd::benchmark::CommandRunner runner;
  std::string line;
  while (std::getline(std::cin, line)) std::cout << Answer(runner.Run(line)) << std::endl;
  return 0;
}
