// Written by derive_coefficients.py; do not edit.
#pragma once

#include <stdint.h>

namespace wengert::simd::WG_TARGET {

template <class T> struct ExpPoly;
// (exp(r) - 1 - r) / r^2 on [-0.346608, 0.346608], error 1.5e-18
template <> struct ExpPoly<double> {
  static constexpr double c[11] = {5.0e-1,
                                   1.6666666666666671e-1,
                                   4.1666666666666642e-2,
                                   8.3333333333261351e-3,
                                   1.3888888888896682e-3,
                                   1.9841269874820625e-4,
                                   2.4801587300940929e-5,
                                   2.7557255400206424e-6,
                                   2.7557294125356096e-7,
                                   2.5105217004720745e-8,
                                   2.0908487319195555e-9};
};
// (exp(r) - 1 - r) / r^2 on [-0.346608, 0.346608], error 6.5e-8
template <> struct ExpPoly<float> {
  static constexpr float c[5] = {5.0e-1f, 1.6666577e-1f, 4.16665546e-2f, 8.36317905e-3f, 1.39261836e-3f};
};

template <class T> struct ShortExpPoly;
// (exp(r) - 1 - r) / r^2 on [-0.021663, 0.021663], error 5.9e-14
template <> struct ShortExpPoly<double> {
  static constexpr double c[5] = {5.0e-1, 1.6666666665301145e-1, 4.1666666664958346e-2, 8.3334497245283562e-3,
                                  1.3889034401910165e-3};
};
// (exp(r) - 1 - r) / r^2 on [-0.021663, 0.021663], error 9.8e-6
template <> struct ShortExpPoly<float> {
  static constexpr float c[2] = {5.00009777e-1f, 1.66668622e-1f};
};

template <class T> struct ShortExpm1Poly;
// (exp(r) - 1 - r) / r^2 on [-0.021663, 0.021663], error 8.0e-17
template <> struct ShortExpm1Poly<double> {
  static constexpr double c[6] = {5.0000000000000008e-1, 1.6666666666666668e-1, 4.1666666663594244e-2,
                                  8.3333333329919535e-3, 1.388906347556763e-3,  1.9841463826261545e-4};
};
// (exp(r) - 1 - r) / r^2 on [-0.021663, 0.021663], error 2.1e-8
template <> struct ShortExpm1Poly<float> {
  static constexpr float c[3] = {5.0e-1f, 1.666696e-1f, 4.16671555e-2f};
};

template <class T> struct ExpPowers;
// 2^(j/16)
template <> struct ExpPowers<double> {
  alignas(64) static constexpr double c[16] = {
      0x1.0000000000000p+0, 0x1.0b5586cf9890fp+0, 0x1.172b83c7d517bp+0, 0x1.2387a6e756238p+0,
      0x1.306fe0a31b715p+0, 0x1.3dea64c123422p+0, 0x1.4bfdad5362a27p+0, 0x1.5ab07dd485429p+0,
      0x1.6a09e667f3bcdp+0, 0x1.7a11473eb0187p+0, 0x1.8ace5422aa0dbp+0, 0x1.9c49182a3f090p+0,
      0x1.ae89f995ad3adp+0, 0x1.c199bdd85529cp+0, 0x1.d5818dcfba487p+0, 0x1.ea4afa2a490dap+0};
};
template <> struct ExpPowers<float> {
  alignas(64) static constexpr float c[16] = {
      0x1.0000000000000p+0f, 0x1.0b55860000000p+0f, 0x1.172b840000000p+0f, 0x1.2387a60000000p+0f,
      0x1.306fe00000000p+0f, 0x1.3dea640000000p+0f, 0x1.4bfdae0000000p+0f, 0x1.5ab07e0000000p+0f,
      0x1.6a09e60000000p+0f, 0x1.7a11480000000p+0f, 0x1.8ace540000000p+0f, 0x1.9c49180000000p+0f,
      0x1.ae89fa0000000p+0f, 0x1.c199be0000000p+0f, 0x1.d5818e0000000p+0f, 0x1.ea4afa0000000p+0f};
};

template <class T> struct ExpPowersLow;
// What the rounding of 2^(j/16) left, relative to it
template <> struct ExpPowersLow<double> {
  alignas(64) static constexpr double c[16] = {0x0.0p+0,
                                               0x1.79aa65d837b6dp-54,
                                               -0x1.01b15eaa59348p-55,
                                               0x1.68efde3a8a894p-54,
                                               0x1.34d754db0abb6p-55,
                                               0x1.59f48a72a4c6dp-55,
                                               0x1.690cebb7aafb0p-56,
                                               0x1.063e1e21c5409p-54,
                                               -0x1.3b3efbf5e2228p-54,
                                               -0x1.b32dcb94da51dp-56,
                                               0x1.db72fc1f0eab4p-55,
                                               0x1.1affc2b91ce27p-56,
                                               0x1.c1a7792cb3387p-55,
                                               0x1.36eae30af0cb3p-56,
                                               0x1.4a385a63d07a7p-56,
                                               -0x1.ff7128fd391f0p-55};
};
template <> struct ExpPowersLow<float> {
  alignas(64) static constexpr float c[16] = {0x0.0p+0f,
                                              0x1.8d96d40000000p-25f,
                                              -0x1.9c0c220000000p-27f,
                                              0x1.9649040000000p-25f,
                                              0x1.1250020000000p-25f,
                                              0x1.370be40000000p-25f,
                                              -0x1.0a35500000000p-25f,
                                              -0x1.00d8ac0000000p-27f,
                                              0x1.26055c0000000p-26f,
                                              -0x1.05cb440000000p-25f,
                                              0x1.67a1ca0000000p-28f,
                                              0x1.a3b5e40000000p-28f,
                                              -0x1.f9c3040000000p-27f,
                                              -0x1.6961b40000000p-28f,
                                              -0x1.a5217c0000000p-28f,
                                              0x1.61428e0000000p-28f};
};

template <class T> struct SinhPoly;
// (sinh(r) - r) / r^3 in r^2 on [0, 0.120137], error 1.1e-21
template <> struct SinhPoly<double> {
  static constexpr double c[6] = {1.6666666666666667e-1, 8.333333333333334e-3,  1.9841269841263299e-4,
                                  2.7557319247218731e-6, 2.5052071094293547e-8, 1.6086627956780369e-10};
};
// (sinh(r) - r) / r^3 in r^2 on [0, 0.120137], error 1.5e-10
template <> struct SinhPoly<float> {
  static constexpr float c[3] = {1.66666667e-1f, 8.33331093e-3f, 1.98909908e-4f};
};

template <class T> struct CoshPoly;
// (cosh(r) - 1) / r^2 in r^2 on [0, 0.120137], error 1.7e-20
template <> struct CoshPoly<double> {
  static constexpr double c[6] = {5.0e-1,
                                  4.1666666666666677e-2,
                                  1.3888888888879074e-3,
                                  2.4801587336442238e-5,
                                  2.7557263279088497e-7,
                                  2.0918137737642736e-9};
};
// (cosh(r) - 1) / r^2 in r^2 on [0, 0.120137], error 1.3e-9
template <> struct CoshPoly<float> {
  static constexpr float c[3] = {5.00000001e-1f, 4.16664649e-2f, 1.393365e-3f};
};

template <class T> struct TanhPoly;
// (tanh(r) - r) / r^3 in r^2 on [0, 0.0675772], error 2.8e-18
template <> struct TanhPoly<double> {
  static constexpr double c[8] = {-3.3333333333333333e-1, 1.3333333333332794e-1,  -5.3968253966575615e-2,
                                  2.1869488337045225e-2,  -8.8632239135800689e-3, 3.5917591625081407e-3,
                                  -1.4493162007286877e-3, 5.2938995899602732e-4};
};
// (tanh(r) - r) / r^3 in r^2 on [0, 0.0675772], error 2.0e-7
template <> struct TanhPoly<float> {
  static constexpr float c[3] = {-3.33333131e-1f, 1.33279313e-1f, -5.18178819e-2f};
};

template <class T> struct LogPoly;
// (2 atanh(s) - 2 s) / s^3 in s^2 on [0, 0.0294431], error 3.1e-16
template <> struct LogPoly<double> {
  static constexpr double c[7] = {6.6666666666666697e-1, 3.9999999999899382e-1, 2.8571428626031067e-1,
                                  2.2222211125722809e-1, 1.8182889786191042e-1, 1.5331699633543859e-1,
                                  1.4616721179861816e-1};
};
// (2 atanh(s) - 2 s) / s^3 in s^2 on [0, 0.0294431], error 1.9e-7
template <> struct LogPoly<float> {
  static constexpr float c[3] = {6.66666851e-1f, 3.9988776e-1f, 2.95801567e-1f};
};

template <class T> struct LogInverse;
// 1 / c, c near the middle of an interval of m
template <> struct LogInverse<double> {
  alignas(64) static constexpr double c[16] = {
      0x1.0000000000000p+0, 0x1.d41d41e2c9689p-1, 0x1.bacf9159f685fp-1, 0x1.a41a41ac0be54p-1,
      0x1.8f9c1905c9b7dp-1, 0x1.7d05f417e6ffep-1, 0x1.6c16c16c1c699p-1, 0x1.5c9882c371cd4p-1,
      0x1.4e5e0a7302b62p+0, 0x1.4141414146e97p+0, 0x1.3521cfb2cb58ap+0, 0x1.29e4129e59349p+0,
      0x1.1f7047dc5742fp+0, 0x1.15b1e5f77735dp+0, 0x1.0c9714fbdd322p+0, 0x1.0000000000000p+0};
};
template <> struct LogInverse<float> {
  alignas(64) static constexpr float c[16] = {
      0x1.0000000000000p+0f, 0x1.d422d40000000p-1f, 0x1.bacf9c0000000p-1f, 0x1.a41f900000000p-1f,
      0x1.8fa0c80000000p-1f, 0x1.7d09940000000p-1f, 0x1.6c18e00000000p-1f, 0x1.5c9c180000000p-1f,
      0x1.4e5e3e0000000p+0f, 0x1.4144980000000p+0f, 0x1.3521d60000000p+0f, 0x1.29e4180000000p+0f,
      0x1.1f70a80000000p+0f, 0x1.15b2b80000000p+0f, 0x1.0c97d60000000p+0f, 0x1.0000000000000p+0f};
};

template <class T> struct LogCentre;
// log(c), by choice of c exact to some bits more than the type has; more by that of 2 where m < 1
template <> struct LogCentre<double> {
  alignas(64) static constexpr double c[16] = {0x0.0p+0,
                                               0x1.6f0d282df461dp-4,
                                               0x1.29552f41eb26cp-3,
                                               0x1.9525a9a88b6dbp-3,
                                               0x1.fb9186983a14ap-3,
                                               0x1.2e8e2badd5036p-2,
                                               0x1.5d1bdbf570b3cp-2,
                                               0x1.89a3384df5dacp-2,
                                               0x1.b44f77bc90a86p-2,
                                               0x1.dd46a04c0a41fp-2,
                                               0x1.02552a5a3c452p-1,
                                               0x1.154c3d2f240c4p-1,
                                               0x1.2795e1281fa27p-1,
                                               0x1.393e0d351ed66p-1,
                                               0x1.4a4f85dae6442p-1,
                                               0x1.62e42fefa39efp-1};
};
template <> struct LogCentre<float> {
  alignas(64) static constexpr float c[16] = {0x0.0p+0f,
                                              0x1.6edc6a0000000p-4f,
                                              0x1.2954fe0000000p-3f,
                                              0x1.950bcc0000000p-3f,
                                              0x1.fb79860000000p-3f,
                                              0x1.2e846e0000000p-2f,
                                              0x1.5d15e60000000p-2f,
                                              0x1.8998b20000000p-2f,
                                              0x1.b44eda0000000p-2f,
                                              0x1.dd3bfc0000000p-2f,
                                              0x1.0255200000000p-1f,
                                              0x1.154c340000000p-1f,
                                              0x1.2795360000000p-1f,
                                              0x1.393c8a0000000p-1f,
                                              0x1.4a4e160000000p-1f,
                                              0x1.62e4300000000p-1f};
};

template <class T> struct LogTwoInverse;
// 1 / c, c near the middle of an interval of m
template <> struct LogTwoInverse<double> {
  alignas(64) static constexpr double c[16] = {
      0x1.0000000000000p+0, 0x1.d41d41d42e3a5p-1, 0x1.bacf914c43461p-1, 0x1.a41a41a41fe9dp-1,
      0x1.8f9c18fa84b8fp-1, 0x1.7d05f417d05f4p-1, 0x1.6c16c16c7f685p-1, 0x1.5c9882b9589e8p-1,
      0x1.4e5e0a731ac0cp+0, 0x1.41414141550ddp+0, 0x1.3521cfb2bd344p+0, 0x1.29e4129e4c7a3p+0,
      0x1.1f7047dcb4997p+0, 0x1.15b1e5f769117p+0, 0x1.0c9714fbd34bdp+0, 0x1.0000000000000p+0};
};
template <> struct LogTwoInverse<float> {
  alignas(64) static constexpr float c[16] = {
      0x1.0000000000000p+0f, 0x1.d41d4e0000000p-1f, 0x1.bad0240000000p-1f, 0x1.a41ad40000000p-1f,
      0x1.8f9cc20000000p-1f, 0x1.7d06160000000p-1f, 0x1.6c17dc0000000p-1f, 0x1.5c988e0000000p-1f,
      0x1.4e5ed60000000p+0f, 0x1.4141ca0000000p+0f, 0x1.3521dc0000000p+0f, 0x1.29e4180000000p+0f,
      0x1.1f71580000000p+0f, 0x1.15b3000000000p+0f, 0x1.0c9f860000000p+0f, 0x1.0000000000000p+0f};
};

template <class T> struct LogTwoCentre;
// log(c), by choice of c exact to some bits more than the type has; more by that of 2 where m < 1
template <> struct LogTwoCentre<double> {
  alignas(64) static constexpr double c[16] = {0x0.0p+0,
                                               0x1.08c588cd3c80cp-3,
                                               0x1.acf5e2da4691ep-3,
                                               0x1.24407ab0cc8f0p-2,
                                               0x1.6e221cd6ff4f9p-2,
                                               0x1.b47ebf73882a1p-2,
                                               0x1.f7a8568b07cacp-2,
                                               0x1.1bf311e90918ep-1,
                                               0x1.3abb3fa9a45ccp-1,
                                               0x1.584822695c4d2p-1,
                                               0x1.74b1fd64d2f0ep-1,
                                               0x1.900e615fe41f1p-1,
                                               0x1.aa708f565f5d1p-1,
                                               0x1.c3e9ca2dddd52p-1,
                                               0x1.dc899ab3efc83p-1,
                                               0x1.0000000000000p+0};
};
template <> struct LogTwoCentre<float> {
  alignas(64) static constexpr float c[16] = {0x0.0p+0f,
                                              0x1.08c53c0000000p-3f,
                                              0x1.acf2100000000p-3f,
                                              0x1.243e780000000p-2f,
                                              0x1.6e1fac0000000p-2f,
                                              0x1.b47e3c0000000p-2f,
                                              0x1.f7a3dc0000000p-2f,
                                              0x1.1bf2fa0000000p-1f,
                                              0x1.3ab97e0000000p-1f,
                                              0x1.5846e80000000p-1f,
                                              0x1.74b1e00000000p-1f,
                                              0x1.900e540000000p-1f,
                                              0x1.aa6dd40000000p-1f,
                                              0x1.c3e6dc0000000p-1f,
                                              0x1.dc72640000000p-1f,
                                              0x1.0000000000000p+0f};
};

template <class T> struct LogTenInverse;
// 1 / c, c near the middle of an interval of m
template <> struct LogTenInverse<double> {
  alignas(64) static constexpr double c[16] = {
      0x1.0000000000000p+0, 0x1.d41d41d46c740p-1, 0x1.bacf914c26fd5p-1, 0x1.a41a41a776192p-1,
      0x1.8f9c18fa2fdeap-1, 0x1.7d05f4182ae1cp-1, 0x1.6c16c16c1c699p-1, 0x1.5c9882b977bb6p-1,
      0x1.4e5e0a73014c1p+0, 0x1.41414141cd431p+0, 0x1.3521cfb328af3p+0, 0x1.29e4129e79bb7p+0,
      0x1.1f7047dc179f3p+0, 0x1.15b1e5f7811c1p+0, 0x1.0c9714fbcf0dbp+0, 0x1.0000000000000p+0};
};
template <> struct LogTenInverse<float> {
  alignas(64) static constexpr float c[16] = {
      0x1.0000000000000p+0f, 0x1.d423cc0000000p-1f, 0x1.bad0520000000p-1f, 0x1.a41ae00000000p-1f,
      0x1.8f9cda0000000p-1f, 0x1.7d062c0000000p-1f, 0x1.6c17760000000p-1f, 0x1.5c9c3a0000000p-1f,
      0x1.4e5f260000000p+0f, 0x1.4141580000000p+0f, 0x1.3522680000000p+0f, 0x1.29e47e0000000p+0f,
      0x1.1f71300000000p+0f, 0x1.15b23a0000000p+0f, 0x1.0c972c0000000p+0f, 0x1.0000000000000p+0f};
};

template <class T> struct LogTenCentre;
// log(c), by choice of c exact to some bits more than the type has
template <> struct LogTenCentre<double> {
  alignas(64) static constexpr double c[16] = {0x0.0p+0,
                                               0x1.3ed11998045b8p-5,
                                               0x1.02428c1eda8e2p-4,
                                               0x1.5fe8047a766c3p-4,
                                               0x1.b8de4d38c8cf0p-4,
                                               0x1.06cbd67998f3cp-3,
                                               0x1.2f3b691c4c2e6p-3,
                                               0x1.55e8c517fca4dp-3,
                                               -0x1.db11ed76c5085p-4,
                                               -0x1.93e7de12cb293p-4,
                                               -0x1.4f7aad9e47c45p-4,
                                               -0x1.0d966cc7a1dcep-4,
                                               -0x1.9c197abf46e20p-5,
                                               -0x1.21681b5ee209ap-5,
                                               -0x1.559bd24091b22p-6,
                                               0x0.0p+0};
};
template <> struct LogTenCentre<float> {
  alignas(64) static constexpr float c[16] = {0x0.0p+0f,
                                              0x1.3e9f660000000p-5f,
                                              0x1.023f860000000p-4f,
                                              0x1.5fe5660000000p-4f,
                                              0x1.b8daf20000000p-4f,
                                              0x1.06cb540000000p-3f,
                                              0x1.2f39b00000000p-3f,
                                              0x1.55df4a0000000p-3f,
                                              -0x1.db17d20000000p-4f,
                                              -0x1.93e85c0000000p-4f,
                                              -0x1.4f7e1a0000000p-4f,
                                              -0x1.0d98ee0000000p-4f,
                                              -0x1.9c24b40000000p-5f,
                                              -0x1.216c500000000p-5f,
                                              -0x1.559e340000000p-6f,
                                              0x0.0p+0f};
};

template <class T> struct LogShortPoly;
// (log(1 + f) - f) / f^2 on [-0.0322581, 0.0625625], error 8.4e-18
template <> struct LogShortPoly<double> {
  static constexpr double c[10] = {-4.9999999999999999e-1, 3.3333333333333353e-1,  -2.50000000000202e-1,
                                   2.0000000000004858e-1,  -1.6666666586540182e-1, 1.4285713400590466e-1,
                                   -1.2500101222105608e-1, 1.1113126142504514e-1,  -9.9675207417323988e-2,
                                   7.9568020984184704e-2};
};
// (log(1 + f) - f) / f^2 on [-0.0322581, 0.0625625], error 1.0e-7
template <> struct LogShortPoly<float> {
  static constexpr float c[4] = {-4.99999973e-1f, 3.33341904e-1f, -2.50145306e-1f, 1.90515175e-1f};
};

template <class T> struct LogTwoShortPoly;
// (log(1 + f) - f) / f^2, over ln 2 on [-0.0322581, 0.0625625], error 1.2e-17
template <> struct LogTwoShortPoly<double> {
  static constexpr double c[10] = {-7.2134752044448169e-1, 4.8089834696298808e-1,  -3.6067376022253227e-1,
                                   2.8853900817786276e-1,  -2.4044917232551308e-1, 2.0609927878592874e-1,
                                   -1.8033834043741831e-1, 1.6032851974564758e-1,  -1.4380092744055214e-1,
                                   1.1479238928723225e-1};
};
// (log(1 + f) - f) / f^2, over ln 2 on [-0.0322581, 0.0625625], error 1.5e-7
template <> struct LogTwoShortPoly<float> {
  static constexpr float c[4] = {-7.21347482e-1f, 4.80910712e-1f, -3.60883392e-1f, 2.74855298e-1f};
};

template <class T> struct LogTenShortPoly;
// (log(1 + f) - f) / f^2, over ln 10 on [-0.0322581, 0.0625625], error 3.6e-18
template <> struct LogTenShortPoly<double> {
  static constexpr double c[10] = {-2.1714724095162591e-1, 1.4476482730108403e-1,  -1.0857362047590068e-1,
                                   8.6858896380671462e-2,  -7.2382413302557071e-2, 6.2042064999277781e-2,
                                   -5.42872498399256e-2,   4.8263693603844816e-2,  -4.3288392563905885e-2,
                                   3.4555952449393565e-2};
};
// (log(1 + f) - f) / f^2, over ln 10 on [-0.0322581, 0.0625625], error 4.4e-8
template <> struct LogTenShortPoly<float> {
  static constexpr float c[4] = {-2.17147229e-1f, 1.44768549e-1f, -1.08636726e-1f, 8.27396892e-2f};
};

template <class T> struct LogTailPoly;
// (2 atanh(s) - 2 s - 2/3 s^3) / s^5 in s^2 on [0, 0.0294431], error 1.3e-20
template <> struct LogTailPoly<double> {
  static constexpr double c[9] = {4.0e-1,
                                  2.8571428571428565e-1,
                                  2.2222222222228434e-1,
                                  1.8181818179655601e-1,
                                  1.5384615761362981e-1,
                                  1.3333296519287246e-1,
                                  1.1766813776159433e-1,
                                  1.0456312590395663e-1,
                                  1.0762557435735054e-1};
};

template <class T> struct WideSinPoly;
// ((sin(r) - r) / r^3 - c) / r^2 in r^2, c = -1/6 in float, on [0.3, 2.517], error 9.2e-10
template <> struct WideSinPoly<float> {
  static constexpr float c[4] = {8.33335579e-3f, -1.98442924e-4f, 2.77064799e-6f, -2.71080191e-8f};
};

template <class T> struct SinPoly;
// (sin(r) - r) / r^3 in r^2 on [0, 0.616974], error 1.2e-20
template <> struct SinPoly<double> {
  static constexpr double c[7] = {-1.6666666666666667e-1, 8.3333333333333315e-3,  -1.984126984126506e-4,
                                  2.7557319219335453e-6,  -2.5052106231157905e-8, 1.6058531414589011e-10,
                                  -7.5866850700912672e-13};
};

template <class T> struct CosPoly;
// (cos(r) - 1 + r^2/2) / r^4 in r^2 on [0, 0.616974], error 6.5e-22
template <> struct CosPoly<double> {
  static constexpr double c[7] = {4.1666666666666667e-2, -1.3888888888888888e-3, 2.4801587301584644e-5,
                                  -2.755731922140076e-7, 2.0876755790363396e-9,  -1.1470460773969325e-11,
                                  4.7458652037874551e-14};
};

template <class T> struct TanPoly;
// (tan(r) - r) / r^3 in r^2 on [0, 0.616974], error 8.6e-9
template <> struct TanPoly<float> {
  static constexpr float c[7] = {3.3333334e-1f, 1.33332308e-1f, 5.39944965e-2f, 2.16208769e-2f,
                                 9.9630254e-3f, 1.18391852e-3f, 3.84397228e-3f};
};

template <class T> struct AtanPoly;
// (atan(t) - t) / t^3 in t^2 on [0, 0.435732], error 9.3e-21
template <> struct AtanPoly<double> {
  static constexpr double c[18] = {-3.3333333333333333e-1, 1.9999999999999999e-1,  -1.4285714285713942e-1,
                                   1.1111111111077216e-1,  -9.0909090891436023e-2, 7.6923076361821032e-2,
                                   -6.6666654812671544e-2, 5.8823353720907937e-2,  -5.2629682758261038e-2,
                                   4.7603760944375852e-2,  -4.3384598624013163e-2, 3.9558916600672421e-2,
                                   -3.5429958261106981e-2, 2.9938165577347966e-2,  -2.2267232419735361e-2,
                                   1.3163359765443285e-2,  -5.304856518850664e-3,  1.0632798449894816e-3};
};
// (atan(t) - t) / t^3 in t^2 on [0, 0.435732], error 5.2e-10
template <> struct AtanPoly<float> {
  static constexpr float c[8] = {-3.33333333e-1f, 1.99999845e-1f, -1.42849538e-1f, 1.10967245e-1f,
                                 -8.95446563e-2f, 6.96521082e-2f, -4.37464923e-2f, 1.50934495e-2f};
};

template <class T> struct AsinPoly;
// (asin(x) - x) / x^3 in x^2 on [0, 0.25], error 9.8e-19
template <> struct AsinPoly<double> {
  static constexpr double c[14] = {
      1.6666666666666667e-1, 7.5000000000001178e-2, 4.4642857142551893e-2,  3.038194447553234e-2, 2.2372157443507222e-2,
      1.7352816540325495e-2, 1.396378001220357e-2,  1.1566459612121669e-2,  9.621842970100281e-3, 9.3195607947674463e-3,
      3.0448799094556774e-3, 1.9554513336123379e-2, -1.9241671746743041e-2, 2.961201126495512e-2};
};
// (asin(x) - x) / x^3 in x^2 on [0, 0.25], error 4.2e-9
template <> struct AsinPoly<float> {
  static constexpr float c[6] = {1.66666663e-1f, 7.50009454e-2f, 4.45994015e-2f,
                                 3.11006627e-2f, 1.71492384e-2f, 3.36908472e-2f};
};

template <class T> struct AsinhPoly;
// (asinh(x) - x) / x^3 in x^2 on [0, 0.25], error 5.9e-19
template <> struct AsinhPoly<double> {
  static constexpr double c[13] = {-1.6666666666666667e-1, 7.4999999999999199e-2,  -4.4642857142677227e-2,
                                   3.0381944428513683e-2,  -2.2372158355736262e-2, 1.7352744155690403e-2,
                                   -1.3964483323351327e-2, 1.1547475926257405e-2,  -9.7257161441516882e-3,
                                   8.1823676463777901e-3,  -6.4746008466359027e-3, 4.1383581314025197e-3,
                                   -1.4988358499957473e-3};
};
// (asinh(x) - x) / x^3 in x^2 on [0, 0.25], error 9.3e-10
template <> struct AsinhPoly<float> {
  static constexpr float c[6] = {-1.66666666e-1f, 7.49997289e-2f,  -4.46300219e-2f,
                                 3.01561786e-2f,  -2.05267935e-2f, 9.93650431e-3f};
};

template <class T> struct ErfPoly;
// erf(x) / x - 1 in x^2 on [0, 0.5], error 2.3e-19
template <> struct ErfPoly<double> {
  static constexpr double c[11] = {1.2837916709551257e-1,  -3.7612638903183741e-1, 1.1283791670954226e-1,
                                   -2.6866170644850219e-2, 5.2239776209349931e-3,  -8.5483266013139706e-4,
                                   1.2055308296795711e-4,  -1.4924721137472727e-5, 1.6439551639371642e-6,
                                   -1.6022858870806116e-7, 1.1800511424551558e-8};
};

// erf in sixteen intervals: their centres c, erf(c), 1 where c is 0, and
// (erf(c + t) - erf(c)) / t less that as polynomials in t.
template <class T> struct ErfTables;
// error 8.5e-19
template <> struct ErfTables<double> {
  static constexpr double inverse_width = 2.609375;
  alignas(64) static constexpr double c[16][16] = {
      {0x0.0p+0, 0x1.886e5f0b8c526p-2, 0x1.886e5f0afee68p-1, 0x1.2652c74820100p+0, 0x1.886e5f0ae571dp+0,
       0x1.ea89f6cd7efc5p+0, 0x1.2652c7480c437p+1, 0x1.5760932971136p+1, 0x1.886e5f0abb04ap+1, 0x1.b97c2aec12653p+1,
       0x1.ea89f6cd69c5cp+1, 0x1.0dcbe15760933p+2, 0x1.2652c7480c437p+2, 0x1.3ed9ad38b7f3cp+2, 0x1.5760932963a40p+2,
       0x1.6fe7791a0f545p+2},
      {0x0.0p+0, 0x1.a60e389899698p-2, 0x1.7177276a69334p-1, 0x1.cac4f0d60f762p-1, 0x1.f08e01793fc44p-1,
       0x1.fc8dc2b7a4cd1p-1, 0x1.ff69b6e505113p-1, 0x1.ffec8e42db053p-1, 0x1.fffe18ab4c3d1p-1, 0x1.ffffdbff882c6p-1,
       0x1.fffffdff4e087p-1, 0x1.ffffffea8f224p-1, 0x1.ffffffff53a76p-1, 0x1.fffffffffbf0ep-1, 0x1.ffffffffffedbp-1,
       0x1.ffffffffffffcp-1},
      {0x1.0000000000000p+0, 0x0.0p+0, 0x0.0p+0, 0x0.0p+0, 0x0.0p+0, 0x0.0p+0, 0x0.0p+0, 0x0.0p+0, 0x0.0p+0, 0x0.0p+0,
       0x0.0p+0, 0x0.0p+0, 0x0.0p+0, 0x0.0p+0, 0x0.0p+0, 0x0.0p+0},
      {0x1.06eba8214db69p-3, 0x1.f2d11ab6af02bp-1, 0x1.410ff116c682cp-1, 0x1.341b087feae3fp-2, 0x1.b8d4b5c50e807p-4,
       0x1.d631872ff5245p-6, 0x1.75dd1a9fb5e50p-8, 0x1.bb366d20de24fp-11, 0x1.87b0c4f6bac2ep-14, 0x1.020d247cda1edp-17,
       0x1.faf20ec91319bp-22, 0x1.73358844ab86ep-26, 0x1.9543983b403d1p-31, 0x1.49d4616ecff46p-36,
       0x1.903964caf1ccdp-42, 0x1.6a08a97866d22p-48},
      {0x1.07a6d56462598p-61, -0x1.7e539ff9a7e5cp-2, -0x1.ec2ad5372c877p-2, -0x1.623aac4372879p-2,
       -0x1.51e1e2b2c5defp-3, -0x1.c27c194815579p-5, -0x1.add4d06e09d88p-7, -0x1.293e8fb3fb0d7p-9,
       -0x1.2c37c67cba0edp-12, -0x1.bd05cd7cdeeb2p-16, -0x1.e5b242491413dp-20, -0x1.8736e263f64dbp-24,
       -0x1.d1eeabf461349p-29, -0x1.9ace453bb46ccp-34, -0x1.0c69f0d15bb59p-39, -0x1.0424e202be239p-45},
      {-0x1.812746b0379e9p-2, -0x1.d5ba82abcf618p-3, 0x1.2b8fb9298f437p-5, 0x1.519b35801df45p-3, 0x1.0fd4417610a51p-3,
       0x1.f11a9e34402dcp-5, 0x1.2a4bd5df0c301p-6, 0x1.eeaa12bc07c12p-9, 0x1.227d320817540p-11, 0x1.ea2377e63ec98p-15,
       0x1.2ba9f0dd44064p-18, 0x1.0b21b5acc995dp-22, 0x1.5cadc3ea61ce6p-27, 0x1.4e3c992ea12d6p-32,
       0x1.d7b312d0567edp-38, 0x1.eaeff246d49c0p-44},
      {0x1.0bc61478094c4p-46, 0x1.58e46e3a8252cp-3, 0x1.2b693a7cc3289p-3, 0x1.50a344363e4e7p-6, -0x1.7ee1e91f7bde9p-5,
       -0x1.461b0ee3f2a5cp-5, -0x1.0f50140b382e6p-6, -0x1.1a35d055b042cp-8, -0x1.8b43a681158ebp-11,
       -0x1.818c9953fa6fbp-14, -0x1.0adda02c72b29p-17, -0x1.093a36ac129b0p-21, -0x1.7d765c43005e3p-26,
       -0x1.8f2d8c4e4f3c8p-31, -0x1.312a5bae1809bp-36, -0x1.55ee1328f0a40p-42},
      {0x1.ce2f21a03341fp-4, 0x1.60320535a6b11p-5, -0x1.c90ce44bbc0e0p-5, -0x1.e288b8bcee9b7p-5, -0x1.6dafa04f88759p-7,
       0x1.9345b78c94eb3p-7, 0x1.401b9c453bab2p-7, 0x1.c94114da024b8p-9, 0x1.8d95a4cf1011fp-11, 0x1.ca660b8459070p-14,
       0x1.6c23543e06c1cp-17, 0x1.9729fb43f7771p-21, 0x1.44b3fd2691532p-25, 0x1.74ad0e11ebfc2p-30,
       0x1.35c52f4f4c6bep-35, 0x1.76b4faa13f662p-41},
      {0x1.10137173e8c61p-35, -0x1.9ce04bb4510ebp-5, -0x1.95336c67a2a42p-6, 0x1.18138f1e6db1cp-6, 0x1.29a1fbde55a41p-6,
       0x1.69115915dbd47p-9, -0x1.929b9c7619e4ap-9, -0x1.025eb257d98c0p-9, -0x1.2ce8ff3b6759ap-11,
       -0x1.a83541e546b43p-14, -0x1.8a008af805c8dp-17, -0x1.f56a5174b018bp-21, -0x1.bee303891568fp-25,
       -0x1.1ad5ebe8af055p-29, -0x1.00a7dab23d739p-34, -0x1.50347ce1dd915p-40},
      {-0x1.b82ce3d19790ap-6, -0x1.352f346ef7bb8p-8, 0x1.3260d21ce5ecdp-6, 0x1.138dd0bc9e4fep-7, -0x1.5b4b411518225p-8,
       -0x1.22df5c05901bap-8, -0x1.42e6a8816298cp-12, 0x1.64a5dc2609854p-11, 0x1.51d88ffe3dc21p-12,
       0x1.34e582ff68286p-14, 0x1.58b6d9ae1febbp-17, 0x1.fafc27b5188ddp-21, 0x1.fddfae113563ap-25,
       0x1.663baab707747p-29, 0x1.648f173581593p-34, 0x1.fb95dc70ab503p-40},
      {0x1.65b849e0db609p-27, 0x1.70b4766f2e61dp-7, 0x1.c1f216ca9cff2p-10, -0x1.8e77bb872d144p-8,
       -0x1.e813a93224127p-10, 0x1.929e019fd3beap-10, 0x1.b5e709ce3baf2p-11, -0x1.1baa8a19af9e7p-15,
       -0x1.03f9017a1251fp-13, -0x1.5ee77cf219d04p-15, -0x1.ebac0b27f1cedp-18, -0x1.aadc8f2b6fcecp-21,
       -0x1.ea713d8a70e48p-25, -0x1.81942671ab042p-29, -0x1.a745422231846p-34, -0x1.48b971b9f8784p-39},
      {0x1.565a063a4d5e6p-8, -0x1.5725e7682333fp-15, -0x1.017416313def8p-8, -0x1.56c59f38cce60p-14,
       0x1.b461b9f85d314p-10, 0x1.b659a9c2dc2fcp-13, -0x1.80bb13274259dp-12, -0x1.d63bc0ed24e9bp-14,
       0x1.6de31b0a51e58p-16, 0x1.29a90fade99cap-16, 0x1.1caad0cec626ap-18, 0x1.2d4ce2617cec1p-21,
       0x1.9211323cef81fp-25, 0x1.6538ef6334fc5p-29, 0x1.b35202459b6a8p-34, 0x1.7291939f4ee51p-39},
      {0x1.87f4d7e77dfccp-21, -0x1.05c0d2681010ep-9, 0x1.375bd5b81fd78p-12, 0x1.2044fe6dd0d2dp-10,
       -0x1.7800aca2c6ac5p-13, -0x1.72500acbf90c9p-12, 0x1.53731d961e35ep-16, 0x1.1586e24658d40p-14,
       0x1.22d40e5153c17p-17, -0x1.424c8abc3eb3cp-18, -0x1.05944f742ec97p-19, -0x1.6445ba02e107ep-22,
       -0x1.1a8a98d4e2732p-25, -0x1.1f37c2aab9c3bp-29, -0x1.8771cbdb32cc3p-34, -0x1.6ef3fcac7d030p-39},
      {-0x1.c1eb1eb1ef7dbp-11, 0x1.31d2ab8667a32p-13, 0x1.3b4fb0af36e7dp-11, -0x1.c5f229aff97d4p-13,
       -0x1.d26ea72a4a2a7p-13, 0x1.748aae6dc4c51p-14, 0x1.b0ae853ba96d2p-15, -0x1.d33bed37996a4p-17,
       -0x1.19db9869cb952p-17, 0x1.d0c495e0022eep-24, 0x1.646273073e669p-21, 0x1.5cf5eb66f571cp-23,
       0x1.54fddc6703523p-26, 0x1.939afeff4778ap-30, 0x1.36d437311da38p-34, 0x1.4333dc83354e5p-39},
      {0x1.35c10ffda36adp-17, 0x1.2efc8f597a4edp-12, -0x1.f33b049e40854p-14, -0x1.0474dbc50642dp-13,
       0x1.598b277e05495p-14, 0x1.a9f090df344efp-16, -0x1.7991ca1539d43p-16, -0x1.05ac06ad1bda7p-18,
       0x1.8b07f4313ef5ep-19, 0x1.6b2f058b7ffd7p-21, -0x1.0d758479ad3bap-23, -0x1.13c8da9a5ba37p-24,
       -0x1.65f2a63d22baap-27, -0x1.ff4f98bdf1381p-31, -0x1.c7f6e62625d06p-35, -0x1.0c331e038f3a0p-39},
      {0x1.c4a5caac34f25p-14, -0x1.377eb1f88383dp-15, -0x1.249b5425994cfp-14, 0x1.b1be2e127a335p-15,
       0x1.8853633766930p-17, -0x1.4ac63dd35e848p-16, 0x1.72cec4e7e222bp-21, 0x1.d7cc888562793p-19,
       -0x1.b3b447ad3054cp-23, -0x1.8b22c514b6c7ep-22, -0x1.482167b71c78dp-26, 0x1.3c95c135a4d5dp-26,
       0x1.345d19206e282p-28, 0x1.107d1870c9d7cp-31, 0x1.1a761001ca87cp-35, 0x1.765af17891383p-40}};
};

// error 3.5e-10
template <> struct ErfTables<float> {
  static constexpr float inverse_width = 3.875;
  alignas(64) static constexpr float c[9][16] = {
      {0x0.0p+0f, 0x1.08519e0000000p-2f, 0x1.0843d40000000p-1f, 0x1.8c69a20000000p-1f, 0x1.0842540000000p+0f,
       0x1.4a53e80000000p+0f, 0x1.8c657a0000000p+0f, 0x1.ce740e0000000p+0f, 0x1.0842100000000p+1f,
       0x1.294a520000000p+1f, 0x1.4a52940000000p+1f, 0x1.6b5ad60000000p+1f, 0x1.8c63180000000p+1f,
       0x1.ad6b5a0000000p+1f, 0x1.ce739c0000000p+1f, 0x1.ef7bde0000000p+1f},
      {0x0.0p+0f, 0x1.23c21a0000000p-2f, 0x1.11b33a0000000p-1f, 0x1.73f2800000000p-1f, 0x1.b619d00000000p-1f,
       0x1.dd2b6a0000000p-1f, 0x1.f163620000000p-1f, 0x1.fa8f0c0000000p-1f, 0x1.fe34b80000000p-1f,
       0x1.ff7a260000000p-1f, 0x1.ffdd920000000p-1f, 0x1.fff8320000000p-1f, 0x1.fffe700000000p-1f,
       0x1.ffffba0000000p-1f, 0x1.fffff60000000p-1f, 0x1.fffffe0000000p-1f},
      {0x1.0000000000000p+0f, 0x0.0p+0f, 0x0.0p+0f, 0x0.0p+0f, 0x0.0p+0f, 0x0.0p+0f, 0x0.0p+0f, 0x0.0p+0f, 0x0.0p+0f,
       0x0.0p+0f, 0x0.0p+0f, 0x0.0p+0f, 0x0.0p+0f, 0x0.0p+0f, 0x0.0p+0f, 0x0.0p+0f},
      {0x1.06eba80000000p-3f, 0x1.0e3eea0000000p+0f, 0x1.ba9dd60000000p-1f, 0x1.3d3d120000000p-1f,
       0x1.8e18280000000p-2f, 0x1.b5361a0000000p-3f, 0x1.a448fe0000000p-4f, 0x1.61af180000000p-5f,
       0x1.0480e20000000p-6f, 0x1.4fe1820000000p-8f, 0x1.7b10220000000p-10f, 0x1.7672c80000000p-12f,
       0x1.43c3420000000p-14f, 0x1.ea0e7a0000000p-17f, 0x1.44a18a0000000p-19f, 0x1.7875a80000000p-22f},
      {-0x1.1e653c0000000p-25f, -0x1.17070a0000000p-2f, -0x1.c8e80a0000000p-2f, -0x1.eb3d5e0000000p-2f,
       -0x1.9af00e0000000p-2f, -0x1.1a13840000000p-2f, -0x1.4563c00000000p-3f, -0x1.3f752c0000000p-4f,
       -0x1.0ce8240000000p-5f, -0x1.860e220000000p-7f, -0x1.e91d100000000p-9f, -0x1.09bccc0000000p-10f,
       -0x1.f54f4e0000000p-13f, -0x1.9b03c80000000p-15f, -0x1.2536f00000000p-17f, -0x1.6c50900000000p-20f},
      {-0x1.81267c0000000p-2f, -0x1.384f360000000p-2f, -0x1.13b8160000000p-3f, 0x1.50832a0000000p-5f,
       0x1.2c31760000000p-3f, 0x1.538ff80000000p-3f, 0x1.09d9240000000p-3f, 0x1.45c7ec0000000p-4f,
       0x1.46b1c00000000p-5f, 0x1.11fd140000000p-6f, 0x1.8525c60000000p-8f, 0x1.d7ac7c0000000p-10f,
       0x1.ea73e40000000p-12f, 0x1.b723080000000p-14f, 0x1.5380ec0000000p-16f, 0x1.c6390a0000000p-19f},
      {-0x1.a223380000000p-14f, 0x1.0aa15e0000000p-3f, 0x1.77c17c0000000p-3f, 0x1.26ec2c0000000p-3f,
       0x1.dc13460000000p-5f, -0x1.f061680000000p-7f, -0x1.856e480000000p-5f, -0x1.7788680000000p-5f,
       -0x1.ef310a0000000p-6f, -0x1.fa58540000000p-7f, -0x1.a49ddc0000000p-8f, -0x1.2275e40000000p-9f,
       -0x1.51f5040000000p-11f, -0x1.4e19700000000p-13f, -0x1.1a44180000000p-15f, -0x1.9951120000000p-18f},
      {0x1.d44bd20000000p-4f, 0x1.3e20b40000000p-4f, 0x1.5e89ba0000000p-9f, -0x1.ce78480000000p-5f,
       -0x1.14fc9a0000000p-4f, -0x1.570a140000000p-5f, -0x1.3bbfe20000000p-7f, 0x1.2aef140000000p-7f,
       0x1.a7b75a0000000p-7f, 0x1.31e0a40000000p-7f, 0x1.3e825c0000000p-8f, 0x1.04eb620000000p-9f,
       0x1.5ce89c0000000p-11f, 0x1.8459760000000p-13f, 0x1.6c18fe0000000p-15f, 0x1.21d21c0000000p-17f},
      {-0x1.5200240000000p-7f, -0x1.5168780000000p-5f, -0x1.925be40000000p-5f, -0x1.83e2600000000p-6f,
       0x1.fc83700000000p-8f, 0x1.676e580000000p-6f, 0x1.1f5a0e0000000p-6f, 0x1.b565c60000000p-8f,
       -0x1.bb3ca20000000p-11f, -0x1.9511560000000p-9f, -0x1.4175ea0000000p-9f, -0x1.50309c0000000p-10f,
       -0x1.0b9d7e0000000p-11f, -0x1.55b7240000000p-13f, -0x1.6726660000000p-15f, -0x1.3b70c80000000p-17f}};
};

template <class T> struct ErfcPoly;
// (S - S(4)) / y, S = (1 + 2 x) exp(x^2) erfc(x), y = (x - 4) / (x + 4), on [-1, 0.75], error 1.1e-18
template <> struct ErfcPoly<double> {
  static constexpr double c[24] = {
      -1.3962111684056251e-1, 1.5379652102620052e-2,  6.8097054254691919e-2,  -1.0103906603632623e-1,
      9.373283499837262e-2,   -6.6330365811611272e-2, 3.7167515537237703e-2,  -1.6197734066401764e-2,
      5.031969978059567e-3,   -7.5777321777232552e-4, -1.9925667524864164e-4, 1.5062131699651504e-4,
      -2.4399391641873119e-5, -1.1220887376983653e-5, 5.7105132365768691e-6,  2.9155195932821495e-7,
      -8.2740008980977991e-7, 7.7234384001042554e-8,  1.1299168917174985e-7,  -1.9319188564251454e-8,
      -1.6501485592743206e-8, 1.7904116881497134e-9,  2.0965902961627319e-9,  2.7760247937353168e-10};
};

// S(4), in two parts.
inline constexpr double erfc_middle = 1.2329951186255526;
inline constexpr double erfc_middle_lo = -4.625318921008717e-17;

template <class T> struct ErfinvPoly;
// erfinv(x) / x, w = -log(1 - x^2), in w - 3.125 on [-3.125, 3.125], error 3.5e-17
template <> struct ErfinvPoly<double> {
  static constexpr double c[24] = {
      1.6536545626831027,      2.4015818242558832e-1,   -6.0336708714278499e-3,  -7.4070253415447699e-4,
      1.8673420802464838e-4,   -1.3882523394405317e-5,  -1.3654691850603575e-6,  4.2347881737823393e-7,
      -2.9070382262927266e-8,  -4.1126608200232401e-9,  1.0512181539804127e-9,   -5.4142871980847161e-11,
      -1.2976885526532076e-11, 2.6304834740560441e-12,  -8.1183994430743532e-14, -4.0012377350918959e-14,
      6.5964077124208341e-15,  -4.0282154327661742e-17, -1.3016928016796445e-16, 1.5574320246233252e-17,
      1.150022252066253e-18,   -3.4996044354754178e-19, -1.1134837698327019e-21, 3.2407044593799019e-21};
};

template <class T> struct ErfinvTailPoly;
// erfinv(x) / x, w = -log(1 - x^2), in sqrt(w) - 3.25 on [-0.75, 0.75], error 5.1e-17
template <> struct ErfinvTailPoly<double> {
  static constexpr double c[20] = {
      3.0838856104922206,     1.0052589676941653,     5.3709145535716796e-3,  -3.7512085082155611e-3,
      2.4914420969817609e-3,  -1.6882755357337072e-3, 9.5328936374356372e-4,  -3.5503780975963811e-4,
      2.4031257015092524e-5,  6.8287086547533767e-5,  -4.7318984120112455e-5, 1.2465167157087252e-5,
      2.9257291901789825e-6,  -3.986084395214756e-6,  1.4987130784186126e-6,  -2.7004219280868946e-8,
      -2.7134511054394561e-7, 1.3104351499972014e-7,  6.969241977629694e-10,  -1.5102695423335064e-8};
};

template <class T> struct ErfinvFarPoly;
// erfinv(x) / x, w = -log(1 - x^2), in sqrt(w) - 5 on [-1, 1.01], error 2.7e-17
template <> struct ErfinvFarPoly<double> {
  static constexpr double c[19] = {
      4.8499064014085843,     1.0103004648645453,     -1.3871931837939019e-4, -2.1503011982656273e-4,
      7.5995278076047762e-5,  -1.9681770719043677e-5, 4.5260527437909504e-6,  -9.9302927406069e-7,
      2.2905167804867149e-7,  -6.7556504114300564e-8, 2.9021987809100163e-8,  -1.525464535688987e-8,
      7.8157010288422218e-9,  -3.471592786518304e-9,  1.3217356090705065e-9,  -4.3752073162016195e-10,
      6.6461447343258414e-11, 4.2883063927487058e-11, -1.9689317019622418e-11};
};

template <class T> struct LgammaPoly;
// lgamma(x) / ((x - 1) (x - 2)) in x - 1.85 on [-1.15, 1.15], error 1.8e-18
template <> struct LgammaPoly<double> {
  static constexpr double c[36] = {
      4.386181413306453e-1,   -1.1111600481590588e-1, 3.9291515016041579e-2,  -1.5927547360780393e-2,
      6.9439698812864928e-3,  -3.1643055928327969e-3, 1.4847121731108343e-3,  -7.1106853632754659e-4,
      3.4572158864899183e-4,  -1.7003515348138334e-4, 8.4389562230787298e-5,  -4.2191318051852692e-5,
      2.1221234246696324e-5,  -1.0729043015059979e-5, 5.4533664117804556e-6,  -2.7798877807459843e-6,
      1.4039819494707708e-6,  -7.1992142028082697e-7, 4.1595060388832519e-7,  -2.1501397332738623e-7,
      2.2769700853481663e-8,  -1.0888565721666724e-8, 1.3513316408139357e-7,  -7.1266865710416917e-8,
      -1.0691334275547092e-7, 5.6651070241940631e-8,  9.1021051617624511e-8,  -4.8162627593048346e-8,
      -4.9569000992888734e-8, 2.623754815963286e-8,   1.9509735115443936e-8,  -1.0323866405458899e-8,
      -4.6173295758105292e-9, 2.4432918764827632e-9,  5.5478998693729034e-10, -2.9344324417088431e-10};
};

template <class T> struct CbrtPoly;
// cbrt(x) on [0.35, 2.83], error 0.0025
template <> struct CbrtPoly<double> {
  static constexpr double c[5] = {4.6174786986993522e-1, 8.2611957709946871e-1, -3.861486562709333e-1,
                                  1.1244671750560331e-1, -1.3125671643447521e-2};
};
// cbrt(x) on [0.35, 2.83], error 0.0025
template <> struct CbrtPoly<float> {
  static constexpr float c[5] = {4.6174787e-1f, 8.26119577e-1f, -3.86148656e-1f, 1.12446718e-1f, -1.31256716e-2f};
};

template <class T> struct DigammaPoly;
// digamma(x) / (x - x0) in x - 2 on [-1, 1], error 2.5e-18
template <> struct DigammaPoly<double> {
  static constexpr double c[31] = {
      7.8530753860410527e-1,  -2.6073895468300143e-1, 1.0899991701762842e-1, -4.9551032917667674e-2,
      2.3447309597562315e-2,  -1.1338432553553088e-2, 5.5522541761638537e-3, -2.739572878878444e-3,
      1.358142115660262e-3,   -6.7531341727714226e-4, 3.3643307392409801e-4, -1.6781485745549609e-4,
      8.3775415337548363e-5,  -4.1847758637407614e-5, 2.0909442794337021e-5, -1.043615113408139e-5,
      5.2164854451312009e-6,  -2.6450069563210819e-6, 1.3223276462076578e-6, -5.8782820132704882e-7,
      2.9389462098992941e-7,  -2.5162239592946483e-7, 1.2580902992163339e-7, 4.4674108571864295e-8,
      -2.2337287908168015e-8, -6.6287367055626538e-8, 3.3143652492052558e-8, 2.0501183895194647e-8,
      -1.0250592958849891e-8, -5.4669888399440215e-9, 2.7334936115473567e-9};
};

// The positive zero of digamma, in two parts.
inline constexpr double digamma_root = 1.4616321449683622;
inline constexpr double digamma_root_lo = 9.549995429965697e-17;

// 1 / (2 k + 1), in three parts.
struct AtanhSeries {
  static constexpr int pair_terms = 22, pair_exact = 12;
  static constexpr double c[26][3] = {{0x1.0000000000000p+0, 0x0.0p+0, 0x0.0p+0},
                                      {0x1.5555555555555p-2, 0x1.5555555555555p-56, 0x1.5555555555555p-110},
                                      {0x1.999999999999ap-3, -0x1.999999999999ap-57, 0x1.999999999999ap-111},
                                      {0x1.2492492492492p-3, 0x1.2492492492492p-57, 0x1.2492492492492p-111},
                                      {0x1.c71c71c71c71cp-4, 0x1.c71c71c71c71cp-58, 0x1.c71c71c71c71cp-112},
                                      {0x1.745d1745d1746p-4, -0x1.745d1745d1746p-59, 0x1.745d1745d1746p-114},
                                      {0x1.3b13b13b13b14p-4, -0x1.3b13b13b13b14p-58, 0x1.3b13b13b13b14p-112},
                                      {0x1.1111111111111p-4, 0x1.1111111111111p-60, 0x1.1111111111111p-116},
                                      {0x1.e1e1e1e1e1e1ep-5, 0x1.e1e1e1e1e1e1ep-61, 0x1.e1e1e1e1e1e1ep-117},
                                      {0x1.af286bca1af28p-5, 0x1.af286bca1af28p-59, 0x1.af286bca1af28p-113},
                                      {0x1.8618618618618p-5, 0x1.8618618618618p-59, 0x1.8618618618618p-113},
                                      {0x1.642c8590b2164p-5, 0x1.642c8590b2164p-60, 0x1.642c8590b2164p-115},
                                      {0x1.47ae147ae147bp-5, -0x1.eb851eb851eb8p-61, -0x1.47ae147ae147bp-115},
                                      {0x1.2f684bda12f68p-5, 0x1.2f684bda12f68p-59, 0x1.2f684bda12f68p-113},
                                      {0x1.1a7b9611a7b96p-5, 0x1.1a7b9611a7b96p-61, 0x1.1a7b9611a7b96p-117},
                                      {0x1.0842108421084p-5, 0x1.0842108421084p-60, 0x1.0842108421084p-115},
                                      {0x1.f07c1f07c1f08p-6, -0x1.f07c1f07c1f08p-61, 0x1.f07c1f07c1f08p-116},
                                      {0x1.d41d41d41d41dp-6, 0x1.0750750750750p-60, 0x1.d41d41d41d41dp-114},
                                      {0x1.bacf914c1bad0p-6, -0x1.bacf914c1bad0p-60, 0x1.bacf914c1bad0p-114},
                                      {0x1.a41a41a41a41ap-6, 0x1.0690690690690p-60, 0x1.a41a41a41a41ap-114},
                                      {0x1.8f9c18f9c18fap-6, -0x1.f3831f3831f38p-61, -0x1.8f9c18f9c18fap-116},
                                      {0x1.7d05f417d05f4p-6, 0x1.7d05f417d05f4p-62, 0x1.7d05f417d05f4p-118},
                                      {0x1.6c16c16c16c17p-6, -0x1.f49f49f49f49fp-61, -0x1.27d27d27d27d2p-115},
                                      {0x1.5c9882b931057p-6, 0x1.310572620ae4cp-61, 0x1.0572620ae4c41p-115},
                                      {0x1.4e5e0a72f0539p-6, 0x1.e0a72f0539783p-60, -0x1.8d0fac687d634p-114},
                                      {0x1.4141414141414p-6, 0x1.4141414141414p-62, 0x1.4141414141414p-118}};
};

// (-1)^k / (2 k + 1)!, in three parts.
struct SinSeries {
  static constexpr int pair_terms = 15, pair_exact = 10;
  static constexpr double c[18][3] = {{0x1.0000000000000p+0, 0x0.0p+0, 0x0.0p+0},
                                      {-0x1.5555555555555p-3, -0x1.5555555555555p-57, -0x1.5555555555555p-111},
                                      {0x1.1111111111111p-7, 0x1.1111111111111p-63, 0x1.1111111111111p-119},
                                      {-0x1.a01a01a01a01ap-13, -0x1.a01a01a01a01ap-73, -0x1.a01a01a01a01ap-133},
                                      {0x1.71de3a556c734p-19, -0x1.c154f8ddc6c00p-73, 0x1.71de3a556c734p-127},
                                      {-0x1.ae64567f544e4p-26, 0x1.c062e06d1f209p-80, -0x1.c7880adcbc46ep-136},
                                      {0x1.6124613a86d09p-33, 0x1.f28e0cc748ebep-87, -0x1.7b2c4c8a840bcp-141},
                                      {-0x1.ae7f3e733b81fp-41, -0x1.1d8656b0ee8cbp-97, 0x1.6e142a138f825p-157},
                                      {0x1.952c77030ad4ap-49, 0x1.ac981465ddc6cp-103, -0x1.588b72e53bc5fp-165},
                                      {-0x1.2f49b46814157p-57, -0x1.2650f61dbdcb4p-112, 0x1.69502917cbf3bp-166},
                                      {0x1.71b8ef6dcf572p-66, -0x1.d043ae40c4647p-120, 0x1.486121e81d5fep-176},
                                      {-0x1.761b41316381ap-75, 0x1.3423c7d91404fp-130, -0x1.e6135bfc1194ap-185},
                                      {0x1.3f3ccdd165fa9p-84, -0x1.58ddadf344487p-139, -0x1.e8ed8001ad67ep-193},
                                      {-0x1.d1ab1c2dccea3p-94, -0x1.054d0c78aea14p-149, 0x1.196bf16c33a56p-203},
                                      {0x1.259f98b4358adp-103, 0x1.eaf8c39dd9bc5p-157, -0x1.6e29990a26fb6p-211},
                                      {-0x1.434d2e783f5bcp-113, -0x1.0b87b91be9affp-167, -0x1.c89db1796db75p-224},
                                      {0x1.3981254dd0d52p-123, -0x1.2b1f4c8015a2fp-177, -0x1.d82af23edb6dbp-231},
                                      {-0x1.0dc59c716d91fp-133, -0x1.419e3fad3f031p-188, -0x1.d9d7ed1981ffcp-244}};
};

// (-1)^k / (2 k)!, in three parts.
struct CosSeries {
  static constexpr int pair_terms = 16, pair_exact = 10;
  static constexpr double c[18][3] = {{0x1.0000000000000p+0, 0x0.0p+0, 0x0.0p+0},
                                      {-0x1.0000000000000p-1, 0x0.0p+0, 0x0.0p+0},
                                      {0x1.5555555555555p-5, 0x1.5555555555555p-59, 0x1.5555555555555p-113},
                                      {-0x1.6c16c16c16c17p-10, 0x1.f49f49f49f49fp-65, 0x1.27d27d27d27d2p-119},
                                      {0x1.a01a01a01a01ap-16, 0x1.a01a01a01a01ap-76, 0x1.a01a01a01a01ap-136},
                                      {-0x1.27e4fb7789f5cp-22, -0x1.cbbc05b4fa99ap-76, 0x1.c6d278883e8f5p-132},
                                      {0x1.1eed8eff8d898p-29, -0x1.2aec959e14c06p-83, 0x1.2fb0073dd2d9ep-139},
                                      {-0x1.93974a8c07c9dp-37, -0x1.05d6f8a2efd1fp-92, -0x1.3aa3346236a5dp-147},
                                      {0x1.ae7f3e733b81fp-45, 0x1.1d8656b0ee8cbp-101, -0x1.6e142a138f825p-161},
                                      {-0x1.6827863b97d97p-53, -0x1.eec01221a8b0bp-107, 0x1.568798662118bp-161},
                                      {0x1.e542ba4020225p-62, 0x1.ea72b4afe3c2fp-120, -0x1.44020dfd65c8cp-174},
                                      {-0x1.0ce396db7f853p-70, 0x1.aebcdbd20331cp-124, 0x1.38a88578b4d75p-178},
                                      {0x1.f2cf01972f578p-80, -0x1.9ada5fcc1ab14p-135, 0x1.440ce7fd610dcp-189},
                                      {-0x1.88e85fc6a4e5ap-89, 0x1.71c37ebd16540p-143, -0x1.494676265a364p-197},
                                      {0x1.0a18a2635085dp-98, 0x1.b9e2e28e1aa54p-153, 0x1.a8549a9d99586p-207},
                                      {-0x1.3932c5047d60ep-108, -0x1.832b7b530a627p-162, -0x1.5d2c61f6d124cp-218},
                                      {0x1.434d2e783f5bcp-118, 0x1.0b87b91be9affp-172, 0x1.c89db1796db75p-229},
                                      {-0x1.2710231c0fd7ap-128, -0x1.3f8a2b4af9d6bp-184, -0x1.c32215a9f317ep-238}};
};

// B(2 k) / (2 k (2 k - 1)), k = 1, 2, …, in three parts.
struct StirlingSeries {
  static constexpr int pair_terms = 16, pair_exact = 8;
  static constexpr double c[28][3] = {{0x1.5555555555555p-4, 0x1.5555555555555p-58, 0x1.5555555555555p-112},
                                      {-0x1.6c16c16c16c17p-9, 0x1.f49f49f49f49fp-64, 0x1.27d27d27d27d2p-118},
                                      {0x1.a01a01a01a01ap-11, 0x1.a01a01a01a01ap-71, 0x1.a01a01a01a01ap-131},
                                      {-0x1.3813813813814p-11, 0x1.fb1fb1fb1fb20p-65, -0x1.3813813813814p-119},
                                      {0x1.b951e2b18ff23p-11, 0x1.5c3a9ce01b952p-65, -0x1.d4e700dca8f16p-121},
                                      {-0x1.f6ab0d9993c7dp-10, 0x1.f82553c999b0ep-64, 0x1.bf04aa7933362p-121},
                                      {0x1.a41a41a41a41ap-8, 0x1.0690690690690p-62, 0x1.a41a41a41a41ap-116},
                                      {-0x1.e4286cb0f5398p-6, 0x1.1efcdab896745p-61, 0x1.1806f5e4d3c2bp-116},
                                      {0x1.6fe96381e0680p-3, -0x1.79e2405a71f88p-61, 0x1.9ffe861dbfa59p-117},
                                      {-0x1.6476701181f3ap+0, 0x1.24246319da678p-56, 0x1.59f8b74eb3e0bp-111},
                                      {0x1.ace44322ce006p+3, -0x1.62c2b1bbcdd32p-51, 0x1.69d3d4e44322dp-113},
                                      {-0x1.39b2525cccc1bp+7, 0x1.52604768a30fcp-47, 0x1.ae3125dab6b69p-103},
                                      {0x1.12234e81b4e82p+11, -0x1.2c5f92c5f92c6p-43, 0x1.b4e81b4e81b4fp-101},
                                      {-0x1.1a198ae1c4ab8p+15, 0x1.4c012227b696ep-41, 0x1.c98d64da3a05bp-101},
                                      {0x1.51a2089a6e11ap+19, 0x1.c219ee4fdc447p-36, -0x1.8cd448d3fe59fp-90},
                                      {-0x1.d1089b142d357p+23, -0x1.e2030b4d5de20p-31, -0x1.85a6aef10185ap-86},
                                      {0x1.6d29a0f6433b8p+28, -0x1.9dbcc48676f31p-26, -0x1.0cede62433b7ap-81},
                                      {-0x1.445119d9e466fp+33, 0x1.5159fdb2a3b69p-22, -0x1.858d36a2301e5p-76},
                                      {0x1.43779bc9d4025p+38, -0x1.95e8efdb195e9p-18, 0x1.024e6a171024ep-74},
                                      {-0x1.6800b7bc07a8dp+43, 0x1.eaede53f475a8p-11, 0x1.37abb794fd1d7p-65},
                                      {0x1.bc8cd6f8f1f75p+48, 0x1.71e1d4f36d757p-6, 0x1.1b663bbb2b27ap-61},
                                      {-0x1.2efaec50eee53p+54, -0x1.e5a0284fa7ec4p+0, -0x1.1912dc80df178p-55},
                                      {0x1.c5c266feb5e18p+59, -0x1.26f494f5cad2bp+4, -0x1.9946f84b34d06p-53},
                                      {-0x1.73c1280b15b12p+65, -0x1.6b4f92ff986cep+6, 0x1.15df627277e53p-50},
                                      {0x1.4befddf3ce359p+71, -0x1.bfe6caa599ba0p+13, -0x1.810770e171d4ap-41},
                                      {-0x1.41df01caf2a81p+77, -0x1.3369924971b22p+20, 0x1.b6e596b2110f7p-34},
                                      {0x1.51d7fc91b42fcp+83, -0x1.333437c4fa799p+29, 0x1.2b763ac3cbdfap-31},
                                      {-0x1.7eb054866aadfp+89, -0x1.8b9264ad5ab66p+35, 0x1.3d10c45e4a10fp-22}};
};

// -B(2 k) / (2 k), k = 1, 2, …, in three parts.
struct DigammaSeries {
  static constexpr int pair_terms = 16, pair_exact = 8;
  static constexpr double c[28][3] = {{-0x1.5555555555555p-4, -0x1.5555555555555p-58, -0x1.5555555555555p-112},
                                      {0x1.1111111111111p-7, 0x1.1111111111111p-63, 0x1.1111111111111p-119},
                                      {-0x1.0410410410410p-8, -0x1.0410410410410p-62, -0x1.0410410410410p-116},
                                      {0x1.1111111111111p-8, 0x1.1111111111111p-64, 0x1.1111111111111p-120},
                                      {-0x1.f07c1f07c1f08p-8, 0x1.f07c1f07c1f08p-63, -0x1.f07c1f07c1f08p-118},
                                      {0x1.5995995995996p-6, -0x1.9a99a99a99a9ap-60, 0x1.5995995995996p-114},
                                      {-0x1.5555555555555p-4, -0x1.5555555555555p-58, -0x1.5555555555555p-112},
                                      {0x1.c5e5e5e5e5e5ep-2, 0x1.7979797979798p-56, -0x1.a1a1a1a1a1a1ap-110},
                                      {-0x1.86e7f9b9fe6e8p+1, 0x1.9180646019180p-57, 0x1.9180646019180p-111},
                                      {0x1.a74ca514ca515p+4, -0x1.ad759ad759ad7p-51, -0x1.66b5d66b5d66bp-105},
                                      {-0x1.1975cc0ed7304p+8, 0x1.28cfc4a33f129p-46, -0x1.81dae6076b982p-101},
                                      {0x1.c2f0566566566p+11, 0x1.5995995995996p-43, -0x1.9a99a99a99a9ap-97},
                                      {-0x1.ac572aaaaaaabp+15, 0x1.5555555555555p-39, 0x1.5555555555555p-93},
                                      {0x1.dc0b1a5cfbe16p+19, 0x1.73ef85973ef86p-35, -0x1.a3041e9a3041fp-89},
                                      {-0x1.31fad7cbf3c00p+24, 0x1.e8188007a0620p-31, 0x1.e8188007a0620p-91},
                                      {0x1.c280563b8bcbdp+28, -0x1.0d0d0d0d0d0d1p-26, 0x1.7979797979798p-81},
                                      {-0x1.7892edfdf5555p+33, -0x1.5555555555555p-21, -0x1.5555555555555p-75},
                                      {0x1.62b8b44651d09p+38, 0x1.cf0592849cf06p-17, -0x1.b5ed8c3e9b5eep-71},
                                      {-0x1.76024c215d22bp+43, 0x1.5555555555555p-11, 0x1.5555555555555p-65},
                                      {0x1.b6c0dfed2955bp+48, 0x1.09ae109ae109bp-6, -0x1.ef651ef651ef6p-62},
                                      {-0x1.1cca39b77b027p+54, -0x1.79e958d7e43e8p-1, 0x1.6a7281bc185aap-55},
                                      {0x1.97212d8cc1040p+59, 0x1.591e6c56134afp+4, 0x1.e6c56134af1e7p-52},
                                      {-0x1.3f0cb06b17e29p+65, 0x1.cf63f8bcd29c2p+10, 0x1.13f8bcd29c245p-44},
                                      {0x1.1101d96823ee1p+71, 0x1.d0ace6ff3b3f0p+16, -0x1.8982018982019p-41},
                                      {-0x1.fc474bdd53c20p+76, -0x1.ea44d3364d936p+21, -0x1.364d9364d9365p-33},
                                      {0x1.007db56db95dfp+83, -0x1.62c1f7db5e598p+28, -0x1.3f6fbd0579661p-26},
                                      {-0x1.17c6dd28a9378p+89, -0x1.c198c1d0e0935p+35, -0x1.33dff7a2a8935p-19},
                                      {0x1.48df88a383ad8p+95, -0x1.c0e317b060b46p+37, -0x1.07a68c107a68cp-20}};
};

// 1 / (k + 1)!, in three parts.
struct ExpSeries {
  static constexpr int pair_terms = 15, pair_exact = 5;
  static constexpr double c[32][3] = {{0x1.0000000000000p+0, 0x0.0p+0, 0x0.0p+0},
                                      {0x1.0000000000000p-1, 0x0.0p+0, 0x0.0p+0},
                                      {0x1.5555555555555p-3, 0x1.5555555555555p-57, 0x1.5555555555555p-111},
                                      {0x1.5555555555555p-5, 0x1.5555555555555p-59, 0x1.5555555555555p-113},
                                      {0x1.1111111111111p-7, 0x1.1111111111111p-63, 0x1.1111111111111p-119},
                                      {0x1.6c16c16c16c17p-10, -0x1.f49f49f49f49fp-65, -0x1.27d27d27d27d2p-119},
                                      {0x1.a01a01a01a01ap-13, 0x1.a01a01a01a01ap-73, 0x1.a01a01a01a01ap-133},
                                      {0x1.a01a01a01a01ap-16, 0x1.a01a01a01a01ap-76, 0x1.a01a01a01a01ap-136},
                                      {0x1.71de3a556c734p-19, -0x1.c154f8ddc6c00p-73, 0x1.71de3a556c734p-127},
                                      {0x1.27e4fb7789f5cp-22, 0x1.cbbc05b4fa99ap-76, -0x1.c6d278883e8f5p-132},
                                      {0x1.ae64567f544e4p-26, -0x1.c062e06d1f209p-80, 0x1.c7880adcbc46ep-136},
                                      {0x1.1eed8eff8d898p-29, -0x1.2aec959e14c06p-83, 0x1.2fb0073dd2d9ep-139},
                                      {0x1.6124613a86d09p-33, 0x1.f28e0cc748ebep-87, -0x1.7b2c4c8a840bcp-141},
                                      {0x1.93974a8c07c9dp-37, 0x1.05d6f8a2efd1fp-92, 0x1.3aa3346236a5dp-147},
                                      {0x1.ae7f3e733b81fp-41, 0x1.1d8656b0ee8cbp-97, -0x1.6e142a138f825p-157},
                                      {0x1.ae7f3e733b81fp-45, 0x1.1d8656b0ee8cbp-101, -0x1.6e142a138f825p-161},
                                      {0x1.952c77030ad4ap-49, 0x1.ac981465ddc6cp-103, -0x1.588b72e53bc5fp-165},
                                      {0x1.6827863b97d97p-53, 0x1.eec01221a8b0bp-107, -0x1.568798662118bp-161},
                                      {0x1.2f49b46814157p-57, 0x1.2650f61dbdcb4p-112, -0x1.69502917cbf3bp-166},
                                      {0x1.e542ba4020225p-62, 0x1.ea72b4afe3c2fp-120, -0x1.44020dfd65c8cp-174},
                                      {0x1.71b8ef6dcf572p-66, -0x1.d043ae40c4647p-120, 0x1.486121e81d5fep-176},
                                      {0x1.0ce396db7f853p-70, -0x1.aebcdbd20331cp-124, -0x1.38a88578b4d75p-178},
                                      {0x1.761b41316381ap-75, -0x1.3423c7d91404fp-130, 0x1.e6135bfc1194ap-185},
                                      {0x1.f2cf01972f578p-80, -0x1.9ada5fcc1ab14p-135, 0x1.440ce7fd610dcp-189},
                                      {0x1.3f3ccdd165fa9p-84, -0x1.58ddadf344487p-139, -0x1.e8ed8001ad67ep-193},
                                      {0x1.88e85fc6a4e5ap-89, -0x1.71c37ebd16540p-143, 0x1.494676265a364p-197},
                                      {0x1.d1ab1c2dccea3p-94, 0x1.054d0c78aea14p-149, -0x1.196bf16c33a56p-203},
                                      {0x1.0a18a2635085dp-98, 0x1.b9e2e28e1aa54p-153, 0x1.a8549a9d99586p-207},
                                      {0x1.259f98b4358adp-103, 0x1.eaf8c39dd9bc5p-157, -0x1.6e29990a26fb6p-211},
                                      {0x1.3932c5047d60ep-108, 0x1.832b7b530a627p-162, 0x1.5d2c61f6d124cp-218},
                                      {0x1.434d2e783f5bcp-113, 0x1.0b87b91be9affp-167, 0x1.c89db1796db75p-224},
                                      {0x1.434d2e783f5bcp-118, 0x1.0b87b91be9affp-172, 0x1.c89db1796db75p-229}};
};

// ln 2, pi, log(2 pi) / 2, in three parts.
struct GammaConstants {
  static constexpr double c[3][3] = {{0x1.62e42fefa39efp-1, 0x1.abc9e3b39803fp-56, 0x1.7b57a079a1934p-111},
                                     {0x1.921fb54442d18p+1, 0x1.1a62633145c07p-53, -0x1.f1976b7ed8fbcp-109},
                                     {0x1.d67f1c864beb5p-1, -0x1.65b5a1b7ff5dfp-55, -0x1.b7f70c13dc1ccp-110}};
};

// The bits of 2/pi after the binary point, 64 a word, for the reduction of huge angles.
inline constexpr uint64_t two_over_pi[20] = {
    0xa2f9836e4e441529, 0xfc2757d1f534ddc0, 0xdb6295993c439041, 0xfe5163abdebbc561, 0xb7246e3a424dd2e0,
    0x06492eea09d1921c, 0xfe1deb1cb129a73e, 0xe88235f52ebb4484, 0xe99c7026b45f7e41, 0x3991d639835339f4,
    0x9c845f8bbdf9283b, 0x1ff897ffde05980f, 0xef2f118b5a0a6d1f, 0x6d367ecf27cb09b7, 0x4f463f669e5fea2d,
    0x7527bac7ebe5f17b, 0x3d0739f78a5292ea, 0x6bfb5fb11f8d5d08, 0x56033046fc7b6bab, 0xf0cfbc209af4361d};

}  // namespace wengert::simd::WG_TARGET
