#ifndef LOSSD_SERVER_KERNELS_FORMS_ALL_H_
#define LOSSD_SERVER_KERNELS_FORMS_ALL_H_

#include "server/kernels/forms/asymmetric-inl.h"
#include "server/kernels/forms/asymmetric_detached-inl.h"
#include "server/kernels/forms/cross_entropy-inl.h"
#include "server/kernels/forms/focal-inl.h"
#include "server/kernels/forms/focal_blended-inl.h"
#include "server/kernels/forms/focal_star-inl.h"
#include "server/kernels/forms/generalized_cross_entropy-inl.h"
#include "server/kernels/forms/hinge-inl.h"
#include "server/kernels/forms/jensen_shannon-inl.h"
#include "server/kernels/forms/jensen_shannon_skewed-inl.h"
#include "server/kernels/forms/policy/cispo-inl.h"
#include "server/kernels/forms/policy/dppo-inl.h"
#include "server/kernels/forms/policy/dro-inl.h"
#include "server/kernels/forms/policy/importance_sampling-inl.h"
#include "server/kernels/forms/policy/ppo-inl.h"
#include "server/kernels/forms/policy/sapo-inl.h"
#include "server/kernels/forms/poly1-inl.h"
#include "server/kernels/forms/quality_focal-inl.h"
#include "server/kernels/forms/reverse_kl_divergence-inl.h"
#include "server/kernels/forms/squared_error-inl.h"
#include "server/kernels/forms/squared_margin-inl.h"
#include "server/kernels/forms/symmetric_cross_entropy-inl.h"
#include "server/kernels/forms/varifocal-inl.h"

namespace lossd::kernels {

template <typename... Forms>
struct FormList {
  static constexpr int kSize = static_cast<int>(sizeof...(Forms));
};

// The table of losses. A new loss is a row here and the file that defines it; the request's field
// of the same name, the catalogue's text and every kernel follow from the row.
// clang-format off
using AllForms = FormList<
    CrossEntropy,
    Focal,
    SquaredError,
    KlDivergence,
    Poly1,
    GeneralizedCrossEntropy,
    SymmetricCrossEntropy,
    Asymmetric,
    QualityFocal,
    Varifocal,
    FocalStar,
    JensenShannon,
    ImportanceSampling,
    Ppo,
    Cispo,
    Dro,
    Sapo,
    Dppo,
    Hinge,
    SquaredMargin,
    ReverseKlDivergence,
    FocalBlended,
    AsymmetricDetached,
    JensenShannonSkewed,
    DppoByKl>;
// clang-format on

}  // namespace lossd::kernels

#endif  // LOSSD_SERVER_KERNELS_FORMS_ALL_H_
