#include "server/loss/catalogue.h"

#include <cmath>
#include <cstddef>
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
      {"focal", kBoth, {{"gamma", 2, Range::AtLeast(0)}}},
      {"focal_blended", kSigmoid, {{"gamma", 2, Range::AtLeast(0)}}},
      {"squared_error", kBoth, {}},
      {"kl_divergence", kBoth, {}},
      {"poly1", kBoth, {{"epsilon", 1, Range::AtLeast(-1)}}},
      {"generalized_cross_entropy", kBoth, {{"q", 0.7, Range::AboveUpTo(0, 1)}}},
      {"symmetric_cross_entropy",
       kBoth,
       {{"alpha", 0.1, Range::AtLeast(0)},
        {"beta", 1, Range::AtLeast(0)},
        {"log_zero", -4, Range::Below(0)}}},
      {"asymmetric",
       kSigmoid,
       {{"gamma_positive", 0, Range::AtLeast(0)},
        {"gamma_negative", 4, Range::AtLeast(0)},
        {"margin", 0.05, Range::FromBelow(0, 1)}}},
      {"asymmetric_detached",
       kSigmoid,
       {{"gamma_positive", 0, Range::AtLeast(0)},
        {"gamma_negative", 4, Range::AtLeast(0)},
        {"margin", 0.05, Range::FromBelow(0, 1)}}},
      {"quality_focal", kSigmoid, {{"beta", 2, Range::AtLeast(0).WithGap(0, 1)}}},
      {"varifocal",
       kSigmoid,
       {{"alpha", 0.75, Range::AtLeast(0)}, {"gamma", 2, Range::AtLeast(0)}}},
      {"focal_star", kSigmoid, {{"gamma", 2, Range::Above(0)}, {"beta", 0, Range::Any()}}},
      {"jensen_shannon", kBoth, {{"beta", 0.5, Range::Inside(0, 1)}}},
      {"jensen_shannon_skewed", kBoth, {{"beta", 0.5, Range::Inside(0, 1)}}},
      {"hinge", kSigmoid, {{"margin", 1, Range::Above(0)}}},
      {"squared_margin", kSigmoid, {{"target", 1, Range::Any()}}},
      {"reverse_kl_divergence", ActivationSet::kSoftmaxOnly, {}},
      {"importance_sampling", kBoth, {}},
      {"ppo",
       kBoth,
       {{"epsilon_low", 0.2, Range::AtLeast(0)},
        {"epsilon_high", 0.2, Range::AtLeast(0)},
        {"dual_clip", Range::kUnbounded, Range::Above(1)}}},
      {"cispo",
       kBoth,
       {{"minimum_ratio", 0, Range::AtLeast(0)}, {"maximum_ratio", 4, Range::Above(0)}}},
      {"dro", kBoth, {{"beta", 0.05, Range::AtLeast(0)}}},
      {"sapo",
       kBoth,
       {{"tau_positive", 1, Range::Above(0)}, {"tau_negative", 1.05, Range::Above(0)}}},
      {"dppo",
       kBoth,
       {{"threshold_low", 0.2, Range::AtLeast(0)}, {"threshold_high", 0.2, Range::AtLeast(0)}}},
      {"dppo_by_kl",
       kBoth,
       {{"threshold_low", 0.2, Range::AtLeast(0)}, {"threshold_high", 0.2, Range::AtLeast(0)}}},
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
      if (!parameter.has_default) continue;
      EXPECT_TRUE(std::isfinite(parameter.default_value));
      EXPECT_TRUE(parameter.range.Contains(parameter.default_value));
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
      EXPECT_EQ(actual.range.minimum, expected.range.minimum);
      EXPECT_EQ(actual.range.maximum, expected.range.maximum);
      EXPECT_EQ(actual.range.minimum_exclusive, expected.range.minimum_exclusive);
      EXPECT_EQ(actual.range.maximum_exclusive, expected.range.maximum_exclusive);
      EXPECT_EQ(actual.range.gap_begin, expected.range.gap_begin);
      EXPECT_EQ(actual.range.gap_end, expected.range.gap_end);
    }
  }
}

TEST(CatalogueTest, AVariantIsFoundByTheFormWhoseOptionPicksIt) {
  const FormInfo& focal = *FindForm("focal");
  EXPECT_EQ(focal.variant_of, nullptr);
  EXPECT_EQ(FindVariant(focal), FindForm("focal_blended"));
  EXPECT_EQ(FindVariant(*FindForm("asymmetric")), FindForm("asymmetric_detached"));
  EXPECT_EQ(FindVariant(*FindForm("dppo")), FindForm("dppo_by_kl"));
  EXPECT_EQ(FindVariant(*FindForm("jensen_shannon")), FindForm("jensen_shannon_skewed"));
  EXPECT_EQ(FindVariant(CrossEntropyForm()), nullptr);
  for (const FormInfo* form : Catalogue()) {
    if (form->variant_of == nullptr) continue;
    EXPECT_NE(FindForm(form->variant_of), nullptr) << form->name;
  }
}

TEST(CatalogueTest, RowsSayWhichLabelsTheyTake) {
  for (const FormInfo* form : Catalogue()) {
    const std::string name = form->name;
    EXPECT_EQ(form->targets == TargetRule::kSumToOne,
              name == "jensen_shannon" || name == "jensen_shannon_skewed")
        << name;
    EXPECT_EQ(form->targets == TargetRule::kOfEveryClass, name == "reverse_kl_divergence") << name;
    EXPECT_EQ(form->smoothing == SmoothingRule::kRefused, name == "varifocal" || form->of_ratio)
        << name;
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
