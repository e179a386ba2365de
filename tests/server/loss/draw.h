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

// Normal logits times `scale`, and random labels of the kind. Every value is a float's, so that one
// answer of the oracle serves both element types. Soft targets hold zeros, and rows of softmax ones
// need not sum to 1.
oracle::Problem Draw(oracle::Activation activation, LabelKind labels, Shape shape, double scale,
                     Random& random);

// Softmax: one row for each wanted p_t: the label's logit is set against normal others.
// Sigmoid: elements in one row, alternately positive and negative.
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
// Each form of the catalogue with its default parameters, and focal with gamma 0, 0.5, 1, 2, 5.
std::vector<FormChoice> FormChoices();

// Both activations, or sigmoid alone.
std::vector<oracle::Activation> ActivationsOf(const FormChoice& choice);

// Also divides the targets by their sum where the form asks for distributions.
void SetForm(const FormChoice& choice, oracle::Problem* problem);

}  // namespace lossd::loss

#endif  // LOSSD_TESTS_SERVER_LOSS_DRAW_H_
