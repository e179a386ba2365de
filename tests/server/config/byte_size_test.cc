#include "server/config/byte_size.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace lossd {
namespace {

using ::testing::Optional;

TEST(ParseByteSizeTest, ReadsNumbersWithAndWithoutUnits) {
  EXPECT_THAT(ParseByteSize("0"), Optional(0));
  EXPECT_THAT(ParseByteSize("67108864"), Optional(67108864));
  EXPECT_THAT(ParseByteSize("512B"), Optional(512));
  EXPECT_THAT(ParseByteSize("4kB"), Optional(4000));
  EXPECT_THAT(ParseByteSize("4KiB"), Optional(4096));
  EXPECT_THAT(ParseByteSize("3MB"), Optional(3000000));
  EXPECT_THAT(ParseByteSize("64MiB"), Optional(67108864));
  EXPECT_THAT(ParseByteSize("2GB"), Optional(2000000000));
  EXPECT_THAT(ParseByteSize("1GiB"), Optional(1073741824));
}

TEST(ParseByteSizeTest, TakesAnyCaseAndSpaces) {
  EXPECT_THAT(ParseByteSize("64mib"), Optional(67108864));
  EXPECT_THAT(ParseByteSize(" 64 MIB "), Optional(67108864));
}

TEST(ParseByteSizeTest, RefusesWhatIsNoSize) {
  for (const char* text : {"", " ", "MiB", "-1", "+1", "1.5MiB", "64M iB", "64 M", "64MiBs", "0x10",
                           "9223372036854775808", "9223372036854775807kB"}) {
    EXPECT_EQ(ParseByteSize(text), std::nullopt) << "'" << text << "'";
  }
}

TEST(ParseByteSizeTest, ReachesTheLargestInteger) {
  EXPECT_THAT(ParseByteSize("9223372036854775807"), Optional(9223372036854775807));
}

}  // namespace
}  // namespace lossd
