#include "server/rpc/errors/field.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lossd/v1/information.pb.h"
#include "lossd/v1/loss_spec.pb.h"
#include "server/rpc/errors/unknown_value.h"
#include "tests/server/rpc/errors/refusals.h"

namespace lossd::rpc {
namespace {

using ::testing::ElementsAre;

TEST(FieldPathTest, ReadsAsItIsWritten) {
  EXPECT_EQ(FieldPath().ToString(), "");
  EXPECT_EQ(FieldPath()["loss"].ToString(), "loss");
  EXPECT_EQ(FieldPath()["losses"][2]["focal"]["gamma"].ToString(), "losses[2].focal.gamma");
  EXPECT_EQ(FieldPath()["labels"][3][0].ToString(), "labels[3][0]");
}

std::string Deeper(const FieldPath& path, int steps) {
  return steps == 0 ? path.ToString() : Deeper(path["b"], steps - 1);
}

TEST(FieldPathTest, HoldsMoreStepsThanAnyRequestHas) {
  std::string expected = "a";
  for (int i = 0; i < 20; ++i) expected += ".b";
  EXPECT_EQ(Deeper(FieldPath()["a"], 20), expected);
}

TEST(FieldTest, RefusesUnderItsOwnPath) {
  FieldViolations violations;
  const Field request(violations);
  const Field losses = request["losses"];
  const Field loss = losses[1];
  EXPECT_TRUE(violations.empty());
  loss["alpha"].Refuse("= ", 2, " is not in [0, ", 1, "]");
  loss.Refuse("is odd");
  request["labels"].Refuse("is not set");
  EXPECT_THAT(
      Violations(violations.ToStatus()),
      ElementsAre("losses[1].alpha = 2 is not in [0, 1]", "losses[1] is odd", "labels is not set"));
  EXPECT_EQ(&loss.violations(), &violations);
}

TEST(UnknownValueTest, NamesTheEnumWithItsArticle) {
  FieldViolations violations;
  const Field request(violations);
  RefuseUnknownValue(static_cast<v1::WeightScheme>(9), request["scheme"]);
  RefuseUnknownValue(static_cast<v1::Activation>(-1), request["activation"]);
  RefuseUnknownValue(static_cast<v1::InformationBase>(4), request["base"]);
  EXPECT_THAT(Violations(violations.ToStatus()), ElementsAre("scheme = 9 is not a WeightScheme",
                                                             "activation = -1 is not an Activation",
                                                             "base = 4 is not an InformationBase"));
}

}  // namespace
}  // namespace lossd::rpc
