#include "server/rpc/errors/short_text.h"

#include <gtest/gtest.h>

namespace lossd::rpc {
namespace {

TEST(ShortTextTest, LeavesWhatFits) {
  EXPECT_EQ(ShortText("", 5), "");
  EXPECT_EQ(ShortText("abcde", 5), "abcde");
}

TEST(ShortTextTest, CutsWhatDoesNot) {
  EXPECT_EQ(ShortText("abcdef", 5), "ab...");
  EXPECT_EQ(ShortText("abcdef", 3), "...");
}

TEST(ShortTextTest, NeverCutsACharacterInTwo) {
  EXPECT_EQ(ShortText("aΣΣΣ", 6), "aΣ...");
  EXPECT_EQ(ShortText("aΣΣΣ", 5), "a...");
}

}  // namespace
}  // namespace lossd::rpc
