#include "server/transport/grpc/served_method.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace lossd::transport {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

std::vector<rpc::MethodRow> AllRows() {
  return {
      {"GetServerInfo", rpc::UnaryMethod()},
      {"ListLosses", rpc::UnaryMethod()},
      {"Compute", rpc::UnaryMethod()},
      {"ComputeStream", rpc::StreamMethod()},
      {"ComputeClassWeights", rpc::UnaryMethod()},
      {"MeasureInformation", rpc::UnaryMethod()},
      {"Compare", rpc::UnaryMethod()},
  };
}

std::string ErrorOf(std::vector<rpc::MethodRow> rows) {
  return std::string(MatchMethods(std::move(rows)).status().message());
}

TEST(MatchMethodsTest, NamesEachMethodAndItsPlaceInTheFile) {
  const auto served = MatchMethods(AllRows());
  ASSERT_TRUE(served.ok()) << served.status();
  ASSERT_EQ(served->size(), 7);
  EXPECT_EQ((*served)[2].name, "lossd.v1.LossService/Compute");
  EXPECT_EQ((*served)[2].index, 0);
  EXPECT_EQ((*served)[0].index, 6);
}

TEST(MatchMethodsTest, SaysWhichMethodIsMissing) {
  std::vector<rpc::MethodRow> rows = AllRows();
  rows.pop_back();
  EXPECT_THAT(ErrorOf(rows), AllOf(HasSubstr("0 rows"), HasSubstr("LossService/Compare")));
}

TEST(MatchMethodsTest, SaysWhichMethodTheFileDoesNotHave) {
  std::vector<rpc::MethodRow> rows = AllRows();
  rows.push_back({"Guess", rpc::UnaryMethod()});
  EXPECT_THAT(ErrorOf(rows),
              AllOf(HasSubstr("LossService/Guess"), HasSubstr(".proto file does not have")));
}

TEST(MatchMethodsTest, SaysWhichMethodIsThereTwice) {
  std::vector<rpc::MethodRow> rows = AllRows();
  rows.push_back({"Compute", rpc::UnaryMethod()});
  EXPECT_THAT(ErrorOf(rows), AllOf(HasSubstr("2 rows"), HasSubstr("LossService/Compute,")));
}

TEST(MatchMethodsTest, SaysWhichMethodIsOfTheOtherKind) {
  std::vector<rpc::MethodRow> rows = AllRows();
  rows[2].method = rpc::StreamMethod();
  EXPECT_THAT(ErrorOf(rows), AllOf(HasSubstr("LossService/Compute "), HasSubstr("as a stream")));
  rows = AllRows();
  rows[3].method = rpc::UnaryMethod();
  EXPECT_THAT(ErrorOf(rows), AllOf(HasSubstr("ComputeStream"), HasSubstr("as a unary call")));
}

}  // namespace
}  // namespace lossd::transport
