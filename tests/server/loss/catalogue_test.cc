#include "server/loss/catalogue.h"

#include <cmath>
#include <cstddef>
#include <limits>
#include <set>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/loss/agreement.h"
#include "tests/server/loss/draw.h"
#include "tests/server/loss/problem_batch.h"

namespace lossd::loss {
namespace {

using kernels::ActivationSet;
using kernels::ParameterInfo;

constexpr double kAny = std::numeric_limits<double>::infinity();

// The request's contract, parameter by parameter.
struct Contract {
  const char* form;
  ActivationSet activations;
  std::vector<ParameterInfo> parameters;
};

const std::vector<Contract>& Contracts() {
  constexpr ActivationSet kBoth = ActivationSet::kSoftmaxAndSigmoid;
  constexpr ActivationSet kSigmoid = ActivationSet::kSigmoidOnly;
  static const auto& contracts = *new std::vector<Contract>{
      {"cross_entropy", kBoth, {}},
      {"focal", kBoth, {{"gamma", 2, 0, kAny, false, false}}},
      {"focal_blended", kSigmoid, {{"gamma", 2, 0, kAny, false, false}}},
      {"squared_error", kBoth, {}},
      {"kl_divergence", kBoth, {}},
      {"poly1", kBoth, {{"epsilon", 1, -1, kAny, false, false}}},
      {"generalized_cross_entropy", kBoth, {{"q", 0.7, 0, 1, true, false}}},
      {"symmetric_cross_entropy",
       kBoth,
       {{"alpha", 0.1, 0, kAny, false, false},
        {"beta", 1, 0, kAny, false, false},
        {"log_zero", -4, -kAny, 0, false, true}}},
      {"asymmetric",
       kSigmoid,
       {{"gamma_positive", 0, 0, kAny, false, false},
        {"gamma_negative", 4, 0, kAny, false, false},
        {"margin", 0.05, 0, 1, false, true}}},
      {"quality_focal", kSigmoid, {{"beta", 2, 0, kAny, false, false}}},
      {"varifocal",
       kSigmoid,
       {{"alpha", 0.75, 0, kAny, false, false}, {"gamma", 2, 0, kAny, false, false}}},
      {"focal_star",
       kSigmoid,
       {{"gamma", 2, 0, kAny, true, false}, {"beta", 0, -kAny, kAny, false, false}}},
      {"jensen_shannon", kBoth, {}},
  };
  return contracts;
}

TEST(CatalogueTest, NamesAreUniqueAndFound) {
  std::set<std::string> names;
  for (const FormInfo* form : Catalogue()) {
    EXPECT_TRUE(names.insert(form->name).second) << form->name;
    EXPECT_EQ(FindForm(form->name), form);
  }
  EXPECT_EQ(FindForm("cross entropy"), nullptr);
  EXPECT_EQ(FindForm(""), nullptr);
  EXPECT_EQ(FindForm("focal "), nullptr);
  EXPECT_EQ(&CrossEntropyForm(), FindForm("cross_entropy"));
}

TEST(CatalogueTest, HoldsTheFormsOfTheFirstVersion) {
  for (const char* name : {"cross_entropy", "focal", "squared_error", "kl_divergence"}) {
    EXPECT_NE(FindForm(name), nullptr) << name;
  }
}

TEST(CatalogueTest, EveryRowSaysWhatItIs) {
  for (const FormInfo* form : Catalogue()) {
    SCOPED_TRACE(form->name);
    EXPECT_GT(std::string(form->formula).size(), 3U);
    EXPECT_GT(std::string(form->reference).size(), 3U);
    ASSERT_GE(form->parameter_count, 0);
    ASSERT_LE(form->parameter_count, kernels::kMaxFormParameters);
    for (int n = 0; n < form->parameter_count; ++n) {
      const ParameterInfo& parameter = form->parameters[static_cast<size_t>(n)];
      EXPECT_GT(std::string(parameter.name).size(), 0U);
      ASSERT_NE(parameter.description, nullptr) << parameter.name;
      EXPECT_GT(std::string(parameter.description).size(), 3U);
    }
  }
}

TEST(CatalogueTest, DefaultsLieInsideTheirRanges) {
  for (const FormInfo* form : Catalogue()) {
    const FormParameters defaults = DefaultParameters(*form);
    for (int n = 0; n < form->parameter_count; ++n) {
      const auto index = static_cast<size_t>(n);
      const ParameterInfo& parameter = form->parameters[index];
      SCOPED_TRACE(std::string(form->name) + "." + parameter.name);
      EXPECT_EQ(defaults[index], parameter.default_value);
      EXPECT_TRUE(std::isfinite(parameter.default_value));
      if (parameter.minimum_exclusive) {
        EXPECT_GT(parameter.default_value, parameter.minimum);
      } else {
        EXPECT_GE(parameter.default_value, parameter.minimum);
      }
      if (parameter.maximum_exclusive) {
        EXPECT_LT(parameter.default_value, parameter.maximum);
      } else {
        EXPECT_LE(parameter.default_value, parameter.maximum);
      }
    }
  }
}

TEST(CatalogueTest, RowsAreWhatTheContractSays) {
  for (const FormInfo* form : Catalogue()) {
    SCOPED_TRACE(form->name);
    const Contract* contract = nullptr;
    for (const Contract& candidate : Contracts()) {
      if (form->name == std::string(candidate.form)) contract = &candidate;
    }
    ASSERT_NE(contract, nullptr) << "add the form to this test";
    EXPECT_EQ(form->activations, contract->activations);
    ASSERT_EQ(static_cast<size_t>(form->parameter_count), contract->parameters.size());
    for (size_t n = 0; n < contract->parameters.size(); ++n) {
      const ParameterInfo& actual = form->parameters[n];
      const ParameterInfo& expected = contract->parameters[n];
      SCOPED_TRACE(expected.name);
      EXPECT_EQ(std::string(actual.name), expected.name);
      EXPECT_EQ(actual.default_value, expected.default_value);
      EXPECT_EQ(actual.minimum, expected.minimum);
      EXPECT_EQ(actual.maximum, expected.maximum);
      EXPECT_EQ(actual.minimum_exclusive, expected.minimum_exclusive);
      EXPECT_EQ(actual.maximum_exclusive, expected.maximum_exclusive);
    }
  }
}

TEST(CatalogueTest, EveryRowComputes) {
  Random random(51);
  for (const FormChoice& choice : FormChoices()) {
    for (const oracle::Activation activation : ActivationsOf(choice)) {
      oracle::Problem problem = Draw(activation, LabelKind::kClassIds, {4, 5}, 2, random);
      SetForm(choice, &problem);
      ExpectAgreesInBothTypes(problem);
    }
  }
}

}  // namespace
}  // namespace lossd::loss
