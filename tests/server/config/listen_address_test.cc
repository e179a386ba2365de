#include "server/config/listen_address.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace lossd {
namespace {

using ::testing::HasSubstr;

TEST(ValidateListenAddressTest, AcceptsHostsWithPortsAndSocketFiles) {
  for (const char* address : {"0.0.0.0:50051", "127.0.0.1:0", "localhost:65535", "[::]:50051",
                              "[::1]:0", "unix:/run/lossd.sock", "unix:lossd.sock"}) {
    EXPECT_TRUE(ValidateListenAddress(address).ok()) << address;
  }
}

TEST(ValidateListenAddressTest, SaysWhatIsWrong) {
  const std::pair<std::string, const char*> cases[] = {
      {"", "'' is no address with a port"},
      {"localhost", "'localhost' is no address with a port"},
      {"::1", "'::1' is no address with a port"},
      {"[::1]", "'[::1]' is no address with a port"},
      {":50051", "':50051' names no host"},
      {"[]:50051", "'[]:50051' names no host"},
      {"localhost:", "'localhost:' has no port from 0 to 65535"},
      {"localhost:http", "has no port from 0 to 65535"},
      {"localhost:65536", "has no port from 0 to 65535"},
      {"localhost:-1", "has no port from 0 to 65535"},
      {"unix:", "'unix:' names no path"},
      {"unix:/" + std::string(200, 'a'),
       "has a path of 201 bytes, more than the 107 of a socket's"},
  };
  for (const auto& [address, message] : cases) {
    const absl::Status status = ValidateListenAddress(address);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << address;
    EXPECT_THAT(std::string(status.message()), HasSubstr(message));
    EXPECT_THAT(std::string(status.message()), HasSubstr("expected HOST:PORT or unix:PATH"));
  }
}

TEST(WithPortTest, ReplacesThePortAlone) {
  EXPECT_EQ(WithPort("127.0.0.1:0", 4321), "127.0.0.1:4321");
  EXPECT_EQ(WithPort("[::1]:0", 4321), "[::1]:4321");
  EXPECT_EQ(WithPort("unix:/tmp/a:0", 1), "unix:/tmp/a:0");
}

}  // namespace
}  // namespace lossd
