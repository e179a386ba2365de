#include "server/observe/call_error_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"

namespace lossd::observe {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class SomeCall final : public rpc::CallInfo {
 public:
  absl::string_view method() const override { return "lossd.v1.LossService/Compute"; }
  std::string Peer() const override { return "nowhere"; }
  std::optional<absl::string_view> Metadata(absl::string_view) const override {
    return std::nullopt;
  }
  const rpc::Caller* caller() const override { return caller_; }

  const rpc::Caller* caller_ = nullptr;
};

// Returns what the filter writes when `tell` tells it something.
template <typename Tell>
std::string Written(Tell tell) {
  ::testing::internal::CaptureStderr();
  {
    const Log log(LogFormat::kText);
    CallErrorLog filter(log);
    tell(filter);
  }
  return ::testing::internal::GetCapturedStderr();
}

TEST(CallErrorLogTest, AnErrorIsAWarningWithMethodCodeAndText) {
  EXPECT_THAT(
      Written([](CallErrorLog& filter) {
        filter.Ended(SomeCall(), absl::InvalidArgumentError("no logits"), {});
      }),
      AllOf(HasSubstr(" warning call failed"), HasSubstr("method=\"lossd.v1.LossService/Compute\""),
            HasSubstr("code=\"INVALID_ARGUMENT\""), HasSubstr("error=\"no logits\"")));
}

TEST(CallErrorLogTest, AnInternalErrorOfAMessageIsAnErrorWithItsText) {
  EXPECT_THAT(Written([](CallErrorLog& filter) {
                filter.MessageAnswered(SomeCall(), absl::InternalError("bad_alloc"), {}, {});
              }),
              AllOf(HasSubstr(" error call failed"), HasSubstr("error=\"bad_alloc\"")));
}

TEST(CallErrorLogTest, ErrorsOfOneMethodAndCodeAreSummedUp) {
  const std::string text = Written([](CallErrorLog& filter) {
    for (int i = 0; i < 1000; ++i) {
      filter.Ended(SomeCall(), absl::InvalidArgumentError(absl::StrCat("no ", i)), {});
    }
    filter.Ended(SomeCall(), absl::CancelledError("gone"), {});
  });
  EXPECT_THAT(text, AllOf(HasSubstr(R"(error="no 0")"), HasSubstr(R"(error="gone")"),
                          HasSubstr("more=999"), HasSubstr(R"(error="no 999")")));
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 3);
}

TEST(CallErrorLogTest, NoNumberOfTokensHidesAnInternalError) {
  const std::string text = Written([](CallErrorLog& filter) {
    for (int i = 0; i < 1000; ++i) {
      const rpc::Caller caller(absl::StrCat("job", i), static_cast<uint64_t>(i));
      SomeCall call;
      call.caller_ = &caller;
      filter.Ended(call, absl::InvalidArgumentError("no logits"), {});
      if (i >= 998) filter.Ended(call, absl::InternalError(absl::StrCat("of ", i)), {});
    }
  });
  EXPECT_THAT(text, AllOf(HasSubstr(R"(token="job0")"),
                          HasSubstr(R"(error="of 998" token="job998")"), HasSubstr(R"(more=1 )")));
  EXPECT_LT(std::count(text.begin(), text.end(), '\n'), 300);
}

TEST(CallErrorLogTest, WhatGoesWellIsNoEntry) {
  EXPECT_THAT(Written([](CallErrorLog& filter) {
                EXPECT_TRUE(filter.Arrived(SomeCall()).ok());
                filter.MessageAnswered(SomeCall(), absl::OkStatus(), {}, {});
                filter.Ended(SomeCall(), absl::OkStatus(), {});
              }),
              IsEmpty());
}

}  // namespace
}  // namespace lossd::observe
