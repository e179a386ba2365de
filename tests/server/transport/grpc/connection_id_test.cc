#include "server/transport/grpc/connection_id.h"

#include <gtest/gtest.h>

namespace lossd::transport {
namespace {

TEST(AddressOfPeerTest, IsThatOfTheSocket) {
  EXPECT_EQ(AddressOfPeer("ipv4:127.0.0.1:50051"), "127.0.0.1:50051");
  EXPECT_EQ(AddressOfPeer("ipv6:%5B::1%5D:50051"), "[::1]:50051");
  EXPECT_EQ(AddressOfPeer("ipv6:[fe80::1]:50051"), "[fe80::1]:50051");
  EXPECT_EQ(AddressOfPeer("unix:/tmp/lossd.sock"), "");
  EXPECT_EQ(AddressOfPeer("unix:"), "");
  EXPECT_EQ(AddressOfPeer(""), "");
}

}  // namespace
}  // namespace lossd::transport
