#include "tests/benchmark/command.h"

#include <limits>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/types/span.h"
#include "tests/benchmark/compute_call.h"
#include "tests/benchmark/raw_stream.h"

namespace lossd::benchmark {
namespace {

// The numbers at the end of a line.
absl::StatusOr<std::vector<int64_t>> Numbers(absl::Span<const std::string> words) {
  std::vector<int64_t> numbers;
  for (const std::string& word : words) {
    int64_t number = 0;
    if (!absl::SimpleAtoi(word, &number) || number < 0) {
      return absl::InvalidArgumentError(absl::StrCat("'", word, "' is not a number >= 0"));
    }
    numbers.push_back(number);
  }
  return numbers;
}

struct Command {
  size_t words;    // with the command itself
  size_t numbers;  // of them, at the end
};

const std::map<std::string, Command>& Commands() {
  static const auto* commands = new std::map<std::string, Command>{{"compute", {6, 4}},
                                                                   {"chunked", {6, 4}},
                                                                   {"raw", {7, 4}},
                                                                   {"clients", {7, 4}},
                                                                   {"stream", {6, 4}}};
  return *commands;
}

}  // namespace

absl::StatusOr<Latencies> CommandRunner::Run(absl::string_view line) {
  const std::vector<std::string> words = absl::StrSplit(line, ' ', absl::SkipEmpty());
  const auto command = Commands().find(words.empty() ? "" : words[0]);
  if (command == Commands().end() || command->second.words != words.size()) {
    return absl::InvalidArgumentError(absl::StrCat("not a command: '", line, "'"));
  }
  const size_t named = words.size() - command->second.numbers;
  const auto numbers = Numbers(absl::MakeConstSpan(words).subspan(named));
  if (!numbers.ok()) return numbers.status();
  const std::string& address = words[1];
  const int64_t rows = (*numbers)[0];
  const int64_t classes = (*numbers)[1];
  const int64_t calls = (*numbers)[2];
  const int64_t last = (*numbers)[3];
  if (words[0] == "compute" || words[0] == "chunked") {
    const ComputeCall call = words[0] == "compute" ? ComputeCall::kWhole : ComputeCall::kChunked;
    const auto client = ClientOf(address);
    if (!client.ok()) return client.status();
    return ComputeInTurn(**client, call, BatchOf(rows, classes), calls, absl::Milliseconds(last));
  }
  if (words[0] == "raw") {
    return CallInTurn(ChannelTo(address), words[2], RequestOf(rows, classes), calls,
                      absl::Milliseconds(last));
  }
  if (words[0] == "clients") {
    return CallTogether(address, words[2], RequestOf(rows, classes), calls, last);
  }
  return CallInStream(ChannelTo(address), ComputeStreamRequest(BatchOf(rows, classes), 1), calls,
                      last);
}

const Batch& CommandRunner::BatchOf(int64_t rows, int64_t classes) {
  if (batch_.rows != rows || batch_.classes != classes) batch_ = MakeBatch(rows, classes);
  return batch_;
}

const grpc::ByteBuffer& CommandRunner::RequestOf(int64_t rows, int64_t classes) {
  const std::pair shape(rows, classes);
  if (request_shape_ == shape) return request_;
  request_ = classes == 0 ? PolicyRequest(rows) : ComputeRequest(BatchOf(rows, classes));
  request_shape_ = shape;
  return request_;
}

const std::shared_ptr<grpc::Channel>& CommandRunner::ChannelTo(const std::string& address) {
  std::shared_ptr<grpc::Channel>& channel = channels_[address];
  if (channel == nullptr) channel = MakeRawChannel(address);
  return channel;
}

absl::StatusOr<const Client*> CommandRunner::ClientOf(const std::string& address) {
  const auto known = clients_.find(address);
  if (known != clients_.end()) return &known->second;
  ClientOptions options;
  options.target = address;
  options.max_message_bytes = std::numeric_limits<int32_t>::max();
  auto client = Client::Create(options);
  if (!client.ok()) return client.status();
  return &clients_.emplace(address, *std::move(client)).first->second;
}

}  // namespace lossd::benchmark
