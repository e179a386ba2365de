#include "server/config/config_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace lossd {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

std::string FaultOf(const std::string& text) {
  return std::string(ParseConfigText(text, "f.yaml").status().message());
}

TEST(ParseConfigTextTest, ReadsValuesAsFlagsHaveThem) {
  const auto assignments =
      ParseConfigText("max-message-bytes: 1MiB\nlisten:\n- 127.0.0.1:0\n- unix:/x\n", "f.yaml");
  ASSERT_TRUE(assignments.ok()) << assignments.status();
  ASSERT_EQ(assignments->size(), 2);
  EXPECT_EQ((*assignments)[0].setting->name, "max-message-bytes");
  EXPECT_EQ((*assignments)[0].value, "1MiB");
  EXPECT_EQ((*assignments)[0].origin.place, "f.yaml:1");
  EXPECT_EQ((*assignments)[1].value, "127.0.0.1:0,unix:/x");
  EXPECT_EQ((*assignments)[1].origin.place, "f.yaml:2");
}

TEST(ParseConfigTextTest, NamesWhatIsNoSettingAndThoseThereAre) {
  EXPECT_THAT(FaultOf("threads: 2\nmax_message_bytes: 1MiB\n"),
              AllOf(StartsWith("f.yaml:2: max_message_bytes: no setting has this name, expected "
                               "one of listen, max-message-bytes, "),
                    HasSubstr(", access-log")));
  EXPECT_THAT(FaultOf("config: other.yaml\n"), StartsWith("f.yaml:1: config: no setting"));
}

TEST(ParseConfigTextTest, RefusesASettingThatComesTwice) {
  EXPECT_EQ(FaultOf("threads: 2\n\nthreads: 2\n"),
            "f.yaml:3: threads: it is in line 1 already, expected once");
}

TEST(ParseConfigTextTest, RefusesListsWhereThereIsOneValue) {
  EXPECT_EQ(FaultOf("threads: [2]\n"), "f.yaml:1: threads: a list, expected 0 to 1024");
  EXPECT_EQ(FaultOf("listen: []\n"),
            "f.yaml:1: listen: an empty list, expected HOST:PORT or unix:PATH");
}

TEST(ParseConfigTextTest, SaysEveryFaultOnALineOfItsOwn) {
  EXPECT_THAT(FaultOf("a: 1\nb: 2\nthreads: {}\nc: 3\n"),
              AllOf(StartsWith("f.yaml:1: a: no setting"), HasSubstr("\nf.yaml:2: b: no setting"),
                    HasSubstr("\nf.yaml:3: threads: a mapping, expected a text or a list"),
                    Not(HasSubstr("f.yaml:4"))));
}

TEST(ConfigLineTest, IsALineOfTheFile) {
  EXPECT_EQ(ConfigLine(*FindSetting("threads"), "4"), "threads: 4");
  EXPECT_EQ(ConfigLine(*FindSetting("listen"), "[::1]:0,unix:/x"),
            "listen: [\"[::1]:0\", unix:/x]");
}

}  // namespace
}  // namespace lossd
