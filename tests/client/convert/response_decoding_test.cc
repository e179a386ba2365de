#include "client/src/convert/response_decoding.h"

#include <string>
#include <vector>

#include "client/src/convert/compute_decoding.h"
#include "gmock/gmock.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"

namespace lossd::client {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

template <typename Message>
Message Parse(const std::string& text) {
  Message message;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &message)) << text;
  return message;
}

std::string ErrorOf(const std::string& response, const OutputOptions& asked) {
  const absl::Status status =
      DecodeCompute<float>(ReceivedResponse(Parse<v1::ComputeResponse>(response)), asked).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  return std::string(status.message());
}

OutputOptions Nothing() {
  OutputOptions asked;
  asked.losses = false;
  return asked;
}

TEST(ResponseDecodingTest, ReadsEveryField) {
  OutputOptions asked;
  asked.gradient = true;
  asked.hessian_diagonal = true;
  asked.probabilities = true;
  asked.log_sum_exp = true;
  asked.margin = true;
  asked.class_statistics = true;
  asked.difficulty = true;
  asked.top_k = {1, 2};
  asked.applied = true;
  const auto result = DecodeCompute<float>(
      ReceivedResponse(Parse<v1::ComputeResponse>(R"pb(
        losses { data_type: DATA_TYPE_FLOAT32 shape: 1 data: "\000\000\200\077" }
        gradient {
          data_type: DATA_TYPE_FLOAT32
          shape: [ 1, 1 ]
          data: "\000\000\000\100"
        }
        hessian_diagonal {
          data_type: DATA_TYPE_FLOAT32
          shape: [ 1, 1 ]
          data: "\000\000\100\100"
        }
        probabilities {
          data_type: DATA_TYPE_FLOAT32
          shape: [ 1, 1 ]
          data: "\000\000\000\077"
        }
        log_sum_exp { data_type: DATA_TYPE_FLOAT32 shape: 1 data: "\000\000\200\277" }
        margin { data_type: DATA_TYPE_FLOAT32 shape: 1 data: "\000\000\000\300" }
        loss: 1
        loss_sum: 2
        weight_sum: 3
        valid_count: 4
        non_finite_count: 5
        class_weights {
          data_type: DATA_TYPE_FLOAT64
          shape: 1
          data: "\000\000\000\000\000\000\360\077"
        }
        top_k_correct: [ 6, 7 ]
        class_statistics {
          count: 1
          frequency: 2
          weight: 3
          loss_sum: 4
          loss_share: 5
          gradient_share: 6
          mean_true_probability: 7
          correct_count: 8
          predicted_count: 9
          empty_classes: 10
          class_ids: 11
        }
        difficulty {
          bin_edges: 1
          count: 2
          loss_share: 3
          gradient_share: 4
          hard_threshold: 5
          hard_count: 6
          hard_loss_share: 7
          hard_gradient_share: 8
          mean_true_probability: 9
        }
        applied {
          loss {
            activation: ACTIVATION_SOFTMAX
            focal { gamma: 2.5 }
            temperature: 1
          }
          reduction: REDUCTION_MEAN
        })pb")),
      asked);

  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_THAT(*result->losses, ElementsAre(1.0f));
  EXPECT_THAT(*result->gradient, ElementsAre(2.0f));
  EXPECT_THAT(*result->hessian_diagonal, ElementsAre(3.0f));
  EXPECT_THAT(*result->probabilities, ElementsAre(0.5f));
  EXPECT_THAT(*result->log_sum_exp, ElementsAre(-1.0f));
  EXPECT_THAT(*result->margin, ElementsAre(-2.0f));
  EXPECT_EQ(result->loss, 1.0);
  EXPECT_EQ(result->loss_sum, 2.0);
  EXPECT_EQ(result->weight_sum, 3.0);
  EXPECT_EQ(result->valid_count, 4);
  EXPECT_EQ(result->non_finite_count, 5);
  EXPECT_THAT(result->class_weights, ElementsAre(1.0));
  EXPECT_THAT(result->top_k_correct, ElementsAre(6, 7));
  EXPECT_EQ(std::get<Focal>(result->applied->loss.form).gamma, 2.5);
  EXPECT_EQ(result->applied->reduction, Reduction::kMean);

  const ClassStatistics& statistics = *result->class_statistics;
  EXPECT_THAT(statistics.count, ElementsAre(1));
  EXPECT_THAT(statistics.frequency, ElementsAre(2.0));
  EXPECT_THAT(statistics.weight, ElementsAre(3.0));
  EXPECT_THAT(statistics.loss_sum, ElementsAre(4.0));
  EXPECT_THAT(statistics.loss_share, ElementsAre(5.0));
  EXPECT_THAT(statistics.gradient_share, ElementsAre(6.0));
  EXPECT_THAT(statistics.mean_true_probability, ElementsAre(7.0));
  EXPECT_THAT(statistics.correct_count, ElementsAre(8));
  EXPECT_THAT(statistics.predicted_count, ElementsAre(9));
  EXPECT_THAT(statistics.empty_classes, ElementsAre(10));
  EXPECT_THAT(statistics.class_ids, ElementsAre(11));

  const Difficulty& difficulty = *result->difficulty;
  EXPECT_THAT(difficulty.bin_edges, ElementsAre(1.0));
  EXPECT_THAT(difficulty.count, ElementsAre(2));
  EXPECT_THAT(difficulty.loss_share, ElementsAre(3.0));
  EXPECT_THAT(difficulty.gradient_share, ElementsAre(4.0));
  EXPECT_EQ(difficulty.hard_threshold, 5.0);
  EXPECT_EQ(difficulty.hard_count, 6);
  EXPECT_EQ(difficulty.hard_loss_share, 7.0);
  EXPECT_EQ(difficulty.hard_gradient_share, 8.0);
  EXPECT_EQ(difficulty.mean_true_probability, 9.0);
}

TEST(ResponseDecodingTest, MissesWhatWasAskedFor) {
  EXPECT_THAT(ErrorOf("", {}), HasSubstr("has no losses"));
  OutputOptions asked = Nothing();
  asked.gradient = true;
  EXPECT_THAT(ErrorOf("", asked), HasSubstr("has no gradient"));
  asked = Nothing();
  asked.class_statistics = true;
  EXPECT_THAT(ErrorOf("", asked), HasSubstr("has no class_statistics"));
  asked = Nothing();
  asked.difficulty = true;
  EXPECT_THAT(ErrorOf("", asked), HasSubstr("has no difficulty"));
  asked = Nothing();
  asked.applied = true;
  EXPECT_THAT(ErrorOf("", asked), HasSubstr("has no applied"));
  asked = Nothing();
  asked.top_k = {1};
  EXPECT_THAT(ErrorOf("", asked), HasSubstr("top_k_correct"));
}

TEST(ResponseDecodingTest, RefusesArraysThatDoNotHoldWhatTheySay) {
  EXPECT_THAT(ErrorOf("losses { data_type: DATA_TYPE_FLOAT64 shape: 1 data: '12345678' }", {}),
              HasSubstr("losses is DATA_TYPE_FLOAT64 where DATA_TYPE_FLOAT32 was expected"));
  for (const char* tensor :
       {"shape: 2 data: '1234'", "shape: 1 data: '12345'", "shape: 1", "shape: -1",
        "data: '12345678'", "shape: 0 data: '1234'", "shape: [ 4611686018427387904, 4 ] data: ''",
        "shape: [ 4611686018427387905, 4 ] data: '1234123412341234'"}) {
    EXPECT_THAT(ErrorOf(std::string("losses { data_type: DATA_TYPE_FLOAT32 ") + tensor + " }", {}),
                HasSubstr("losses has shape ["))
        << tensor;
  }
}

TEST(ResponseDecodingTest, WritesToTheMemoryThatIsGiven) {
  OutputOptions asked;
  asked.gradient = true;
  const ReceivedResponse answer(Parse<v1::ComputeResponse>(R"pb(
    losses { data_type: DATA_TYPE_FLOAT32 shape: 1 data: "\000\000\200\077" }
    gradient {
      data_type: DATA_TYPE_FLOAT32
      shape: [ 1, 1 ]
      data: "\000\000\000\100"
    })pb"));
  std::vector<float> gradient(1);
  Destinations<float> to;
  to[OutputWithField(v1::ComputeResponse::kGradientFieldNumber)] = absl::MakeSpan(gradient);

  const auto result = DecodeCompute<float>(answer, asked, to);

  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(gradient[0], 2.0f);
  EXPECT_FALSE(result->gradient);
  EXPECT_THAT(*result->losses, ElementsAre(1.0f));

  std::vector<float> large(2);
  to[OutputWithField(v1::ComputeResponse::kGradientFieldNumber)] = absl::MakeSpan(large);
  const absl::Status refused = DecodeCompute<float>(answer, asked, to).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kInternal);
  EXPECT_EQ(refused.message(),
            "the server's gradient has shape [1, 1] where 2 elements were expected");
}

TEST(ResponseDecodingTest, RefusesAComparisonOfAnotherLength) {
  const auto result = DecodeCompare(Parse<v1::CompareResponse>("comparisons {}"), 2, {});
  EXPECT_EQ(result.status().code(), absl::StatusCode::kInternal);
  EXPECT_THAT(std::string(result.status().message()), HasSubstr("1 losses of the 2"));
}

TEST(ResponseDecodingTest, LeavesOutStatisticsThatWereNotAskedFor) {
  CompareOptions asked;
  asked.class_statistics = false;
  asked.difficulty = false;
  const auto result =
      DecodeCompare(Parse<v1::CompareResponse>("comparisons { loss: 2 }"), 1, asked);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->comparisons[0].loss, 2.0);
  EXPECT_FALSE(result->comparisons[0].class_statistics);
  EXPECT_FALSE(result->comparisons[0].difficulty);
}

TEST(ResponseDecodingTest, MissesTheEntropy) {
  EXPECT_EQ(DecodeInformation({}).status().code(), absl::StatusCode::kInternal);
}

TEST(ResponseDecodingTest, ServerInfoHasWhatTheServerSays) {
  v1::GetServerInfoResponse response;
  ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(
      "version: '1.2.3' max_message_bytes: 5 in_flight_bytes: 7 "
      "start_time { seconds: 1800000000 nanos: 250000000 } features: 'tls' features: 'tokens' "
      "min_ping_interval { seconds: 1 nanos: 500000000 }",
      &response));
  const ServerInfo info = DecodeServerInfo(response);
  EXPECT_EQ(info.version, "1.2.3");
  EXPECT_EQ(info.max_message_bytes, 5);
  EXPECT_EQ(info.in_flight_bytes, 7);
  EXPECT_EQ(info.start_time, absl::FromUnixMillis(1'800'000'000'250));
  EXPECT_EQ(info.features, (std::vector<std::string>{"tls", "tokens"}));
  EXPECT_EQ(info.min_ping_interval, absl::Milliseconds(1500));
}

TEST(ResponseDecodingTest, ServerInfoOfAnOlderServerLacksTimes) {
  const ServerInfo info = DecodeServerInfo(v1::GetServerInfoResponse());
  EXPECT_EQ(info.start_time, std::nullopt);
  EXPECT_EQ(info.min_ping_interval, std::nullopt);
  EXPECT_TRUE(info.features.empty());
}

}  // namespace
}  // namespace lossd::client
