#ifndef LOSSD_TESTS_INTEGRATION_CLIENT_PROGRAM_H_
#define LOSSD_TESTS_INTEGRATION_CLIENT_PROGRAM_H_

#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "absl/strings/strip.h"
#include "lossd/client.h"
#include "tests/integration/child_process.h"

namespace lossd {

// The program, and a client of it, both for all tests of a suite.
class ClientProgramTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    server_ = new ChildProcess(LOSSD_PROGRAM, {"--listen", "127.0.0.1:0", "--threads", "2"});
    const std::string line = server_->ReadLine().value_or("(the end)");
    absl::string_view address = line;
    ASSERT_TRUE(absl::ConsumePrefix(&address, "listening on ")) << line;
    absl::StatusOr<Client> client = Client::Create({std::string(address)});
    ASSERT_TRUE(client.ok()) << client.status();
    client_ = new Client(*std::move(client));
    address_ = std::string(address);
  }
  static void TearDownTestSuite() {
    delete client_;
    delete server_;
  }

  static inline ChildProcess* server_ = nullptr;
  static inline Client* client_ = nullptr;
  static inline std::string address_;
};

}  // namespace lossd

#endif  // LOSSD_TESTS_INTEGRATION_CLIENT_PROGRAM_H_
