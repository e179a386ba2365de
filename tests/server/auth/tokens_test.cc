#include "server/auth/tokens.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace lossd::auth {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string LineOf(const std::string& name, const std::string& token) {
  const Digest digest = *Sha256(token);
  return absl::StrCat(
      name, " ",
      absl::BytesToHexString({reinterpret_cast<const char*>(digest.data()), digest.size()}), "\n");
}

class TokensTest : public ::testing::Test {
 protected:
  TokensTest() {
    Write(LineOf("a", "of a") + LineOf("b", "of b"));
    tokens_ = *Tokens::Read(path_);
  }
  ~TokensTest() override { unlink(path_.c_str()); }

  // Puts another file in its place: one that is written twice within a tick of the file system's
  // clock may look the same.
  void Write(const std::string& text) const {
    const std::string other = absl::StrCat(path_, ".new");
    std::ofstream(other) << text;
    ASSERT_EQ(rename(other.c_str(), path_.c_str()), 0);
  }

  std::shared_ptr<const rpc::Caller> Find(const std::string& token) const {
    return tokens_->Find(token).value();
  }

  // Looks at the file as often as it takes to read a change.
  std::optional<absl::Status> ReloadAfterTwoLooks() {
    EXPECT_EQ(tokens_->ReloadIfChanged(), std::nullopt) << "it may still be written";
    return tokens_->ReloadIfChanged();
  }

  const std::string path_ = absl::StrCat(::testing::TempDir(), "/tokens_test.", getpid());
  std::unique_ptr<Tokens> tokens_;
};

TEST_F(TokensTest, ATokenIsFoundByItself) {
  ASSERT_NE(Find("of a"), nullptr);
  EXPECT_EQ(Find("of a")->name, "a");
  EXPECT_EQ(Find("of a")->number, 1);
  EXPECT_EQ(Find("of b")->name, "b");
  EXPECT_EQ(Find("of b")->number, 2);
  EXPECT_EQ(Find("of c"), nullptr);
  EXPECT_EQ(Find(""), nullptr);
  EXPECT_EQ(Find("of a "), nullptr);
}

TEST_F(TokensTest, AFileThatDidNotChangeIsNotReadAgain) {
  for (int i = 0; i < 3; ++i) EXPECT_EQ(tokens_->ReloadIfChanged(), std::nullopt);
}

TEST_F(TokensTest, WhoIsNotInTheFileAnyMoreIsRevoked) {
  const auto a = Find("of a");
  const auto b = Find("of b");
  Write(LineOf("b", "of b") + LineOf("c", "of c"));
  const auto reloaded = ReloadAfterTwoLooks();
  ASSERT_TRUE(reloaded);
  EXPECT_TRUE(reloaded->ok()) << *reloaded;
  EXPECT_EQ(Find("of a"), nullptr);
  EXPECT_TRUE(a->revoked);
  EXPECT_EQ(Find("of b"), b);
  EXPECT_FALSE(b->revoked);
  EXPECT_EQ(Find("of c")->number, 3);
  EXPECT_THAT(tokens_->names(), ElementsAre("a", "b", "c"));
  EXPECT_EQ(tokens_->count(), 2);
  // One that comes back is who it was.
  Write(LineOf("a", "new of a"));
  EXPECT_TRUE(ReloadAfterTwoLooks()->ok());
  EXPECT_EQ(Find("new of a")->number, 1);
}

TEST_F(TokensTest, AFileOfTheSameSizeIsSeen) {
  Write(LineOf("b", "of b") + LineOf("a", "of x"));
  EXPECT_TRUE(ReloadAfterTwoLooks()->ok());
  EXPECT_EQ(Find("of a"), nullptr);
  EXPECT_NE(Find("of x"), nullptr);
}

TEST_F(TokensTest, AWrongFileChangesNothingAndIsToldOnce) {
  const auto a = Find("of a");
  for (const std::string text : {"", "a 123\n"}) {
    Write(text);
    const auto reloaded = ReloadAfterTwoLooks();
    ASSERT_TRUE(reloaded);
    EXPECT_THAT(std::string(reloaded->message()), HasSubstr(path_));
    EXPECT_EQ(tokens_->ReloadIfChanged(), std::nullopt);
    EXPECT_FALSE(tokens_->Reload().ok()) << "who asks for it is told again";
    EXPECT_EQ(Find("of a"), a);
  }
  unlink(path_.c_str());
  EXPECT_THAT(std::string(ReloadAfterTwoLooks()->message()), HasSubstr("No such file"));
  EXPECT_FALSE(a->revoked);
  Write(LineOf("b", "of b"));
  EXPECT_TRUE(ReloadAfterTwoLooks()->ok());
  EXPECT_TRUE(a->revoked);
}

// A pipe's time changes with each write, and a reader waits for its end: it stands for a file that
// is written while it is read.
TEST_F(TokensTest, AFileThatChangesWhileItIsReadIsReadLater) {
  const auto a = Find("of a");
  unlink(path_.c_str());
  ASSERT_EQ(mkfifo(path_.c_str(), 0600), 0);
  const auto writing = [this](const std::function<absl::Status()>& read) {
    const FileStamp before = StampOf(path_);
    std::thread writer([&] {
      std::ofstream pipe(path_);
      do {
        pipe << LineOf("b", "of b") << std::flush;
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      } while (StampOf(path_) == before);
    });
    absl::Status status = read();
    writer.join();
    return status;
  };
  const absl::Status status = writing([this] { return tokens_->Reload(); });
  EXPECT_EQ(status, absl::AbortedError(absl::StrCat("'", path_, "' changed while it was read")));
  EXPECT_EQ(tokens_->ReloadIfChanged(), std::nullopt);
  EXPECT_TRUE(writing([this] {
                EXPECT_EQ(tokens_->ReloadIfChanged(), std::nullopt) << "and tells nobody";
                return absl::OkStatus();
              }).ok());
  EXPECT_EQ(Find("of a"), a);
  Write(LineOf("b", "of b"));
  EXPECT_TRUE(ReloadAfterTwoLooks()->ok());
  EXPECT_TRUE(a->revoked);
}

TEST_F(TokensTest, ATokenThatGetsAnotherNameIsAnother) {
  const auto a = Find("of a");
  Write(LineOf("x", "of a") + LineOf("b", "of b"));
  EXPECT_TRUE(tokens_->Reload().ok());
  EXPECT_EQ(Find("of a")->name, "x");
  EXPECT_EQ(Find("of a")->number, 3);
  EXPECT_FALSE(Find("of a")->revoked);
  EXPECT_TRUE(a->revoked);
}

TEST_F(TokensTest, AdminComesAndGoesWithoutANewCaller) {
  const auto a = Find("of a");
  EXPECT_FALSE(a->is_admin);
  std::string line = LineOf("a", "of a");
  line.insert(line.size() - 1, " admin");
  Write(line);
  EXPECT_TRUE(tokens_->Reload().ok());
  EXPECT_EQ(Find("of a"), a);
  EXPECT_TRUE(a->is_admin);
}

TEST_F(TokensTest, TwoTokensOfOneNameAreOneCallerToOthers) {
  Write(LineOf("a", "of a") + LineOf("a", "next of a"));
  EXPECT_TRUE(tokens_->Reload().ok());
  EXPECT_NE(Find("of a"), Find("next of a"));
  EXPECT_EQ(Find("of a")->number, Find("next of a")->number);
  EXPECT_THAT(tokens_->names(), ElementsAre("a", "b"));
}

TEST_F(TokensTest, IsFoundWhileTheFileChanges) {
  std::atomic<bool> stops = false;
  std::vector<std::thread> callers;
  for (int i = 0; i < 2; ++i) {
    callers.emplace_back([&] {
      while (!stops) EXPECT_NE(Find("of a"), nullptr);
    });
  }
  for (int i = 0; i < 50; ++i) {
    Write(LineOf("a", "of a") + LineOf(absl::StrCat("job", i), absl::StrCat(i)));
    EXPECT_TRUE(tokens_->Reload().ok());
  }
  stops = true;
  for (std::thread& caller : callers) caller.join();
}

TEST(TokensStartTest, AFileThatCannotBeReadIsAnError) {
  const auto tokens = Tokens::Read("/nowhere/tokens");
  ASSERT_FALSE(tokens.ok());
  EXPECT_THAT(std::string(tokens.status().message()), HasSubstr("'/nowhere/tokens'"));
}

}  // namespace
}  // namespace lossd::auth
