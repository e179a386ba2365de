#include "proto/wire/split_message.h"

#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "google/protobuf/stubs/logging.h"
#include "gtest/gtest.h"
#include "lossd/v1/compare.pb.h"
#include "lossd/v1/compute.pb.h"
#include "tests/proto/wire/split_agreement.h"

namespace lossd::wire {
namespace {

using ::testing::SizeIs;

v1::Tensor TensorOf(size_t bytes, char fill) {
  v1::Tensor tensor;
  tensor.set_data_type(v1::DATA_TYPE_UINT8);
  tensor.add_shape(static_cast<int64_t>(bytes));
  tensor.set_data(std::string(bytes, fill));
  return tensor;
}

v1::ComputeRequest SomeRequest() {
  v1::ComputeRequest request;
  request.mutable_loss()->mutable_focal()->set_gamma(2.5);
  *request.mutable_logits() = TensorOf(3000, 'z');
  *request.mutable_labels() = TensorOf(700, 'y');
  *request.mutable_sample_weights() = TensorOf(600, 's');
  *request.mutable_upstream_gradient() = TensorOf(513, 'u');
  request.set_class_axis(-1);
  request.set_run("a run");
  return request;
}

v1::ComputeResponse SomeResponse() {
  v1::ComputeResponse response;
  *response.mutable_losses() = TensorOf(600, 'l');
  response.set_loss(1.5);
  response.set_valid_count(-3);
  *response.mutable_gradient() = TensorOf(900, 'g');
  *response.mutable_class_weights() = TensorOf(8, 'v');
  response.mutable_class_statistics()->add_count(300);
  for (const int64_t count : {0, -1, 70000}) response.add_top_k_correct(count);
  return response;
}

// The payloads point into `bytes`.
std::optional<SplitMessage> TakeOut(const std::string& bytes,
                                    absl::Span<const SplitField> tensors) {
  constexpr size_t kSmallest = 512;
  return TakeOutTensors(absl::string_view(bytes), tensors, kSmallest);
}

std::string Text(const BytePieces& bytes) {
  std::string text(bytes.size(), '\0');
  bytes.CopyTo(0, absl::MakeSpan(text.data(), text.size()));
  return text;
}

// Returns a message with the field `field`, whose bytes are `content`.
std::string Wrapped(int field, const std::string& content) {
  v1::ComputeStreamRequest wrapper;  // Any message does: the field is written as an unknown one.
  auto* unknown = wrapper.GetReflection()->MutableUnknownFields(&wrapper);
  unknown->AddLengthDelimited(field, content);
  return wrapper.SerializeAsString();
}

TEST(TakeOutTensorsTest, TakesLargeDataOutAndLeavesTheRest) {
  const std::string bytes = SomeRequest().SerializeAsString();
  const auto split = TakeOut(bytes, TensorFieldsOf<v1::ComputeRequest>());
  ASSERT_TRUE(split);
  ASSERT_THAT(split->payloads, SizeIs(4));
  EXPECT_EQ(Text(*FindPayload(split->payloads, 2)), std::string(3000, 'z'));
  EXPECT_EQ(Text(*FindPayload(split->payloads, 3)), std::string(700, 'y'));
  EXPECT_EQ(Text(*FindPayload(split->payloads, 4)), std::string(600, 's'));
  EXPECT_EQ(Text(*FindPayload(split->payloads, 5)), std::string(513, 'u'));
  EXPECT_EQ(FindPayload(split->payloads, 1), nullptr);

  v1::ComputeRequest rest;
  ASSERT_TRUE(rest.ParseFromString(split->rest));
  v1::ComputeRequest expected = SomeRequest();
  expected.mutable_logits()->clear_data();
  expected.mutable_labels()->clear_data();
  expected.mutable_sample_weights()->clear_data();
  expected.mutable_upstream_gradient()->clear_data();
  EXPECT_EQ(rest.SerializeAsString(), expected.SerializeAsString());
}

TEST(TakeOutTensorsTest, LeavesSmallDataToProtobuf) {
  v1::ComputeRequest request = SomeRequest();
  *request.mutable_labels() = TensorOf(511, 'y');
  const std::string bytes = request.SerializeAsString();
  const auto split = TakeOut(bytes, TensorFieldsOf<v1::ComputeRequest>());
  ASSERT_TRUE(split);
  EXPECT_EQ(FindPayload(split->payloads, 3), nullptr);
  v1::ComputeRequest rest;
  ASSERT_TRUE(rest.ParseFromString(split->rest));
  EXPECT_EQ(rest.labels().data(), std::string(511, 'y'));
}

TEST(TakeOutTensorsTest, ReadsAStreamsRequestOneLevelDeeper) {
  v1::ComputeStreamRequest request;
  request.set_sequence(uint64_t{1} << 40);
  *request.mutable_request() = SomeRequest();
  const std::string bytes = request.SerializeAsString();
  const auto split = TakeOut(bytes, TensorFieldsOf<v1::ComputeStreamRequest>());
  ASSERT_TRUE(split);
  EXPECT_EQ(Text(*FindPayload(split->payloads, 2)), std::string(3000, 'z'));
  v1::ComputeStreamRequest rest;
  ASSERT_TRUE(rest.ParseFromString(split->rest));
  EXPECT_EQ(rest.sequence(), request.sequence());
  EXPECT_EQ(rest.request().run(), "a run");
}

// Protobuf merges what occurs twice; no payload can take the place of the result.
TEST(TakeOutTensorsTest, LeavesWhatOccursTwiceToProtobuf) {
  const std::string request = SomeRequest().SerializeAsString();
  EXPECT_FALSE(TakeOut(request + request, TensorFieldsOf<v1::ComputeRequest>()));

  const std::string tensor = TensorOf(600, 'a').SerializeAsString();
  EXPECT_FALSE(TakeOut(Wrapped(2, tensor + tensor), TensorFieldsOf<v1::ComputeRequest>()));
  EXPECT_TRUE(TakeOut(Wrapped(2, tensor), TensorFieldsOf<v1::ComputeRequest>()));
}

// The last field of a oneof counts: an error after a response undoes it.
TEST(TakeOutTensorsTest, LeavesAnErrorBesideAResponseToProtobuf) {
  v1::ComputeStreamResponse response;
  *response.mutable_response()->mutable_losses() = TensorOf(600, 'l');
  v1::ComputeStreamResponse error;
  error.mutable_error()->set_code(3);
  const auto fields = TensorFieldsOf<v1::ComputeStreamResponse>();
  EXPECT_TRUE(TakeOut(response.SerializeAsString(), fields));
  EXPECT_FALSE(TakeOut(response.SerializeAsString() + error.SerializeAsString(), fields));
  EXPECT_FALSE(TakeOut(error.SerializeAsString() + response.SerializeAsString(), fields));
}

// The fields are given as if logits and labels were of one oneof.
TEST(TakeOutTensorsTest, LeavesTwoTensorsOfOneOneofToProtobuf) {
  const std::vector<SplitField> fields = {{2, {{v1::Tensor::kDataFieldNumber, {}, {}}}, {3}},
                                          {3, {{v1::Tensor::kDataFieldNumber, {}, {}}}, {2}}};
  const std::string tensor = TensorOf(600, 'a').SerializeAsString();
  EXPECT_TRUE(TakeOut(Wrapped(2, tensor), fields));
  EXPECT_TRUE(TakeOut(Wrapped(3, tensor), fields));
  EXPECT_FALSE(TakeOut(Wrapped(2, tensor) + Wrapped(3, tensor), fields));
  EXPECT_FALSE(TakeOut(Wrapped(3, tensor) + Wrapped(2, tensor), fields));
}

TEST(TakeOutTensorsTest, LeavesWhatIsNoMessageToProtobuf) {
  const std::string request = SomeRequest().SerializeAsString();
  EXPECT_FALSE(TakeOut("", TensorFieldsOf<v1::ComputeRequest>()));
  EXPECT_FALSE(TakeOut(std::string(1000, '\xff'), TensorFieldsOf<v1::ComputeRequest>()));
  for (const size_t cut : {1U, 100U, 2000U}) {
    EXPECT_FALSE(
        TakeOut(request.substr(0, request.size() - cut), TensorFieldsOf<v1::ComputeRequest>()));
  }
}

TEST(TakeOutTensorsTest, LeavesLongListsOfValuesToProtobuf) {
  v1::ComputeRequest request = SomeRequest();
  for (int i = 0; i < 200000; ++i) request.mutable_sample_weights()->add_float_values(i);
  EXPECT_FALSE(TakeOut(request.SerializeAsString(), TensorFieldsOf<v1::ComputeRequest>()));
}

TEST(TakeOutTensorsTest, LeavesAnyRestToProtobufWhenMoreIsTakenOut) {
  v1::ComputeRequest request = SomeRequest();
  for (int i = 0; i < 200000; ++i) request.mutable_sample_weights()->add_float_values(i);
  *request.mutable_logits() = TensorOf(2000000, 'z');
  const std::string bytes = request.SerializeAsString();
  const auto split = TakeOut(bytes, TensorFieldsOf<v1::ComputeRequest>());
  ASSERT_TRUE(split);
  EXPECT_EQ(FindPayload(split->payloads, 2)->size(), 2000000U);
}

// Usual messages, and some that no client or server writes.
std::vector<std::string> SeedMessages() {
  v1::CompareRequest compare;
  *compare.mutable_logits() = TensorOf(900, 'z');
  *compare.mutable_labels() = TensorOf(600, 'y');
  compare.add_losses()->mutable_focal()->set_gamma(1);
  v1::ComputeStreamRequest stream;
  stream.set_sequence(7);
  *stream.mutable_request() = SomeRequest();
  v1::ComputeStreamResponse response;
  response.set_sequence(8);
  *response.mutable_response() = SomeResponse();
  v1::ComputeStreamResponse error;
  error.mutable_error()->set_code(3);
  error.mutable_error()->set_message("labels[0] = 7");
  const std::string request = SomeRequest().SerializeAsString();
  const std::string tensor = TensorOf(600, 'a').SerializeAsString();
  return {request,
          SomeResponse().SerializeAsString(),
          response.SerializeAsString(),
          response.SerializeAsString() + error.SerializeAsString(),
          error.SerializeAsString() + response.SerializeAsString(),
          compare.SerializeAsString(),
          stream.SerializeAsString(),
          request + request,
          Wrapped(2, tensor + tensor),
          Wrapped(2, tensor) + Wrapped(99, std::string(600, 'x')),
          Wrapped(3, Wrapped(3, std::string(700, '\x1a'))),
          std::string("\x92\x80\x80\x80\x00", 5) + request,
          request + "\x0b\x0c"};
}

TEST(TakeOutTensorsTest, AgreesWithProtobufHoweverTheBytesAreCut) {
  for (const std::string& seed : SeedMessages()) {
    for (const size_t piece_size : {1U, 2U, 3U, 7U, 64U, 1000U, 100000U}) {
      EXPECT_EQ(SplitDisagreement(seed, piece_size), "") << piece_size;
    }
  }
}

// Changes, drops and repeats bytes at random, as a fuzzer does for hours.
TEST(TakeOutTensorsTest, AgreesWithProtobufOnDamagedMessages) {
  const google::protobuf::LogSilencer silencer;  // It has a line for each damaged string.
  std::mt19937 random(20230718);
  const auto below = [&](size_t end) {
    return std::uniform_int_distribution<size_t>(0, end - 1)(random);
  };
  const std::vector<std::string> seeds = SeedMessages();
  int taken_out = 0;
  for (int i = 0; i < 40000; ++i) {
    std::string bytes = seeds[below(seeds.size())];
    for (size_t changes = 1 + below(3); changes > 0; --changes) {
      // Nearly all of a message are its payloads; what matters lies at the seams.
      const size_t at = below(4) == 0 ? below(bytes.size()) : below(bytes.size()) % 24;
      switch (below(4)) {
        case 0:
          bytes[at] = static_cast<char>(below(256));
          break;
        case 1:
          bytes.erase(at, 1 + below(4));
          break;
        case 2:
          bytes.insert(at, bytes.substr(below(bytes.size()), 1 + below(800)));
          break;
        default:
          bytes[at] = static_cast<char>(bytes[at] ^ (1 << below(8)));
      }
    }
    ASSERT_EQ(SplitDisagreement(bytes, 1 + below(100), &taken_out), "") << "message " << i;
  }
  EXPECT_GT(taken_out, 10000);
}

}  // namespace
}  // namespace lossd::wire
