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
// 1 / c, c in the middle of an interval of m, to ten bits
template <> struct LogInverse<double> {
  alignas(64) static constexpr double c[16] = {
      0x1.0000000000000p+0, 0x1.d400000000000p-1, 0x1.bb00000000000p-1, 0x1.a400000000000p-1,
      0x1.8f80000000000p-1, 0x1.7d00000000000p-1, 0x1.6c00000000000p-1, 0x1.5c80000000000p-1,
      0x1.4e40000000000p+0, 0x1.4140000000000p+0, 0x1.3540000000000p+0, 0x1.2a00000000000p+0,
      0x1.1f80000000000p+0, 0x1.15c0000000000p+0, 0x1.0c80000000000p+0, 0x1.0000000000000p+0};
};
template <> struct LogInverse<float> {
  alignas(64) static constexpr float c[16] = {
      0x1.0000000000000p+0f, 0x1.d400000000000p-1f, 0x1.bb00000000000p-1f, 0x1.a400000000000p-1f,
      0x1.8f80000000000p-1f, 0x1.7d00000000000p-1f, 0x1.6c00000000000p-1f, 0x1.5c80000000000p-1f,
      0x1.4e40000000000p+0f, 0x1.4140000000000p+0f, 0x1.3540000000000p+0f, 0x1.2a00000000000p+0f,
      0x1.1f80000000000p+0f, 0x1.15c0000000000p+0f, 0x1.0c80000000000p+0f, 0x1.0000000000000p+0f};
};

template <class T> struct LogCentre;
// log(c)
template <> struct LogCentre<double> {
  alignas(64) static constexpr double c[16] = {0x0.0p+0,
                                               0x1.700d30aeac0e1p-4,
                                               0x1.28753bc11aba5p-3,
                                               0x1.95a5adcf7017fp-3,
                                               0x1.fc218be620a5ep-3,
                                               0x1.2e9e2bce12286p-2,
                                               0x1.5d5bddf595f30p-2,
                                               0x1.89eb3af432874p-2,
                                               -0x1.111ce4003ee4dp-2,
                                               -0x1.d0fb7f2255e51p-3,
                                               -0x1.83040c91bcf2ep-3,
                                               -0x1.371fc201e8f74p-3,
                                               -0x1.db5270187d927p-4,
                                               -0x1.4e01108a35ae6p-4,
                                               -0x1.868a83083f6cfp-5,
                                               0x0.0p+0};
};
template <> struct LogCentre<float> {
  alignas(64) static constexpr float c[16] = {0x0.0p+0f,
                                              0x1.700d300000000p-4f,
                                              0x1.28753c0000000p-3f,
                                              0x1.95a5ae0000000p-3f,
                                              0x1.fc218c0000000p-3f,
                                              0x1.2e9e2c0000000p-2f,
                                              0x1.5d5bde0000000p-2f,
                                              0x1.89eb3a0000000p-2f,
                                              -0x1.111ce40000000p-2f,
                                              -0x1.d0fb800000000p-3f,
                                              -0x1.83040c0000000p-3f,
                                              -0x1.371fc20000000p-3f,
                                              -0x1.db52700000000p-4f,
                                              -0x1.4e01100000000p-4f,
                                              -0x1.868a840000000p-5f,
                                              0x0.0p+0f};
};

// What the rounding of log(c) left.
template <class T> struct LogCentreLo;
template <> struct LogCentreLo<double> {
  alignas(64) static constexpr double c[16] = {0x0.0p+0,
                                               -0x1.72566212cdd05p-61,
                                               -0x1.6394d9fa33311p-57,
                                               0x1.142c507fb7a3dp-58,
                                               -0x1.6e438c258187fp-58,
                                               0x1.8251a3b83d97ap-62,
                                               -0x1.6541148cbb8a2p-56,
                                               0x1.6060f2227164bp-56,
                                               0x1.1b84b5a5b5b2ap-57,
                                               0x1.4ac818ceca4c4p-57,
                                               0x1.1c7233219bcc5p-57,
                                               -0x1.de6cb62af18a0p-58,
                                               -0x1.e15ab8607d2acp-58,
                                               0x1.81069d28db75bp-59,
                                               0x1.d09a5634943dbp-61,
                                               0x0.0p+0};
};
template <> struct LogCentreLo<float> {
  alignas(64) static constexpr float c[16] = {0x0.0p+0f,
                                              0x1.5d581c0000000p-29f,
                                              -0x1.f72a2e0000000p-30f,
                                              -0x1.847f400000000p-30f,
                                              -0x1.9df5a20000000p-31f,
                                              -0x1.8f6ebc0000000p-29f,
                                              -0x1.4d41a00000000p-31f,
                                              0x1.e8650e0000000p-27f,
                                              -0x1.f7266e0000000p-37f,
                                              0x1.bb54360000000p-28f,
                                              -0x1.2379e60000000p-28f,
                                              -0x1.e8f7440000000p-35f,
                                              -0x1.87d9280000000p-32f,
                                              -0x1.146b5c0000000p-29f,
                                              0x1.ef81260000000p-30f,
                                              0x0.0p+0f};
};

template <class T> struct ShortLogPoly;
// (2 atanh(s) - 2 s) / s^3 in s^2 on [0, 0.000918274], error 1.0e-15
template <> struct ShortLogPoly<double> {
  static constexpr double c[4] = {6.6666666666666566e-1, 4.0000000003524993e-1, 2.8571409380359126e-1,
                                  2.2255649699701295e-1};
};
// (2 atanh(s) - 2 s) / s^3 in s^2 on [0, 0.000918274], error 3.0e-8
template <> struct ShortLogPoly<float> {
  static constexpr float c[2] = {6.66666637e-1f, 4.00262528e-1f};
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

template <class T> struct ErfPoly;
// erf(x) / x - 1 in x^2 on [0, 0.5], error 2.3e-19
template <> struct ErfPoly<double> {
  static constexpr double c[11] = {1.2837916709551257e-1,  -3.7612638903183741e-1, 1.1283791670954226e-1,
                                   -2.6866170644850219e-2, 5.2239776209349931e-3,  -8.5483266013139706e-4,
                                   1.2055308296795711e-4,  -1.4924721137472727e-5, 1.6439551639371642e-6,
                                   -1.6022858870806116e-7, 1.1800511424551558e-8};
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

// The bits of 2/pi after the binary point, 64 a word, for the reduction of huge angles.
inline constexpr uint64_t two_over_pi[20] = {
    0xa2f9836e4e441529, 0xfc2757d1f534ddc0, 0xdb6295993c439041, 0xfe5163abdebbc561, 0xb7246e3a424dd2e0,
    0x06492eea09d1921c, 0xfe1deb1cb129a73e, 0xe88235f52ebb4484, 0xe99c7026b45f7e41, 0x3991d639835339f4,
    0x9c845f8bbdf9283b, 0x1ff897ffde05980f, 0xef2f118b5a0a6d1f, 0x6d367ecf27cb09b7, 0x4f463f669e5fea2d,
    0x7527bac7ebe5f17b, 0x3d0739f78a5292ea, 0x6bfb5fb11f8d5d08, 0x56033046fc7b6bab, 0xf0cfbc209af4361d};

}  // namespace wengert::simd::WG_TARGET
