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
  EXPECT_THAT(ParseByteSize("3TB"), Optional(3000000000000));
  EXPECT_THAT(ParseByteSize("2TiB"), Optional(2199023255552));
  EXPECT_THAT(ParseByteSize("1PB"), Optional(1000000000000000));
  EXPECT_THAT(ParseByteSize("1PiB"), Optional(1125899906842624));
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

TEST(PrintByteSizeTest, UsesTheLargestUnitThatSaysItWhole) {
  EXPECT_EQ(PrintByteSize(0), "0");
  EXPECT_EQ(PrintByteSize(1023), "1023");
  EXPECT_EQ(PrintByteSize(1024), "1KiB");
  EXPECT_EQ(PrintByteSize(1572864), "1536KiB");
  EXPECT_EQ(PrintByteSize(67108864), "64MiB");
  EXPECT_EQ(PrintByteSize(2147483647), "2147483647");
  EXPECT_EQ(PrintByteSize(int64_t{1} << 50), "1PiB");
}

}  // namespace
}  // namespace lossd
