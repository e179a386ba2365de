#ifndef LOSSD_SERVER_KERNELS_ROW_SHAPE_H_
#define LOSSD_SERVER_KERNELS_ROW_SHAPE_H_

namespace lossd::kernels {

// Moves the logits of classes j ≠ t by p min(0, l_j − l_t) + q max(0, ln σ_j − max(ln σ_t, least)),
// where l are the logarithms of counts and σ is the softmax of the logits before; both are
// constants to the derivatives.
template <typename T>
struct SeesawTerms {
  const T* log_counts = nullptr;  // [class_count]; null: there is none
  double p = 0;
  double q = 0;
  double least = 0;
};

// What lies between the logits z of ClassIdRows and the softmax, and what is added to the loss. The
// softmax is that of
//   x_j = scale · cap(z_j) + addend_j − [j = t] margin_j,  cap(z) = softcap · tanh(z / softcap)
// with what seesaw adds;
// and the loss of the true class t, with weights w_j of the classes and q = smoothing / C,
//   (1 − smoothing) w_t φ(log p_t) − q Σ_j w_j log p_j + z_loss (log Σ_j exp x_j)²
// Derivatives are by z. Smoothing is cross entropy's alone.
template <typename T>
struct RowShape {
  double scale = 1;                 // > 0
  double softcap = 0;               // 0: none
  const T* addends = nullptr;       // [class_count]; null: all 0
  const double* margins = nullptr;  // [class_count]; null: all 0
  SeesawTerms<T> seesaw;
  double smoothing = 0;
  bool adds_target_entropy = false;  // the constant Σ_j a_j log y_j of smoothed targets
  // For smoothing, where classes have weights: w, and their sum. Null: all are 1.
  const T* class_weights = nullptr;  // [class_count]
  double class_weight_sum = 0;
  double z_loss = 0;

  // Returns true when logits are capped and no more than multiplied.
  bool CapsAlone() const {
    return softcap != 0 && addends == nullptr && margins == nullptr && seesaw.log_counts == nullptr;
  }
  bool HasAddends() const {
    return addends != nullptr || margins != nullptr || softcap != 0 || seesaw.log_counts != nullptr;
  }
};

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_ROW_SHAPE_H_
