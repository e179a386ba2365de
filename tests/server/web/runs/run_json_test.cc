#include "server/web/runs/run_json.h"

#include <gmock/gmock.h>
#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>

#include <limits>
#include <string>

#include "lossd/v1/runs.pb.h"

namespace lossd::web {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pair;

TEST(RunJsonTest, ReadsFieldsByTheirNames) {
  v1::ListRunSamplesRequest request;
  ASSERT_TRUE(ReadParameters({{"run", "a/\"b\"\n"},
                              {"order_by", "SAMPLE_ORDER_MOST_TURNED"},
                              {"class_id", "-7"},
                              {"page_size", "25"}},
                             request)
                  .ok());
  EXPECT_EQ(request.run(), "a/\"b\"\n");
  EXPECT_EQ(request.order_by(), v1::SAMPLE_ORDER_MOST_TURNED);
  EXPECT_TRUE(request.has_class_id());
  EXPECT_EQ(request.class_id(), -7);
  EXPECT_EQ(request.page_size(), 25);

  v1::ListRunSamplesRequest empty;
  ASSERT_TRUE(ReadParameters({}, empty).ok());
  EXPECT_FALSE(empty.has_class_id());
}

TEST(RunJsonTest, RefusesWhatAFieldDoesNotTake) {
  const PageRequest::Values wrong[] = {{{"page_size", "many"}},
                                       {{"page_size", "1.5"}},
                                       {{"page_size", "9999999999"}},
                                       {{"pages", "1"}},
                                       {{"order_by", "SAMPLE_ORDER_NONE"}},
                                       {{"run", "a"}, {"run", "b"}},
                                       {{"", "a"}},
                                       {{"run", "\xff"}}};
  for (const auto& parameters : wrong) {
    v1::ListRunSamplesRequest request;
    EXPECT_EQ(ReadParameters(parameters, request).code(), absl::StatusCode::kInvalidArgument)
        << parameters.begin()->first << "=" << parameters.begin()->second;
  }
}

TEST(RunJsonTest, WritesOneLineThatProtobufReadsBack) {
  v1::RunSample sample;
  sample.set_id(std::numeric_limits<int64_t>::max());
  sample.set_mean_loss(std::numeric_limits<double>::infinity());
  sample.set_mean_margin(-0.1);
  const std::string json = ToJson(sample);
  EXPECT_THAT(json, HasSubstr(R"("id":"9223372036854775807")"));
  EXPECT_THAT(json, HasSubstr(R"("meanLoss":"Infinity")"));
  EXPECT_THAT(json, Not(HasSubstr("\n")));
  v1::RunSample again;
  ASSERT_TRUE(google::protobuf::util::JsonStringToMessage(json, &again).ok());
  EXPECT_EQ(again.SerializeAsString(), sample.SerializeAsString());
}

TEST(RunJsonTest, AnErrorIsAPageWithItsStatus) {
  const PageContent page = JsonPage(absl::NotFoundError("run 'a\"<b>' is not there"));
  EXPECT_EQ(page.status, 404);
  EXPECT_EQ(page.type, "application/json");
  EXPECT_THAT(page.text, HasSubstr(R"("code":"NOT_FOUND")"));
  EXPECT_THAT(page.text, Not(HasSubstr("<b>"))) << "protobuf writes it as an escape";
  EXPECT_EQ(JsonPage(absl::FailedPreconditionError("")).status, 400);
  EXPECT_EQ(JsonPage(absl::UnavailableError("")).status, 503);
  EXPECT_EQ(JsonPage(absl::DataLossError("")).status, 500);
  EXPECT_THAT(JsonPage(absl::UnauthenticatedError("")).headers,
              ElementsAre(Pair("WWW-Authenticate", "Bearer")));
}

}  // namespace
}  // namespace lossd::web
