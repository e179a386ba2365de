#include "server/transport/grpc/library_log.h"

#include <grpc/support/log.h>
#include <gtest/gtest.h>

#include <string>

namespace lossd::transport {
namespace {

TEST(LibraryLogTest, CountsTheRequestsThatAreRefusedAndNothingElse) {
  gpr_set_log_verbosity(GPR_LOG_SEVERITY_ERROR);  // as grpc_init() does
  ::testing::internal::CaptureStderr();
  {
    const Log log(LogFormat::kText);
    const LibraryLog library_log(log);
    const auto before = RefusedCompressedRequests();
    gpr_log(GPR_ERROR, "Compression algorithm 'gzip' is disabled.");
    EXPECT_EQ(RefusedCompressedRequests(), before + 1);
    gpr_log(GPR_ERROR, "Compression algorithm 'gzip' is slow.");
    gpr_log(GPR_ERROR, "The algorithm 'gzip' is disabled.");
    EXPECT_EQ(RefusedCompressedRequests(), before + 1);
  }
  const std::string text = ::testing::internal::GetCapturedStderr();
  EXPECT_NE(text.find(" warning a request was refused: it is compressed"), std::string::npos);
  EXPECT_NE(text.find(" is slow. source="), std::string::npos) << text;
}

}  // namespace
}  // namespace lossd::transport
