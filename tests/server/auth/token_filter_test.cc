#include "server/auth/token_filter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/rpc/errors/status.h"

namespace lossd::auth {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class SomeCall final : public rpc::CallInfo {
 public:
  explicit SomeCall(std::optional<std::string> authorization,
                    std::shared_ptr<const rpc::Caller> caller = nullptr)
      : authorization_(std::move(authorization)), caller_(std::move(caller)) {}

  absl::string_view method() const override { return "a.Service/Compute"; }
  std::string Peer() const override { return "nowhere"; }
  std::optional<absl::string_view> Metadata(absl::string_view key) const override {
    if (key != "authorization" || !authorization_) return std::nullopt;
    return *authorization_;
  }
  const rpc::Caller* caller() const override { return caller_.get(); }

 private:
  const std::optional<std::string> authorization_;
  const std::shared_ptr<const rpc::Caller> caller_;
};

class TokenFilterTest : public ::testing::Test {
 protected:
  TokenFilterTest() {
    // The SHA-256 of "abc".
    std::ofstream(path_) << "job ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    tokens_ = *Tokens::Read(path_);
    filter_.emplace(*tokens_);
  }
  ~TokenFilterTest() override { unlink(path_.c_str()); }

  // Returns the reason for which a call with this header is refused; "" if it is not.
  std::string ReasonFor(std::optional<std::string> authorization) {
    const auto caller = filter_->Identify(SomeCall(std::move(authorization)));
    if (caller.ok()) return *caller == nullptr ? "nobody" : "";
    EXPECT_TRUE(absl::IsUnauthenticated(caller.status()));
    EXPECT_THAT(std::string(caller.status().message()), Not(HasSubstr("hunter2")));
    return rpc::ErrorReason(caller.status());
  }

  const std::string path_ = absl::StrCat(::testing::TempDir(), "/token_filter_test.", getpid());
  std::unique_ptr<Tokens> tokens_;
  std::optional<TokenFilter> filter_;
};

TEST_F(TokenFilterTest, ACallWithATokenIsItsCallers) {
  for (const char* header : {"Bearer abc", "bearer abc", "BEARER  abc ", " Bearer abc"}) {
    const auto caller = filter_->Identify(SomeCall(header));
    ASSERT_TRUE(caller.ok()) << header << caller.status();
    ASSERT_NE(*caller, nullptr);
    EXPECT_EQ((*caller)->name, "job");
  }
}

TEST_F(TokenFilterTest, AnyOtherIsRefusedByAReasonAndQuotesNothing) {
  EXPECT_EQ(ReasonFor(std::nullopt), "MISSING_TOKEN");
  EXPECT_EQ(ReasonFor("Bearer"), "MISSING_TOKEN");
  EXPECT_EQ(ReasonFor("Bearer  "), "MISSING_TOKEN");
  EXPECT_EQ(ReasonFor(""), "WRONG_TOKEN_SCHEME");
  EXPECT_EQ(ReasonFor("Basic hunter2"), "WRONG_TOKEN_SCHEME");
  EXPECT_EQ(ReasonFor("abc"), "WRONG_TOKEN_SCHEME");
  EXPECT_EQ(ReasonFor("Bearerabc"), "WRONG_TOKEN_SCHEME");
  EXPECT_EQ(ReasonFor("Bearer hunter2"), "UNKNOWN_TOKEN");
  EXPECT_EQ(ReasonFor("Bearer ABC"), "UNKNOWN_TOKEN");
  EXPECT_EQ(ReasonFor("Bearer ab"), "UNKNOWN_TOKEN");
}

TEST_F(TokenFilterTest, AStreamEndsAtAMessageAfterItsTokenWasRevoked) {
  const auto caller = filter_->Identify(SomeCall("Bearer abc"));
  const SomeCall stream("Bearer abc", *caller);
  EXPECT_TRUE(filter_->MessageArrived(stream).ok());
  // The SHA-256 of "".
  std::ofstream(path_) << "job e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
  ASSERT_TRUE(tokens_->Reload().ok());
  const absl::Status ended = filter_->MessageArrived(stream);
  EXPECT_EQ(rpc::ErrorReason(ended), "UNKNOWN_TOKEN");
  EXPECT_EQ(ended, filter_->Identify(SomeCall("Bearer abc")).status());
  EXPECT_EQ(ended, filter_->Identify(SomeCall("Bearer hunter2")).status());
}

}  // namespace
}  // namespace lossd::auth
