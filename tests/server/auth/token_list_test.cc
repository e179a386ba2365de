#include "server/auth/token_list.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace lossd::auth {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

// SHA-256 of "abc" and of "", as FIPS 180-2 and sha256sum have them.
constexpr char kOfAbc[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
constexpr char kOfNothing[] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

std::string HexOf(const Digest& digest) {
  return absl::BytesToHexString({reinterpret_cast<const char*>(digest.data()), digest.size()});
}

std::string ErrorOf(const std::string& text) {
  const auto tokens = ParseTokens(text, "tokens.txt");
  EXPECT_FALSE(tokens.ok()) << text;
  return std::string(tokens.status().message());
}

TEST(DigestTest, IsTheStandards) {
  EXPECT_EQ(HexOf(*Sha256("abc")), kOfAbc);
  EXPECT_EQ(HexOf(*Sha256("")), kOfNothing);
  EXPECT_EQ(HexOf(*Sha256(std::string(1'000'000, 'a'))),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(DigestTest, EveryByteIsCompared) {
  const Digest digest = *Sha256("abc");
  for (size_t i = 0; i < digest.size(); ++i) {
    Digest other = digest;
    EXPECT_TRUE(AreSame(digest, other));
    other[i] ^= 0x80;
    EXPECT_FALSE(AreSame(digest, other)) << i;
  }
}

TEST(ParseTokensTest, LinesHaveANameADigestAndPerhapsAdmin) {
  const auto tokens = ParseTokens(
      absl::StrCat("# the team's\n\nnight-job.2 ", kOfAbc, "\r\n  \t\n   # indented\n\tOps_1\t",
                   absl::AsciiStrToUpper(kOfNothing), "  admin \n"),
      "tokens.txt");
  ASSERT_TRUE(tokens.ok()) << tokens.status();
  ASSERT_EQ(tokens->size(), 2);
  EXPECT_EQ((*tokens)[0].name, "night-job.2");
  EXPECT_EQ(HexOf((*tokens)[0].digest), kOfAbc);
  EXPECT_FALSE((*tokens)[0].is_admin);
  EXPECT_EQ((*tokens)[1].name, "Ops_1");
  EXPECT_EQ(HexOf((*tokens)[1].digest), kOfNothing);
  EXPECT_TRUE((*tokens)[1].is_admin);
}

TEST(ParseTokensTest, ANameMayHaveSeveralTokens) {
  EXPECT_EQ(ParseTokens(absl::StrCat("job ", kOfAbc, "\njob ", kOfNothing), "t")->size(), 2);
}

TEST(ParseTokensTest, EveryFaultIsToldWithItsLine) {
  const std::string error =
      ErrorOf(absl::StrCat("good ", kOfAbc,
                           "\nalone\na b c d\nshort 123\nj\xC3\xB6"
                           "b ",
                           kOfNothing, "\n", std::string(65, 'x'), " ", std::string(64, 'g'),
                           "\nother ", kOfNothing, " root\nagain ", kOfAbc, "\n"));
  EXPECT_EQ(
      error,
      "tokens.txt:2: has 1 word, expected a name, a SHA-256, and perhaps the word admin\n"
      "tokens.txt:3: has 4 words, expected a name, a SHA-256, and perhaps the word admin\n"
      "tokens.txt:4: the second word has 3 characters, expected 64 hexadecimal digits: the SHA-256 "
      "of the token\n"
      "tokens.txt:5: the name has other characters than letters, digits, '.', '_' and '-'\n"
      "tokens.txt:6: the name has 65 characters, expected 64 at most\n"
      "tokens.txt:6: the second word has other characters, expected 64 hexadecimal digits: the "
      "SHA-256 of the token\n"
      "tokens.txt:7: the third word is not admin, the only one that may be there\n"
      "tokens.txt:8: has the token of line 1");
}

// Who puts the token itself in the file does not find it in the log.
TEST(ParseTokensTest, NothingOfTheFileIsInAnError) {
  for (const char* line : {"hunter2", "job hunter2", "hunter2! hunter2", "job hunter2 hunter2",
                           "job hunter2 hunter2 hunter2"}) {
    EXPECT_THAT(ErrorOf(line), AllOf(HasSubstr("tokens.txt:1: "), Not(HasSubstr("hunter2"))));
  }
}

TEST(ParseTokensTest, AFileWithoutATokenIsWrong) {
  for (const char* text : {"", "\n\n", "# nobody\n"}) {
    EXPECT_EQ(ErrorOf(text), "tokens.txt: has no token, expected one at least");
  }
}

TEST(ParseTokensTest, FaultsAndTokensAreBounded) {
  std::string many;
  for (int i = 0; i < 1001; ++i)
    absl::StrAppend(&many, "job ", HexOf(*Sha256(absl::StrCat(i))), "\n");
  EXPECT_EQ(ErrorOf(many), "tokens.txt: has 1001 tokens, expected 1000 at most");
  std::string wrong;
  for (int i = 0; i < 1000; ++i) wrong += "x\n";
  EXPECT_LT(ErrorOf(wrong).size(), 4096);
  EXPECT_THAT(ErrorOf(wrong), HasSubstr("\ntokens.txt: and 980 faults more"));
}

}  // namespace
}  // namespace lossd::auth
