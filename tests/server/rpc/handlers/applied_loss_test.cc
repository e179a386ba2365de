#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "google/protobuf/util/message_differencer.h"
#include "gtest/gtest.h"
#include "lossd/v1/loss_service.pb.h"
#include "tests/server/rpc/from_text.h"
#include "tests/server/rpc/handlers/call_handlers.h"
#include "tests/server/rpc/handlers/compute_calls.h"

// `applied`: what a request was taken for, which can be sent again.

namespace lossd::rpc {
namespace {

using ::google::protobuf::FieldDescriptor;
using ::google::protobuf::Message;
using ::google::protobuf::util::MessageDifferencer;
using ::testing::ElementsAre;

constexpr char kLogits[] =
    "logits { shape: [3, 3] float_values: [2, 1, 0, 0.5, -1, 2, -0.25, 0.75, 3] } ";
constexpr char kLabels[] = "labels { int_values: [0, 2, 1] } ";
constexpr char kBinaryLabels[] =
    "labels { shape: [3, 3] int_values: [1, 0, 0, 0, 1, 1, 0, -100, 1] } ";
constexpr char kTargets[] =
    "labels { shape: [3, 3] float_values: [0.5, 0.25, 0.25, 0, 0, 1, 0.125, 0.75, 0.125] } ";

constexpr char kTargetsAboveZero[] =
    "labels { shape: [3, 3] float_values: [0.5, 0.25, 0.25, 0.125, 0.25, 0.625, 0.125, 0.75, "
    "0.125] } ";

template <typename M>
void ExpectEqual(const M& actual, const M& expected) {
  EXPECT_TRUE(MessageDifferencer::Equals(actual, expected)) << "there is:\n"
                                                            << actual.DebugString() << "expected:\n"
                                                            << expected.DebugString();
}

// Gives each tensor of `to` the elements that the same one has in `from`.
void PutElementsBack(const Message& from, Message& to) {
  std::vector<const FieldDescriptor*> fields;
  to.GetReflection()->ListFields(to, &fields);
  for (const FieldDescriptor* field : fields) {
    if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) continue;
    PutElementsBack(from.GetReflection()->GetMessage(from, field),
                    *to.GetReflection()->MutableMessage(&to, field));
  }
  if (to.GetDescriptor() != v1::Tensor::descriptor()) return;
  auto& tensor = dynamic_cast<v1::Tensor&>(to);
  EXPECT_TRUE(tensor.data().empty() && tensor.float_values().empty() &&
              tensor.int_values().empty());
  v1::Tensor elements = dynamic_cast<const v1::Tensor&>(from);
  elements.clear_data_type();
  elements.clear_shape();
  tensor.MergeFrom(elements);
}

// Expects that what `answer` says was applied, sent again, gives the same bits and says the same.
void ExpectSameBitsAgain(const v1::ComputeRequest& request, const v1::ComputeResponse& answer) {
  v1::ComputeRequest again = request;
  *again.mutable_loss() = answer.applied().loss();
  again.set_reduction(answer.applied().reduction());
  PutElementsBack(request.loss(), *again.mutable_loss());
  ExpectEqual(Compute(again), answer);
  EXPECT_EQ(Compute(again).SerializeAsString(), answer.SerializeAsString());
}

v1::ComputeRequest WithEveryOutput(const std::string& request) {
  auto message = FromText<v1::ComputeRequest>(request);
  AskForEverything(*message.mutable_outputs());
  return message;
}

// Returns the loss of the catalogue's text: its form with the defaults that are listed.
v1::LossSpec Listed(const v1::LossInfo& info, v1::Activation activation) {
  v1::LossSpec loss;
  loss.set_activation(activation);
  loss.set_temperature(1);
  const auto* field = v1::LossSpec::descriptor()->FindFieldByName(info.name());
  Message& form = *loss.GetReflection()->MutableMessage(&loss, field);
  for (const v1::LossParameter& parameter : info.parameters()) {
    form.GetReflection()->SetDouble(&form, form.GetDescriptor()->FindFieldByName(parameter.name()),
                                    parameter.default_value());
  }
  if (loss.has_focal()) loss.mutable_focal()->set_soft_target_rule(v1::SOFT_TARGET_RULE_PER_CLASS);
  return loss;
}

// Returns true for forms of a ratio, which need a rollout.
bool IsOfRatio(const v1::LossInfo& info) { return absl::StrContains(info.formula(), "u - o"); }

// The catalogue names the forms, so that a new one is tested without a line here.
TEST(AppliedLoss, OfAnEmptyFormHasTheDefaultsThatTheCatalogueLists) {
  const auto catalogue = CallHandlers()->ListLosses({}, {});
  ASSERT_TRUE(catalogue.ok());
  ASSERT_GE(catalogue->losses_size(), 12);
  for (const v1::LossInfo& info : catalogue->losses()) {
    if (IsOfRatio(info)) continue;
    for (const int activation : info.activations()) {
      if (activation == v1::ACTIVATION_LOG_PROBABILITY) continue;  // it has no labels
      SCOPED_TRACE(absl::StrCat(info.name(), " ", activation));
      // A target of 0 makes this loss infinite, and its gradient NaN.
      const bool is_reverse = info.name() == "reverse_kl_divergence";
      auto request =
          WithEveryOutput(absl::StrCat(kLogits, is_reverse ? kTargetsAboveZero : kTargets));
      v1::LossSpec& loss = *request.mutable_loss();
      loss.set_activation(static_cast<v1::Activation>(activation));
      const auto* field = v1::LossSpec::descriptor()->FindFieldByName(info.name());
      loss.GetReflection()->MutableMessage(&loss, field);

      const v1::ComputeResponse answer = Compute(request);
      ExpectEqual(answer.applied().loss(), Listed(info, static_cast<v1::Activation>(activation)));
      EXPECT_EQ(answer.applied().reduction(), v1::REDUCTION_NONE);
      ExpectSameBitsAgain(request, answer);
    }
  }
}

TEST(AppliedLoss, OfNothingIsSoftmaxCrossEntropy) {
  const auto request = WithEveryOutput(absl::StrCat(kLogits, kLabels));
  const v1::ComputeResponse answer = Compute(request);
  ExpectEqual(answer.applied(), FromText<v1::AppliedLoss>(R"pb(
                loss {
                  activation: ACTIVATION_SOFTMAX
                  cross_entropy {}
                  temperature: 1
                }
                reduction: REDUCTION_NONE)pb"));
  ExpectSameBitsAgain(request, answer);
}

// A loss that leaves out all that has a default, and what it is taken for.
struct Case {
  std::string loss;
  std::string applied;
  std::string labels = kLabels;
};

void ExpectApplied(const std::string& both, const std::vector<Case>& cases) {
  for (const Case& one : cases) {
    SCOPED_TRACE(one.loss);
    const auto request =
        WithEveryOutput(absl::StrCat(kLogits, one.labels, "loss { ", both, one.loss, " }"));
    const v1::ComputeResponse answer = Compute(request);
    ExpectEqual(answer.applied().loss(),
                FromText<v1::LossSpec>(absl::StrCat(both, "temperature: 1 ", one.applied)));
    ExpectSameBitsAgain(request, answer);
  }
}

TEST(AppliedLoss, FillsInAdjustmentsAndMining) {
  ExpectApplied(
      "activation: ACTIVATION_SOFTMAX cross_entropy {} ",
      {
          {"logit_adjustment { prior { counts { int_values: [5, 3, 2] } } }",
           "logit_adjustment { prior { tau: 1 counts { data_type: DATA_TYPE_INT64 shape: 3 } } }"},
          {"logit_adjustment { margin { counts { float_values: [5, 3, 2] } } }",
           "logit_adjustment { margin { max_margin: 0.5 scale: 30 "
           "counts { data_type: DATA_TYPE_FLOAT64 shape: 3 } } }"},
          {"logit_adjustment { seesaw { counts { data_type: DATA_TYPE_UINT8 shape: 3 "
           "data: '\\005\\003\\002' } } }",
           "logit_adjustment { seesaw { p: 0.8 q: 2 "
           "counts { data_type: DATA_TYPE_UINT8 shape: 3 } eps: 0.01 } }"},
          {"mining { below {} }", "mining { below { probability: 0.7 } }"},
          {"mining { below { min_kept: 2 } }", "mining { below { probability: 0.7 min_kept: 2 } }"},
          {"mining { gradient_harmonizing {} }", "mining { gradient_harmonizing { bins: 10 } }"},
          {"mining { hardest { keep_fraction: 0.5 } }",
           "mining { hardest { keep_fraction: 0.5 } }"},
          {"mining { hardest { keep_count: 2 } }", "mining { hardest { keep_count: 2 } }"},
      });
}

TEST(AppliedLoss, FillsInSchemes) {
  const auto scheme = [](const std::string& inside) {
    return absl::StrCat("class_weighting { scheme { ", inside, " } }");
  };
  for (const char* name : {"BALANCED", "INVERSE_FREQUENCY", "INVERSE_SQUARE_ROOT",
                           "MEDIAN_FREQUENCY", "LOG_FREQUENCY"}) {
    const std::string named = absl::StrCat("scheme: WEIGHT_SCHEME_", name);
    const std::string applied = scheme(absl::StrCat(named, " normalization: NORMALIZATION_NONE"));
    ExpectApplied("activation: ACTIVATION_SOFTMAX cross_entropy {} ", {{scheme(named), applied}});
  }
  const std::string effective = "scheme: WEIGHT_SCHEME_EFFECTIVE_NUMBER ";
  const std::string counts = " counts { data_type: DATA_TYPE_FLOAT16 shape: 3 ";
  const std::string sum = " normalization: NORMALIZATION_SUM_ONE ";
  ExpectApplied("activation: ACTIVATION_SOFTMAX cross_entropy {} ",
                {{scheme(effective),
                  scheme(effective + "beta: 0.9999 normalization: NORMALIZATION_MEAN_ONE")},
                 {scheme(effective + sum + counts + "float_values: [9, 8, 7] }"),
                  scheme(effective + "beta: 0.9999" + sum + counts + "}")}});
}

TEST(AppliedLoss, KeepsWhatWasGiven) {
  ExpectApplied(
      "activation: ACTIVATION_SOFTMAX ",
      {
          {"cross_entropy {} class_weighting { weights { float_values: [1, 0.5, 2] } }",
           "cross_entropy {} class_weighting { weights { data_type: DATA_TYPE_FLOAT64 shape: 3 } "
           "}"},
          {"poly1 { epsilon: 0 } label_smoothing: 0.25 ignore_index: 1 softcap: 5 z_loss: 0.5",
           "poly1 { epsilon: 0 } label_smoothing: 0.25 ignore_index: 1 softcap: 5 z_loss: 0.5"},
          {"cross_entropy {} class_weighting {}", "cross_entropy {} class_weighting {}"},
      });
  ExpectApplied(
      "activation: ACTIVATION_SIGMOID focal { gamma: 0.5 soft_target_rule: "
      "SOFT_TARGET_RULE_BLENDED } ",
      {
          {"class_weighting { alpha: 0 positive_weights { float_values: 2 } } ignore_index: -100",
           "class_weighting { alpha: 0 positive_weights { data_type: DATA_TYPE_FLOAT64 shape: 1 } "
           "} ignore_index: -100",
           kBinaryLabels},
          {"class_weighting { positive_weights { int_values: [1, 2, 3] } }",
           "class_weighting { positive_weights { data_type: DATA_TYPE_INT64 shape: 3 } }",
           kTargets},
      });
}

TEST(AppliedLoss, NamesTheTemperature) {
  const v1::ComputeResponse answer =
      Compute(absl::StrCat(kLogits, kLabels, "loss { temperature: 2.5 }"));
  EXPECT_EQ(answer.applied().loss().temperature(), 2.5);
}

// The two entries of a binary class vector are one weight of the core.
TEST(AppliedLoss, KeepsTheVectorsOfABinaryBatch) {
  const auto request = WithEveryOutput(
      "logits { float_values: [2, -1, 0] } labels { int_values: [1, 0, 1] } "
      "loss { activation: ACTIVATION_SIGMOID class_weighting { weights { float_values: [1, 3] } "
      "positive_weights { float_values: [1, 2] } } }");
  const v1::ComputeResponse answer = Compute(request);
  const v1::ClassWeighting& weighting = answer.applied().loss().class_weighting();
  EXPECT_THAT(weighting.weights().shape(), ElementsAre(2));
  EXPECT_THAT(weighting.positive_weights().shape(), ElementsAre(2));
  ExpectSameBitsAgain(request, answer);
}

TEST(AppliedLoss, NamesTheReduction) {
  for (int number = 1; number <= 4; ++number) {
    const auto reduction = static_cast<v1::Reduction>(number);
    auto request = WithEveryOutput(absl::StrCat(kLogits, kLabels));
    request.set_reduction(reduction);
    const v1::ComputeResponse answer = Compute(request);
    EXPECT_EQ(answer.applied().reduction(), reduction);
    ExpectSameBitsAgain(request, answer);
  }
}

TEST(AppliedLoss, ComesWithValueListsUnlessItIsDeclined) {
  const std::string batch = absl::StrCat(kLogits, kLabels);
  EXPECT_TRUE(Compute(batch).has_applied());
  EXPECT_TRUE(Compute(batch + "outputs {}").has_applied());
  EXPECT_TRUE(Compute(batch + "outputs { applied: true }").has_applied());
  EXPECT_FALSE(Compute(batch + "outputs { applied: false }").has_applied());
}

TEST(AppliedLoss, ComesWithDataWhenItIsAskedFor) {
  const std::string batch =
      "logits { shape: [1, 2] data: '\\000\\000\\000\\000\\000\\000\\200\\077' } "
      "labels { int_values: 0 } ";
  EXPECT_FALSE(Compute(batch).has_applied());
  EXPECT_FALSE(Compute(batch + "outputs { applied: false }").has_applied());
  const v1::ComputeResponse answer = Compute(batch + "outputs { applied: true }");
  EXPECT_TRUE(answer.applied().loss().has_cross_entropy());
  // A batch without samples has no values either.
  const std::string empty = "logits { shape: [0, 2] } labels {} ";
  EXPECT_FALSE(Compute(empty).has_applied());
  EXPECT_TRUE(Compute(empty + "outputs { applied: true }").has_applied());
}

}  // namespace
}  // namespace lossd::rpc
