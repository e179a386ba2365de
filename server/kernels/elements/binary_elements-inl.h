#ifndef LOSSD_SERVER_KERNELS_ELEMENTS_BINARY_ELEMENTS_INL_H_
#define LOSSD_SERVER_KERNELS_ELEMENTS_BINARY_ELEMENTS_INL_H_

#include <algorithm>
#include <cstdint>

#include "server/kernels/binary_elements.h"
#include "server/kernels/forms/logit_term-inl.h"
#include "server/kernels/forms/point-inl.h"
#include "server/kernels/hessian.h"
#include "server/kernels/simd/inlining.h"
#include "server/kernels/simd/lanes-inl.h"
#include "server/kernels/stores.h"

namespace lossd::kernels {

// The kernel of kTruth forms for sigmoid elements with hard labels.
template <typename Form, typename T, typename Arch>
class BinaryKernel {
 public:
  static void Run(const BinaryElements<T>& all, const FormParameters& parameters) {
    const int64_t whole = all.count / kWidth * kWidth;
    RunWhole(all, whole, parameters);
    if (whole < all.count) RunTail(all, whole, parameters);
  }

 private:
  using V = Lanes<T, Arch>;
  using Parts = SigmoidParts<V>;
  static constexpr int64_t kWidth = static_cast<int64_t>(V::size);
  static constexpr int64_t kExpsAtOnce = 256;

  // Takes its arguments by value, so that they stay in registers: the stores of a loop could change
  // what a reference refers to.
  LOSSD_FLATTEN static void RunWhole(const BinaryElements<T> all, int64_t whole,
                                     const FormParameters parameters) {
    const ElementFactors<T>& f = all.factors;
    const bool few = all.weight == nullptr && all.losses != nullptr && all.gradient != nullptr &&
                     all.hessian == nullptr && all.probabilities == nullptr &&
                     all.true_probability == nullptr;
    const bool weighs =
        f.positive_weight * f.sample_weight != 0 && f.negative_weight * f.sample_weight != 0 &&
        f.positive_weight * f.gradient_scale != 0 && f.negative_weight * f.gradient_scale != 0;
    if (few && weighs) {
      const bool on_lines = OnLine(all.gradient);
      Form::WithUsualParameters(parameters, [&](const FormParameters& known) LOSSD_ALWAYS_INLINE {
        if (all.stores == Stores::kStreaming && on_lines) {
          RunLossAndGradient(all, whole, known, [](const V& g, T* to) { StoreStreaming(g, to); });
        } else {
          RunLossAndGradient(all, whole, known, [](const V& g, T* to) { g.store_unaligned(to); });
        }
      });
      return;
    }
    for (int64_t i = 0; i < whole; i += kWidth) RunRegister(all, i, parameters);
  }

  // Computes what training asks for. No factor is 0, so that a register needs no branch; the bits
  // are RunRegister's.
  template <typename Store>
  LOSSD_ALWAYS_INLINE static void RunLossAndGradient(const BinaryElements<T>& all, int64_t whole,
                                                     const FormParameters& parameters,
                                                     Store store_gradient) {
    const ElementFactors<T>& f = all.factors;
    const V positive_loss(f.positive_weight * f.sample_weight);
    const V negative_loss(f.negative_weight * f.sample_weight);
    const V positive_gradient(f.positive_weight * f.gradient_scale);
    const V negative_gradient(-(f.negative_weight * f.gradient_scale));
    const T* const signs = all.sign;
    const T* const logits = all.logits;
    T* const losses = all.losses;
    T* const gradient = all.gradient;
    // Exponentials go first. A CPU looks ahead no further than two or three registers of the whole
    // computation, too few to fill the waits of one by the arithmetic of the others.
    alignas(64) T exps[static_cast<size_t>(kExpsAtOnce)];
    for (int64_t begin = 0; begin < whole; begin += kExpsAtOnce) {
      const int64_t end = std::min(whole, begin + kExpsAtOnce);
      for (int64_t i = begin; i < end; i += kWidth) {
        // The sign of the label does not change |z|.
        Parts::ExpOf(V::load_unaligned(logits + i)).store_aligned(exps + (i - begin));
      }
      for (int64_t i = begin; i < end; i += kWidth) {
        const V sign = V::load_unaligned(signs + i);
        const V z = sign * V::load_unaligned(logits + i);
        const Point<V> x = LikelierBy(z, Parts::OfExp(V::load_aligned(exps + (i - begin))));
        const V loss = Form::Value(x, parameters);
        const V slope = SlopeByLogit<Form>(x, parameters);
        (SelectBySign(sign, negative_loss, positive_loss) * loss).store_unaligned(losses + i);
        store_gradient(SelectBySign(sign, negative_gradient, positive_gradient) * slope,
                       gradient + i);
      }
    }
  }

  static void RunRegister(const BinaryElements<T>& all, int64_t i,
                          const FormParameters& parameters) {
    const V zero(T(0));
    const V sign = V::load_unaligned(all.sign + i);
    const Factors factors = FactorsAt(all, i, sign);
    const Point<V> x = Truth(sign, V::load_unaligned(all.logits + i));
    const V slope = SlopeByLogit<Form>(x, parameters);
    if (all.losses != nullptr) {
      Weighted(factors.loss, Form::Value(x, parameters)).store_unaligned(all.losses + i);
    }
    if (all.gradient != nullptr) {
      Weighted(factors.gradient, sign * slope).store_unaligned(all.gradient + i);
    }
    if (all.hessian != nullptr) {
      const bool positive = all.curvature == Curvature::kPositive;
      V curvature = Form::Curvature(x, parameters);
      if (positive) curvature = xsimd::select(curvature < zero, zero, curvature);
      const V sloped = Form::Slope(x, parameters) * x.p;
      V h = Weighted(factors.hessian, x.one_minus_p * (curvature - sloped));
      const V floor(static_cast<T>(kHessianFloor));
      if (positive) h = xsimd::select(h < floor, floor, h);
      h.store_unaligned(all.hessian + i);
    }
    if (all.probabilities != nullptr) {
      xsimd::select(sign > zero, x.p, x.one_minus_p).store_unaligned(all.probabilities + i);
    }
    if (all.true_probability != nullptr) x.p.store_unaligned(all.true_probability + i);
    if (all.true_gradient != nullptr) slope.store_unaligned(all.true_gradient + i);
  }

  // Returns the point of the outcome that the label names.
  static Point<V> Truth(const V& sign, const V& logit) {
    const V z = sign * logit;
    return LikelierBy(z, Parts::Of(z));
  }

  struct Factors {
    V loss, gradient, hessian;
  };

  static Factors UniformFactors(const ElementFactors<T>& f, const V& sign) {
    const auto positive = sign > V(T(0));
    const auto pick = [&](T scale) {
      return xsimd::select(positive, V(f.positive_weight * scale), V(f.negative_weight * scale));
    };
    return {pick(f.sample_weight), pick(f.gradient_scale), pick(f.hessian_scale)};
  }

  static Factors FactorsAt(const BinaryElements<T>& all, int64_t i, const V& sign) {
    if (all.weight == nullptr) return UniformFactors(all.factors, sign);
    const V weight = V::load_unaligned(all.weight + i);
    return {weight * V::load_unaligned(all.sample_weight + i),
            weight * V::load_unaligned(all.gradient_scale + i),
            weight * V::load_unaligned(all.hessian_scale + i)};
  }

  // Computes the last elements by padded copies. These take the same instructions as all others, so
  // that an element's bits do not depend on its position.
  static void RunTail(const BinaryElements<T>& all, int64_t begin,
                      const FormParameters& parameters) {
    const int64_t size = all.count - begin;
    alignas(64) T in[5][V::size] = {};
    alignas(64) T out[6][V::size];
    const auto load = [&](const T* from, T* to) {
      if (from != nullptr) std::copy(from + begin, from + begin + size, to);
      return from == nullptr ? nullptr : to;
    };
    const auto room = [](const T* wanted, T* buffer) {
      return wanted == nullptr ? nullptr : buffer;
    };
    const auto save = [&](const T* from, T* to) {
      if (to != nullptr) std::copy(from, from + size, to + begin);
    };
    BinaryElements<T> tail = all;
    tail.logits = load(all.logits, in[0]);
    tail.sign = load(all.sign, in[1]);
    tail.weight = load(all.weight, in[2]);
    tail.sample_weight = load(all.sample_weight, in[3]);
    tail.gradient_scale = load(all.gradient_scale, in[4]);
    alignas(64) T hessian_scale[V::size] = {};
    tail.hessian_scale = load(all.hessian_scale, hessian_scale);
    tail.losses = room(all.losses, out[0]);
    tail.gradient = room(all.gradient, out[1]);
    tail.hessian = room(all.hessian, out[2]);
    tail.probabilities = room(all.probabilities, out[3]);
    tail.true_probability = room(all.true_probability, out[4]);
    tail.true_gradient = room(all.true_gradient, out[5]);
    RunRegister(tail, 0, parameters);
    save(out[0], all.losses);
    save(out[1], all.gradient);
    save(out[2], all.hessian);
    save(out[3], all.probabilities);
    save(out[4], all.true_probability);
    save(out[5], all.true_gradient);
  }
};

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_ELEMENTS_BINARY_ELEMENTS_INL_H_
