#ifndef LOSSD_TESTS_SERVER_LOSS_DRAW_H_
#define LOSSD_TESTS_SERVER_LOSS_DRAW_H_

#include <cstddef>
#include <random>
#include <vector>

#include "server/loss/catalogue.h"
#include "tests/oracle/problem.h"

namespace lossd::loss {

using Random = std::mt19937_64;

enum class LabelKind { kClassIds, kBinaryLabels, kOneHotTargets, kSoftTargets };

struct Shape {
  size_t rows = 1;
  size_t classes = 2;
};

// Returns a problem of normal logits times `scale`, and random labels of the kind. Every value is a
// float's, so that one answer of the oracle serves both element types. Some soft targets are 0, and
// rows of softmax targets need not sum to 1.
oracle::Problem Draw(oracle::Activation activation, LabelKind labels, Shape shape, double scale,
                     Random& random);

// Returns a problem with these p_t. Softmax: one row for each, whose label's logit is set against
// normal others. Sigmoid: elements in one row, alternately positive and negative.
oracle::Problem DrawWithTrueProbabilities(oracle::Activation activation,
                                          const std::vector<double>& probabilities, size_t classes,
                                          Random& random);

// A form of the catalogue with parameters for the oracle, whose defaults are the catalogue's.
struct FormChoice {
  oracle::Form form = oracle::Form::kCrossEntropy;
  oracle::Parameters parameters;
  bool has_softmax = true;
  bool has_smoothing = true;
};
// Returns each form of the catalogue that takes any labels, with its default parameters; focal with
// γ 0, 0.5, 1, 2, 5, and Jensen-Shannon with two other β too.
std::vector<FormChoice> FormChoices();

// Returns both activations, or sigmoid alone.
std::vector<oracle::Activation> ActivationsOf(const FormChoice& choice);

// Sets the form, and divides the targets by their sum where it asks for distributions.
void SetForm(const FormChoice& choice, oracle::Problem* problem);

}  // namespace lossd::loss

#endif  // LOSSD_TESTS_SERVER_LOSS_DRAW_H_
