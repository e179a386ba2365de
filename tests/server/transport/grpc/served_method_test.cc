#include "server/transport/grpc/served_method.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "google/protobuf/descriptor.h"
#include "server/transport/grpc/raw_service.h"

namespace lossd::transport {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

// Returns the rows from the last method of the .proto files to their first.
std::vector<rpc::MethodRow> AllRows() {
  std::vector<rpc::MethodRow> rows;
  for (const auto* method : ServedMethods()) {
    rows.push_back(
        {absl::StrCat(method->service()->full_name(), "/", method->name()), rpc::UnaryMethod()});
    if (method->server_streaming()) rows.back().method = rpc::AnswersMethod();
    if (method->client_streaming()) rows.back().method = rpc::StreamMethod();
  }
  std::reverse(rows.begin(), rows.end());
  return rows;
}

rpc::MethodRow& Find(std::vector<rpc::MethodRow>& rows, const std::string& name) {
  return *std::find_if(rows.begin(), rows.end(), [&](const auto& row) { return row.name == name; });
}

std::string ErrorOf(std::vector<rpc::MethodRow> rows) {
  return std::string(MatchMethods(std::move(rows)).status().message());
}

TEST(MatchMethodsTest, NamesEachMethodAndItsPlaceInTheFile) {
  const auto served = MatchMethods(AllRows());
  ASSERT_TRUE(served.ok()) << served.status();
  ASSERT_EQ(served->size(), ServedMethods().size());
  EXPECT_EQ(served->back().name, "lossd.v1.LossService/Compute");
  EXPECT_EQ(served->back().index, 0);
  EXPECT_EQ(served->front().index, served->size() - 1);
  EXPECT_EQ(served->front().name, "lossd.v1.RunService/ExportRunSamples");
}

TEST(MatchMethodsTest, SaysWhichMethodIsMissing) {
  std::vector<rpc::MethodRow> rows = AllRows();
  rows.pop_back();
  EXPECT_THAT(ErrorOf(rows), AllOf(HasSubstr("0 rows"), HasSubstr("LossService/Compute,")));
}

TEST(MatchMethodsTest, SaysWhichMethodTheFileDoesNotHave) {
  std::vector<rpc::MethodRow> rows = AllRows();
  rows.push_back({"lossd.v1.RunService/Guess", rpc::UnaryMethod()});
  EXPECT_THAT(ErrorOf(rows),
              AllOf(HasSubstr("RunService/Guess"), HasSubstr(".proto file does not have")));
}

TEST(MatchMethodsTest, SaysWhichMethodIsThereTwice) {
  std::vector<rpc::MethodRow> rows = AllRows();
  rows.push_back({"lossd.v1.LossService/Compute", rpc::UnaryMethod()});
  EXPECT_THAT(ErrorOf(rows), AllOf(HasSubstr("2 rows"), HasSubstr("LossService/Compute,")));
}

TEST(MatchMethodsTest, SaysWhichMethodIsOfTheOtherKind) {
  std::vector<rpc::MethodRow> rows = AllRows();
  Find(rows, "lossd.v1.LossService/Compute").method = rpc::StreamMethod();
  EXPECT_THAT(ErrorOf(rows), AllOf(HasSubstr("LossService/Compute "), HasSubstr("as a stream")));
  rows = AllRows();
  Find(rows, "lossd.v1.LossService/ComputeStream").method = rpc::UnaryMethod();
  EXPECT_THAT(ErrorOf(rows), AllOf(HasSubstr("ComputeStream"), HasSubstr("as a unary call")));
  rows = AllRows();
  Find(rows, "lossd.v1.RunService/WatchRun").method = rpc::StreamMethod();
  EXPECT_THAT(ErrorOf(rows), AllOf(HasSubstr("WatchRun"), HasSubstr("as a stream")));
  rows = AllRows();
  Find(rows, "lossd.v1.RunService/GetRun").method = rpc::AnswersMethod();
  EXPECT_THAT(ErrorOf(rows), AllOf(HasSubstr("GetRun"), HasSubstr("as a server stream")));
}

}  // namespace
}  // namespace lossd::transport
