#ifndef LOSSD_SERVER_KERNELS_ELEMENTS_ELEMENTS_INL_H_
#define LOSSD_SERVER_KERNELS_ELEMENTS_ELEMENTS_INL_H_

#include <algorithm>
#include <cstdint>

#include "server/kernels/forms/logit_term-inl.h"
#include "server/kernels/forms/point-inl.h"
#include "server/kernels/simd/lanes-inl.h"

namespace lossd::kernels {

template <class Form, typename T, class Arch>
class BinaryKernel {
 public:
  static void Run(const BinaryElements<T>& all, const FormParameters& parameters) {
    const int64_t whole = all.count / kWidth * kWidth;
    RunWhole(all, whole, parameters);
    if (whole < all.count) RunTail(all, whole, parameters);
  }

 private:
  using V = Batch<T, Arch>;
  using Parts = SigmoidParts<V>;
  static constexpr int64_t kWidth = static_cast<int64_t>(V::size);
  static constexpr int64_t kExpsAtOnce = 256;

  // By value: what a loop over stores may not have changed stays in registers.
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
    for (int64_t i = 0; i < whole; i += kWidth) RunBatch(all, i, parameters);
  }

  // What training asks for, without a question per batch: no factor is 0. The bits are RunBatch's.
  template <class Store>
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
    // Exponentials first: a CPU looks ahead no further than two or three batches of all of it, too
    // few to fill the waits of one by the arithmetic of the others.
    alignas(64) T exps[static_cast<size_t>(kExpsAtOnce)];
    for (int64_t begin = 0; begin < whole; begin += kExpsAtOnce) {
      const int64_t end = std::min(whole, begin + kExpsAtOnce);
      for (int64_t i = begin; i < end; i += kWidth) {
        // |z| is the logit's, whatever the sign is.
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

  static void RunBatch(const BinaryElements<T>& all, int64_t i, const FormParameters& parameters) {
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
      const V floor(T(1e-16));
      if (positive) h = xsimd::select(h < floor, floor, h);
      h.store_unaligned(all.hessian + i);
    }
    if (all.probabilities != nullptr) {
      xsimd::select(sign > zero, x.p, x.one_minus_p).store_unaligned(all.probabilities + i);
    }
    if (all.true_probability != nullptr) x.p.store_unaligned(all.true_probability + i);
    if (all.true_gradient != nullptr) slope.store_unaligned(all.true_gradient + i);
  }

  // The outcome that the label says.
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

  // The last elements, through padded copies: the same instructions as everywhere else, so that an
  // element's bits do not depend on where it stands.
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
    RunBatch(tail, 0, parameters);
    save(out[0], all.losses);
    save(out[1], all.gradient);
    save(out[2], all.hessian);
    save(out[3], all.probabilities);
    save(out[4], all.true_probability);
    save(out[5], all.true_gradient);
  }
};

template <class Form, class Arch>
class DenseElementsKernel {
 public:
  LOSSD_FLATTEN static void Run(const DenseElements& all, const FormParameters& parameters) {
    for (int64_t i = 0; i < all.count; i += kWidth) RunBatch(all, i, parameters);
  }

 private:
  using D = Batch<double, Arch>;
  static constexpr int64_t kWidth = static_cast<int64_t>(D::size);
  static constexpr bool kWhole = Form::kWeighting == Weighting::kWhole;
  static constexpr bool kOverLogit = Form::kDomain == Domain::kLogit;
  // A kLogit form that weighs its elements whole says all in Yes.
  static constexpr bool kBothSides = Form::kBothSides && !(kOverLogit && kWhole);

  using Term = LogitTerm<D>;

  static void RunBatch(const DenseElements& all, int64_t i, const FormParameters& parameters) {
    LogitPoint<D> x = Sigmoid(D::load_unaligned(all.logits + i));
    x.yes.target = D::load_unaligned(all.targets + i);
    x.no.target = D(1.0) - x.yes.target;
    const Term sum = Sum(all, i, x, parameters);
    sum.value.store_unaligned(all.losses + i);
    sum.first.store_unaligned(all.gradient + i);
    if (all.hessian != nullptr) sum.second.store_unaligned(all.hessian + i);
    x.yes.p.store_unaligned(all.probabilities + i);
    x.yes.one_minus_p.store_unaligned(all.one_minus_probabilities + i);
  }

  static Term Sum(const DenseElements& all, int64_t i, const LogitPoint<D>& x,
                  const FormParameters& parameters) {
    const D yes_weight = D::load_unaligned((kWhole ? all.whole_weight : all.positive_weight) + i);
    Term sum = Weigh(yes_weight, Yes(all, x, parameters, yes_weight));
    if constexpr (kBothSides) {
      const D no_weight = D::load_unaligned((kWhole ? all.whole_weight : all.negative_weight) + i);
      const Term no = Weigh(no_weight, No(all, x, parameters, no_weight));
      sum = {sum.value + no.value, sum.first + no.first, sum.second + no.second};
    }
    return sum;
  }

  static Term Yes(const DenseElements& all, const LogitPoint<D>& x,
                  const FormParameters& parameters, const D& weight) {
    if constexpr (kOverLogit) {
      return Clip(all, Form::Yes(x, parameters), x.yes.p, 1);
    } else {
      return Chain(all, x.yes, parameters, weight);
    }
  }

  static Term No(const DenseElements& all, const LogitPoint<D>& x, const FormParameters& parameters,
                 const D& weight) {
    if constexpr (kOverLogit) {
      return Clip(all, Form::No(x, parameters), x.no.p, -1);
    } else {
      Term term = Chain(all, x.no, parameters, weight);
      term.first = -term.first;
      return term;
    }
  }

  // From derivatives by log p to derivatives by the logit that raises p.
  static Term Chain(const DenseElements& all, const Point<D>& x, const FormParameters& parameters,
                    const D& weight) {
    D value = Form::Value(x, parameters);
    if constexpr (Form::kAddsTargetEntropy) {
      value += xsimd::log(xsimd::select(weight == D(0.0), D(1.0), x.target));
    }
    const D slope = Form::Slope(x, parameters);
    D curvature = Form::Curvature(x, parameters);
    if (all.curvature == Curvature::kPositive && !kWhole) {
      curvature = xsimd::select(curvature < D(0.0), D(0.0), curvature);
    }
    return {value, slope * x.one_minus_p, x.one_minus_p * (curvature - slope * x.p)};
  }

  // kPositive's max(phi'', 0) for derivatives given by the logit, which hold phi'' (1 - p)^2 and
  // -phi' p (1 - p) together.
  static Term Clip(const DenseElements& all, Term term, const D& p, double sign) {
    if (all.curvature != Curvature::kPositive || kWhole) return term;
    const D slope_part = D(sign) * term.first * p;
    const D curved_part = term.second + slope_part;
    term.second = xsimd::select(curved_part < D(0.0), -slope_part, term.second);
    return term;
  }

  static Term Weigh(const D& weight, const Term& term) {
    return {Weighted(weight, term.value), Weighted(weight, term.first),
            Weighted(weight, term.second)};
  }
};

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_ELEMENTS_ELEMENTS_INL_H_
