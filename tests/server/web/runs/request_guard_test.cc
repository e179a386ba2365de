#include "server/web/runs/request_guard.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace lossd::web {
namespace {

PageRequest RequestWith(PageRequest::Values headers) {
  PageRequest request;
  request.headers = std::move(headers);
  return request;
}

TEST(RequestGuardTest, AMachinesOwnPageIsShownByItsOwnNames) {
  for (const char* host : {"localhost", "LOCALHOST:1", "127.0.0.1:8080", "[::1]:8080", "[::1]"}) {
    EXPECT_TRUE(CheckSite(RequestWith({{"host", host}}), HostRule::kThisMachine).ok()) << host;
  }
  EXPECT_TRUE(CheckSite(RequestWith({}), HostRule::kThisMachine).ok());
  for (const char* host : {"evil.example", "evil.example:8080", "localhost.evil.example",
                           "127.0.0.1.x", "[::2]:80", ":80", "10.0.0.1"}) {
    EXPECT_EQ(CheckSite(RequestWith({{"host", host}}), HostRule::kThisMachine).code(),
              absl::StatusCode::kPermissionDenied)
        << host;
    EXPECT_TRUE(CheckSite(RequestWith({{"host", host}}), HostRule::kAny).ok()) << host;
  }
}

TEST(RequestGuardTest, AnotherSiteIsRefused) {
  const auto with_origin = [](const char* origin) {
    return CheckSite(RequestWith({{"host", "gpu-7:8080"}, {"origin", origin}}), HostRule::kAny);
  };
  EXPECT_TRUE(with_origin("http://gpu-7:8080").ok());
  EXPECT_TRUE(with_origin("https://GPU-7:8080").ok());
  for (const char* origin : {"http://gpu-7", "http://gpu-7:80800", "http://evil.example", "null",
                             "", "ftp://gpu-7:8080"}) {
    EXPECT_EQ(with_origin(origin).code(), absl::StatusCode::kPermissionDenied) << origin;
  }
  EXPECT_FALSE(CheckSite(RequestWith({{"sec-fetch-site", "cross-site"}}), HostRule::kAny).ok());
  EXPECT_TRUE(CheckSite(RequestWith({{"sec-fetch-site", "same-origin"}}), HostRule::kAny).ok());
}

}  // namespace
}  // namespace lossd::web
