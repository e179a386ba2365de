// The program while nobody reads its log, or can.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "tests/integration/log/program.h"

namespace lossd {
namespace {

using ::testing::HasSubstr;

grpc::Status CallBadly(v1::LossService::Stub& stub) {
  v1::ComputeRequest request;
  request.mutable_logits()->set_data("not a tensor");
  v1::ComputeResponse response;
  return stub.Compute(Context().get(), request, &response);
}

// Makes `count` bad calls, or as many as fit in LOSSD_LOG_SECONDS. Returns how many were answered;
// after one that was not there is none.
int64_t CallBadly(v1::LossService::Stub& stub, int64_t count) {
  const char* seconds = std::getenv("LOSSD_LOG_SECONDS");
  const absl::Time end = absl::Now() + absl::Seconds(seconds == nullptr ? 0 : std::atoi(seconds));
  int64_t answered = 0;
  while (answered < count || absl::Now() < end) {
    const grpc::Status status = CallBadly(stub);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT)
        << status.error_message() << " after " << answered;
    if (status.error_code() != grpc::StatusCode::INVALID_ARGUMENT) break;
    ++answered;
  }
  return answered;
}

// Returns the sum of the numbers that stand behind `name` in `text`.
int64_t SumOf(absl::string_view text, absl::string_view name) {
  int64_t sum = 0;
  for (size_t at = text.find(name); at != text.npos; at = text.find(name, at + 1)) {
    const absl::string_view rest = text.substr(at + name.size());
    int64_t number = 0;
    EXPECT_TRUE(absl::SimpleAtoi(rest.substr(0, rest.find_first_not_of("0123456789")), &number));
    sum += number;
  }
  return sum;
}

int64_t CountOf(absl::string_view text, absl::string_view part) {
  return static_cast<int64_t>(std::vector<absl::string_view>(absl::StrSplit(text, part)).size() -
                              1);
}

// More lines of an access log than the queue and a pipe hold, and of errors than a pipe does.
constexpr int64_t kManyCalls = 4000;

void ExpectEveryCallIsAnswered(Program& program) {
  EXPECT_GE(CallBadly(program.stub(), kManyCalls), kManyCalls);
  const absl::Time begin = absl::Now();
  EXPECT_EQ(program.Stop(), 0);
  EXPECT_LT(absl::Now() - begin, absl::Seconds(5));
}

// With many entries, and with few.
class StderrTest : public ::testing::TestWithParam<const char*> {
 protected:
  std::vector<std::string> flags() const { return FlagsOfAccessLog(GetParam()); }
};

TEST_P(StderrTest, MayBeClosed) {
  Program program(absl::StrCat(kRun, "2>&-"), flags());
  ExpectEveryCallIsAnswered(program);
}

TEST_P(StderrTest, MayBeAFullDisk) {
  Program program(absl::StrCat(kRun, "2>/dev/full"), flags());
  ExpectEveryCallIsAnswered(program);
}

TEST_P(StderrTest, MayBeUnread) {
  const NamedPipe pipe("stderr");
  Program program(absl::StrCat(kRun, "2>", pipe.name()), flags());
  ExpectEveryCallIsAnswered(program);
}

TEST_P(StderrTest, MayLoseItsReader) {
  auto pipe = std::make_unique<NamedPipe>("stderr");
  Program program(absl::StrCat(kRun, "2>", pipe->name()), flags());
  EXPECT_EQ(CallBadly(program.stub()).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  pipe.reset();
  ExpectEveryCallIsAnswered(program);
}

// By default a signal ends a process that writes on.
TEST_P(StderrTest, MayBeAFileAtItsSizeLimit) {
  const Path file("limited");
  Program program(absl::StrCat("ulimit -f 1; ", kRun, "2>", file.name()), flags());
  ExpectEveryCallIsAnswered(program);
}

INSTANTIATE_TEST_SUITE_P(AccessLog, StderrTest, ::testing::Values("off", "on"));

TEST(ProgramLogTest, AllStreamsMayBeClosed) {
  Program program(absl::StrCat(kRun, "0<&- 1>&- 2>&-"), FlagsOfAccessLog("on"));
  EXPECT_EQ(CallBadly(program.stub(), 100), 100);
  EXPECT_EQ(program.Stop(), 0);
}

TEST(ProgramLogTest, AFullStdoutHoldsUpNeitherTheServerNorItsEnd) {
  const NamedPipe pipe("stdout");
  const int filler = pipe.Fill();
  Program program(absl::StrCat(kRun, ">", pipe.name()), {});
  EXPECT_EQ(CallBadly(program.stub(), 1), 1);
  EXPECT_EQ(program.Stop(), 0);
  close(filler);
}

TEST(ProgramLogTest, WhatWasDroppedIsCountedWhenStderrIsReadAgain) {
  const NamedPipe pipe("stderr");
  Program program(absl::StrCat(kRun, "2>", pipe.name()), {"--access-log", "on"});
  const int64_t calls = CallBadly(program.stub(), kManyCalls);
  const std::string log = pipe.ReadUntil("dropped=");
  EXPECT_EQ(program.Stop(), 0);
  const int64_t dropped = SumOf(log, "dropped=");
  EXPECT_GT(dropped, 0);
  // Beside the calls: serving, a first error and the sums of the others, stopping, stopped. Those
  // may be among the dropped.
  const int64_t written = CountOf(log, " info call ");
  EXPECT_LE(written, calls);
  EXPECT_GE(written + dropped, calls);
  EXPECT_LE(written + dropped, calls + CountOf(log, " warning call failed ") + 20);
}

TEST(ProgramLogTest, TwentyThousandBadCallsInARowLeaveASmallLogThatCountsThem) {
  Program program(kRun, {});
  const absl::Time begin = absl::Now();
  const int64_t calls = CallBadly(program.stub(), 20000);
  EXPECT_GE(calls, 20000);
  EXPECT_EQ(program.Stop(), 0);
  const double minutes = absl::ToDoubleMinutes(absl::Now() - begin);
  const std::string log = program.process().ErrorOutput();
  EXPECT_LT(static_cast<double>(log.size()), 1e6 * std::max(minutes, 0.1)) << minutes;
  const int64_t sums = CountOf(log, " more=");
  EXPECT_GE(sums, 1);
  EXPECT_EQ(CountOf(log, " warning call failed ") - sums + SumOf(log, " more="), calls);
  EXPECT_THAT(log, HasSubstr("stopped"));
}

}  // namespace
}  // namespace lossd
