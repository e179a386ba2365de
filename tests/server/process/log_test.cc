#include "server/process/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
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

TEST(LogTest, NumbersHaveNoQuotes) {
  EXPECT_EQ(LogJson("call", {{"bytes", 12}}), R"("message":"call","bytes":12)");
  EXPECT_EQ(LogText("call", {{"bytes", -1}, {"text", "12"}}), R"(call bytes=-1 text="12")");
}

TEST(LogTest, LongValuesAreCutBetweenCharacters) {
  EXPECT_EQ(LogText("x", {{"v", std::string(1024, 'a')}}),
            "x v=\"" + std::string(1024, 'a') + "\"");
  EXPECT_EQ(LogText("x", {{"v", std::string(100000, 'a')}}),
            "x v=\"" + std::string(1024, 'a') + "…\"");
  EXPECT_EQ(LogText(std::string(1023, 'a') + "Σ and more", {}), std::string(1023, 'a') + "…");
}

TEST(LogTest, EntriesBelowTheLevelAreNotWritten) {
  EXPECT_THAT(Stderr([] {
                const Log log(LogFormat::kText, LogLevel::kWarning);
                log.Write(LogLevel::kInfo, "serving");
                log.WriteRepeated("", LogLevel::kDebug, "polling", {});
                log.Write(LogLevel::kWarning, "late");
                EXPECT_FALSE(log.Writes(LogLevel::kInfo));
              }),
              MatchesRegex("[^\n]* warning late\n"));
}

TEST(LogTest, TheLevelMayChange) {
  EXPECT_THAT(Stderr([] {
                Log log(LogFormat::kText, LogLevel::kWarning);
                log.Write(LogLevel::kInfo, "one");
                log.SetLeast(LogLevel::kInfo);
                log.Write(LogLevel::kInfo, "two");
                log.SetLeast(LogLevel::kError);
                log.Write(LogLevel::kWarning, "three");
              }),
              MatchesRegex("[^\n]* info two\n"));
}

TEST(LogTest, EntriesThatAreAlikeAreSummedUp) {
  const std::string text = Stderr([] {
    const Log log(LogFormat::kText);
    for (int i = 0; i < 20000; ++i) {
      log.WriteRepeated("a", LogLevel::kWarning, "failed", {{"number", i}});
    }
    log.WriteRepeated("b", LogLevel::kWarning, "failed", {{"number", -1}});
  });
  EXPECT_THAT(text, MatchesRegex("[^\n]* warning failed number=0\n"
                                 "[^\n]* warning failed number=-1\n"
                                 "[^\n]* warning failed more=19999 number=19999\n"));
}

// The reader is gone for a while: a test of the line that tells of it.
TEST(LogTest, WhereEntriesWereDroppedALineSaysHowMany) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const int saved = dup(STDERR_FILENO);
  dup2(ends[1], STDERR_FILENO);
  std::string text;
  {
    const Log log(LogFormat::kJson);
    for (int i = 0; i < 20000; ++i) log.Write(LogLevel::kInfo, std::string(100, 'x'));
    char bytes[4096];
    while (!absl::StrContains(text, "were dropped") || text.back() != '\n') {
      const ssize_t count = read(ends[0], bytes, sizeof(bytes));
      ASSERT_GT(count, 0);
      text.append(bytes, static_cast<size_t>(count));
    }
  }
  dup2(saved, STDERR_FILENO);
  for (const int descriptor : {saved, ends[0], ends[1]}) close(descriptor);
  const std::vector<std::string> lines = absl::StrSplit(text, '\n', absl::SkipEmpty());
  const google::protobuf::Struct last = ParseJson(lines.back());
  EXPECT_EQ(Field(last, "level"), "warning");
  EXPECT_EQ(static_cast<double>(lines.size() - 1) + last.fields().at("dropped").number_value(),
            20000);
}

}  // namespace
}  // namespace lossd
