#include <vector>

#include "tests/oracle/literals.h"

namespace lossd::oracle {

std::vector<Literal> SigmoidLiterals() {
  return {
      {Form::kFocal,
       Activation::kSigmoid,
       [](Parameters& p) { p.gamma = 2; },
       {-17.0},
       {0.0},
       7.0954734279142289089e-23L,
       {2.1286419549372264194e-22L},
       {6.3859255710635207848e-22L}},
      {Form::kFocal,
       Activation::kSigmoid,
       [](Parameters& p) { p.gamma = 0.5; },
       {36.0},
       {0.25},
       2.6999999999999997043e+1L,
       {7.5000000000000287041e-1L},
       {-2.7834273943051777371e-15L}},
      {Form::kFocal,
       Activation::kSigmoid,
       [](Parameters& p) {
         p.gamma = 1.5;
         p.soft_target_rule = SoftTargetRule::kBlended;
       },
       {3.0},
       {0.25},
       1.4227332308974276354L,
       {5.0123802278961144963e-1L},
       {9.4917521379738819286e-3L}},
      {Form::kFocal,
       Activation::kSigmoid,
       [](Parameters& p) {
         p.gamma = 0.5;
         p.soft_target_rule = SoftTargetRule::kBlended;
       },
       {30.0},
       {1.0},
       2.8625185805491257808e-20L,
       {-4.2937778708234208075e-20L},
       {6.440666806234461552e-20L}},
      {Form::kSquaredError,
       Activation::kSigmoid,
       [](Parameters&) {},
       {-20.0},
       {1.0},
       9.9999999587769276787e-1L,
       {-4.1223072193869902293e-9L},
       {-4.1223071938968649077e-9L}},
      {Form::kAsymmetric,
       Activation::kSigmoid,
       [](Parameters& p) {
         p.gamma_positive = 1;
         p.gamma_negative = 4;
         p.margin = 0.0625;
       },
       {3.0},
       {0.0},
       1.3857782774512237625L,
       {5.3928672791014576719e-1L},
       {-2.3455145117344488939e-1L}},
      {Form::kAsymmetric,
       Activation::kSigmoid,
       [](Parameters& p) {
         p.gamma_positive = 0.5;
         p.gamma_negative = 2.5;
         p.margin = 0;
       },
       {-20.0},
       {0.25},
       4.9999999953624043564L,
       {-2.5000000437995143427e-1L},
       {-4.1223072188559459424e-9L}},
      {Form::kAsymmetric,
       Activation::kSigmoid,
       [](Parameters& p) {
         p.gamma_positive = 0;
         p.gamma_negative = 4;
         p.margin = 0.0625;
       },
       {-4.0},
       {0.0},
       0.0L,
       {0.0L},
       {0.0L}},
      {Form::kQualityFocal,
       Activation::kSigmoid,
       [](Parameters& p) { p.beta = 1.5; },
       {-2.0},
       {0.75},
       8.1508489672172544467e-1L,
       {-5.1952830047979698633e-1L},
       {7.2356160792265712271e-2L}},
      {Form::kQualityFocal,
       Activation::kSigmoid,
       [](Parameters& p) { p.beta = 2; },
       {-25.0},
       {0.0},
       2.6786369617150760449e-33L,
       {8.0359108850522262354e-33L},
       {2.4107732654784671109e-32L}},
      {Form::kVarifocal,
       Activation::kSigmoid,
       [](Parameters& p) {
         p.alpha = 0.75;
         p.gamma = 2;
       },
       {0.5},
       {0.0},
       2.8305870064455733136e-1L,
       {3.9461386640593727618e-1L},
       {3.6979626998643993965e-1L}},
      {Form::kVarifocal,
       Activation::kSigmoid,
       [](Parameters& p) {
         p.alpha = 0.75;
         p.gamma = 2;
       },
       {0.5},
       {0.625},
       4.1348561511256667555e-1L,
       {-1.5879179988408971007e-3L},
       {1.4687732012599655567e-1L}},
      {Form::kFocalStar,
       Activation::kSigmoid,
       [](Parameters& p) {
         p.gamma = 2;
         p.beta = 0.5;
       },
       {2.0},
       {0.25},
       1.325037374958306939L,
       {7.2526909127883446584e-1L},
       {4.8112650680715956885e-2L}},
      {Form::kJensenShannon,
       Activation::kSigmoid,
       [](Parameters&) {},
       {-12.0},
       {0.75},
       3.8035729798500380025e-1L,
       {-3.5295570105499704553e-5L},
       {-3.2223108222522499891e-5L}},
      {Form::kSymmetricCrossEntropy,
       Activation::kSigmoid,
       [](Parameters& p) {
         p.alpha = 0.1;
         p.beta = 1;
         p.log_zero = -4;
       },
       {2.0},
       {0.75},
       4.8133266853472296275e-1L,
       {-1.0226753535782868506e-1L},
       {9.8347144833277106719e-2L}},
  };
}

}  // namespace lossd::oracle
