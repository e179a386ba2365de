#ifndef LOSSD_SERVER_RUNS_PRESENTATION_H_
#define LOSSD_SERVER_RUNS_PRESENTATION_H_

#include <cmath>
#include <cstdint>

namespace lossd::runs {

// What a model made of one sample of a batch. All numbers are those of the sample itself, before
// its weight and before mining.
struct Presentation {
  int64_t id = 0;
  int64_t class_id = 0;         // softmax: the label; sigmoid: the column of the element
  int64_t label = 0;            // softmax: the class; sigmoid: 1 if the target is ≥ ½, else 0
  double true_probability = 0;  // p_t
  double loss = 0;
  double margin = 0;       // z_t − max z_j over j ≠ t; sigmoid: z, or −z where the label is 0
  double gradient_l1 = 0;  // Σ |∂ℓ/∂z_j|
  bool correct = false;    // the label is the argmax; sigmoid: z > 0 agrees with it
  bool ignored = false;    // it was not presented, and nothing else of it is read

  bool finite() const {
    return std::isfinite(true_probability) && std::isfinite(loss) && std::isfinite(margin);
  }
};

// What happened to a sample between two of its presentations.
struct Turn {
  bool easy = false;       // p_t was below the threshold, and is no more
  bool hard = false;       // it was not, and is
  bool forgotten = false;  // it was correct, and is not (Toneva et al. 2019, arXiv:1812.05159)
};

}  // namespace lossd::runs

#endif  // LOSSD_SERVER_RUNS_PRESENTATION_H_
