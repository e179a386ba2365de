#include "server/observe/trace_parent.h"

#include <gtest/gtest.h>

#include <string>

namespace lossd::observe {
namespace {

constexpr char kTraceId[] = "4bf92f3577b34da6a3ce929d0e0e4736";
constexpr char kParentId[] = "00f067aa0ba902b7";

std::string Header(const std::string& version, const std::string& rest) {
  return version + "-" + kTraceId + "-" + kParentId + "-" + rest;
}

TEST(TraceParentTest, ReadsTheIds) {
  const auto parent = ParseTraceParent(Header("00", "01"));
  ASSERT_TRUE(parent);
  EXPECT_EQ(parent->trace_id, kTraceId);
  EXPECT_EQ(parent->parent_id, kParentId);
}

TEST(TraceParentTest, ALaterVersionMayGoOnAfterADash) {
  EXPECT_TRUE(ParseTraceParent(Header("01", "01")));
  EXPECT_TRUE(ParseTraceParent(Header("cc", "01-what the future brings")));
  EXPECT_FALSE(ParseTraceParent(Header("cc", "01.what the future brings")));
  EXPECT_FALSE(ParseTraceParent(Header("00", "01-what the future brings")));
}

TEST(TraceParentTest, RefusesWhatTheStandardRefuses) {
  for (const std::string& header : {
           std::string(),
           std::string("00"),
           Header("ff", "01"),
           Header("0", "01"),
           Header("000", "01"),
           Header("0g", "01"),
           Header("00", "0"),
           Header("00", "0x"),
           Header("00", "011"),
           Header("00", ""),
           Header("00", "01\n"),
           std::string("00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01"),
           std::string("00-4bf92f3577b34da6a3ce929d0e0e4736-00F067AA0BA902B7-01"),
           std::string("00-00000000000000000000000000000000-00f067aa0ba902b7-01"),
           std::string("00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01"),
           std::string("00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01"),
           std::string("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b-01"),
           std::string("00 4bf92f3577b34da6a3ce929d0e0e4736 00f067aa0ba902b7 01"),
           std::string("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b701"),
           " " + Header("00", "01"),
       }) {
    EXPECT_FALSE(ParseTraceParent(header)) << header;
  }
}

}  // namespace
}  // namespace lossd::observe
