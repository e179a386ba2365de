#include "server/rpc/decode/unbuilt_options.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "google/protobuf/unknown_field_set.h"
#include "gtest/gtest.h"
#include "lossd/v1/loss_service.pb.h"
#include "server/loss/catalogue.h"
#include "server/rpc/decode/compare_request_decoder.h"
#include "server/rpc/decode/compute_request_decoder.h"
#include "tests/server/rpc/decode/requests.h"
#include "tests/server/rpc/errors/refusals.h"
#include "tests/server/rpc/from_text.h"

namespace lossd::rpc {
namespace {

using ::testing::HasSubstr;

constexpr char kBatch[] = " logits { shape: [1, 2] float_values: [1, 2] } labels { int_values: 0 }";

v1::ComputeRequest Request(absl::string_view rest) {
  return FromText<v1::ComputeRequest>(absl::StrCat(kBatch, rest));
}

void AddUnknownField(google::protobuf::Message& message, int number) {
  message.GetReflection()->MutableUnknownFields(&message)->AddVarint(number, 1);
}

absl::Status Decode(const v1::ComputeRequest& request) {
  const auto pool = BufferPool::Create(0);
  return DecodeComputeRequest(request, {}, *pool, kMaxMessageBytes).status();
}

void ExpectUnimplemented(const absl::Status& status, absl::string_view message) {
  EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented) << status;
  EXPECT_EQ(std::string(status.message()), message);
  EXPECT_EQ(ErrorInfoOf(status).reason(), "UNIMPLEMENTED_OPTION");
}

// A form of the API that is not in the catalogue is named. It must not be read as another one.
TEST(UnbuiltOptions, NameEveryFormOutsideTheCatalogue) {
  const auto* forms = v1::LossSpec::descriptor()->FindOneofByName("form");
  ASSERT_EQ(forms->field_count(), 21);
  for (int i = 0; i < forms->field_count(); ++i) {
    const google::protobuf::FieldDescriptor* field = forms->field(i);
    auto request = FromText<v1::ComputeRequest>(
        "logits { shape: [1, 2] float_values: [1, 2] } labels { int_values: 0 }");
    if (const loss::FormInfo* info = loss::FindForm(field->name()); info && info->of_ratio) {
      request = FromText<v1::ComputeRequest>(
          "logits { shape: [1, 2] float_values: [1, 2] } labels { shape: [1, 2] int_values: [0, 1] "
          "} rollout { advantages { shape: [1, 2] float_values: [1, 1] } old_log_probs { shape: "
          "[1, "
          "2] float_values: [-1, -1] } }");
    }
    v1::LossSpec& spec = *request.mutable_loss();
    spec.set_activation(v1::ACTIVATION_SIGMOID);
    if (field->name() == "reverse_kl_divergence") {
      spec.set_activation(v1::ACTIVATION_SOFTMAX);
      *request.mutable_labels() = FromText<v1::Tensor>("shape: [1, 2] float_values: [0.25, 0.75]");
    }
    spec.GetReflection()->MutableMessage(&spec, field);
    const absl::Status status = Decode(request);
    if (loss::FindForm(field->name()) != nullptr) {
      EXPECT_TRUE(status.ok()) << field->name() << status;
    } else {
      ExpectUnimplemented(status, absl::StrCat("loss.", field->name(), " is not implemented"));
    }
  }
}

TEST(UnbuiltOptions, NameUnknownFieldsWhereverTheyAre) {
  v1::ComputeRequest request = Request("");
  AddUnknownField(*request.mutable_loss(), 29);
  ExpectUnimplemented(Decode(request), "loss has the unknown field 29");

  request = Request("");
  AddUnknownField(*request.mutable_loss()->mutable_focal(), 3);
  ExpectUnimplemented(Decode(request), "loss.focal has the unknown field 3");

  request = Request("");
  v1::SchemeWeights& scheme = *request.mutable_loss()->mutable_class_weighting()->mutable_scheme();
  AddUnknownField(*scheme.mutable_counts(), 1000);
  ExpectUnimplemented(Decode(request),
                      "loss.class_weighting.scheme.counts has the unknown field 1000");

  request = Request("");
  AddUnknownField(*request.mutable_outputs(), 16);
  AddUnknownField(*request.mutable_loss(), 42);
  ExpectUnimplemented(Decode(request),
                      "loss has the unknown field 42; outputs has the unknown field 16");
}

TEST(UnbuiltOptions, LetUnknownFieldsElsewherePass) {
  v1::ComputeRequest request = Request("");
  AddUnknownField(request, 99);
  AddUnknownField(*request.mutable_logits(), 99);
  EXPECT_TRUE(Decode(request).ok());
}

TEST(UnbuiltOptions, SayWhichLossOfACompareRequestAsksForThem) {
  auto request =
      FromText<v1::CompareRequest>(absl::StrCat(kBatch, "losses {} losses { focal {} }"));
  AddUnknownField(*request.mutable_losses(1)->mutable_focal(), 7);
  const auto pool = BufferPool::Create(0);
  ExpectUnimplemented(DecodeCompareRequest(request, {}, *pool, kMaxMessageBytes).status(),
                      "losses[1].focal has the unknown field 7");
}

TEST(UnbuiltOptions, AreCountedWhenThereAreMany) {
  v1::ComputeRequest request = Request("");
  for (int number = 100; number < 200; ++number) {
    AddUnknownField(*request.mutable_loss(), number);
  }
  const absl::Status status = Decode(request);
  EXPECT_THAT(std::string(status.message()), HasSubstr("the unknown field 107; and 92 more"));
}

}  // namespace
}  // namespace lossd::rpc
