#include "server/process/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "google/protobuf/struct.pb.h"
#include "google/protobuf/util/json_util.h"

namespace lossd {
namespace {

using ::testing::MatchesRegex;

// Returns what `write` puts on stderr.
template <typename Write>
std::string Stderr(Write write) {
  ::testing::internal::CaptureStderr();
  write();
  return ::testing::internal::GetCapturedStderr();
}

// Parsed by protobuf's JSON reader, which is strict.
google::protobuf::Struct ParseJson(const std::string& line) {
  google::protobuf::Struct object;
  const auto status = google::protobuf::util::JsonStringToMessage(line, &object);
  EXPECT_TRUE(status.ok()) << line << ": " << status;
  return object;
}

std::string Field(const google::protobuf::Struct& object, const std::string& name) {
  const auto found = object.fields().find(name);
  return found == object.fields().end() ? "(none)" : found->second.string_value();
}

TEST(LogTest, TextIsOneLineWithTimeLevelMessageAndFields) {
  const std::string line = Stderr([] {
    Log(LogFormat::kText).Write(LogLevel::kWarning, "call failed", {{"method", "Compute"}});
  });
  EXPECT_THAT(line, MatchesRegex("[0-9]+-[0-9]+-[0-9]+T[0-9:.]+Z warning call failed "
                                 "method=\"Compute\"\n"));
}

TEST(LogTest, JsonIsOneObjectALine) {
  const std::string line = Stderr([] {
    Log(LogFormat::kJson).Write(LogLevel::kError, "call failed", {{"method", "Compute"}});
  });
  const google::protobuf::Struct object = ParseJson(line);
  EXPECT_EQ(Field(object, "level"), "error");
  EXPECT_EQ(Field(object, "message"), "call failed");
  EXPECT_EQ(Field(object, "method"), "Compute");
  EXPECT_THAT(Field(object, "time"), MatchesRegex("[0-9]+-[0-9]+-[0-9]+T[0-9:.]+Z"));
}

TEST(LogTest, WhateverIsInAnEntryStaysOneLineAndReadsBackFromJson) {
  const std::string nasty = "a \"quoted\" \\ {} %s Σ\n\t\x01 end";
  const std::string json = Stderr([&] {
    Log(LogFormat::kJson).Write(LogLevel::kInfo, nasty, {{"error", nasty}});
  });
  EXPECT_EQ(json.find('\n'), json.size() - 1);
  EXPECT_EQ(Field(ParseJson(json), "message"), nasty);
  EXPECT_EQ(Field(ParseJson(json), "error"), nasty);

  const std::string text = Stderr([&] {
    Log(LogFormat::kText).Write(LogLevel::kInfo, nasty, {{"error", nasty}});
  });
  EXPECT_EQ(text.find('\n'), text.size() - 1);
}

TEST(LogTest, BytesThatAreNoUtf8AreShownByNumber) {
  EXPECT_EQ(LogJson("a\xff"
                    "b",
                    {}),
            R"("message":"a\\xffb")");
  // Overlong, a surrogate, past the last character, cut short.
  EXPECT_EQ(LogJson("\xc0\xaf", {}), R"("message":"\\xc0\\xaf")");
  EXPECT_EQ(LogJson("\xed\xa0\x80", {}), R"("message":"\\xed\\xa0\\x80")");
  EXPECT_EQ(LogJson("\xf4\x90\x80\x80", {}), R"("message":"\\xf4\\x90\\x80\\x80")");
  EXPECT_EQ(LogJson("\xe2\x82", {}), R"("message":"\\xe2\\x82")");
  EXPECT_EQ(LogJson("\xe2\x82\xac \xf0\x9f\x98\x80", {}),
            "\"message\":\"\xe2\x82\xac \xf0\x9f\x98\x80\"");
}

}  // namespace
}  // namespace lossd
