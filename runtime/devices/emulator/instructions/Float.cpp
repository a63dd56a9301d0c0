//===- Float.cpp - f32 and f64 ----------------------------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// PTX ISA, "Floating Point Instructions". Results of f32 that are NaN are the
// canonical one; f64 keeps what the host makes of payloads.
//
//===----------------------------------------------------------------------===//

#include "Approximations.h"
#include "Rounded.h"

#include <cmath>

using namespace attn::emulator;

namespace {

template <typename T>
T add(T a, T b) {
  return a + b;
}
template <typename T>
T sub(T a, T b) {
  return a - b;
}
template <typename T>
T mul(T a, T b) {
  return a * b;
}
template <typename T>
T fma(T a, T b, T c) {
  return std::fma(a, b, c);
}
template <typename T>
T div(T a, T b) {
  return a / b;
}
template <typename T>
T rcp(T a) {
  return T(1) / a;
}
template <typename T>
T sqrt(T a) {
  return std::sqrt(a);
}

template <typename T>
T neg(T a) {
  return bitCast<T>(bitCast<BitsOf<T>>(a) ^ signOf<T>);
}
template <typename T>
T abs(T a) {
  return bitCast<T>(bitCast<BitsOf<T>>(a) & ~signOf<T>);
}
/// The sign of a with the magnitude of b.
template <typename T>
T copysign(T a, T b) {
  return bitCast<T>((bitCast<BitsOf<T>>(a) & signOf<T>) |
                    (bitCast<BitsOf<T>>(b) & ~signOf<T>));
}

/// What .ftz does to operands.
template <bool ftz, typename T>
T prepare(T value) {
  if constexpr (ftz)
    return flush(value);
  else
    return value;
}

/// f with .ftz and .sat.
template <auto f, bool ftz, bool sat>
struct Adjusted;
template <typename T, typename... A, T (*f)(A...), bool ftz, bool sat>
struct Adjusted<f, ftz, sat> {
  static T of(A... operands) {
    T result = canonical(f(prepare<ftz>(operands)...));
    if constexpr (sat)
      result = saturate(result);
    return prepare<ftz>(result);
  }
};

/// Handler and operands of f with the modifiers of the match.
template <auto f>
void decodeF32(Decoder &decoder, const Match &match) {
  Rounding rounding = roundingOf(match);
  bool ftz = chosen(match, ".ftz"), sat = chosen(match, ".sat");
  if (ftz && sat)
    setRounded<Adjusted<f, true, true>::of>(decoder, rounding);
  else if (ftz)
    setRounded<Adjusted<f, true, false>::of>(decoder, rounding);
  else if (sat)
    setRounded<Adjusted<f, false, true>::of>(decoder, rounding);
  else
    setRounded<Adjusted<f, false, false>::of>(decoder, rounding);
}
template <auto f>
void decodeF64(Decoder &decoder, const Match &match) {
  setRounded<f>(decoder, roundingOf(match));
}

template <auto f>
float flushedFirst(float a) {
  return f(flush(a));
}
/// neg and abs: they change one bit and keep NaNs.
template <auto f>
void decodeSign(Decoder &decoder, const Match &match) {
  if (chosen(match, ".ftz"))
    setLanewise<flushedFirst<f>>(decoder);
  else
    setLanewise<f>(decoder);
}

template <bool isMax, bool xorSign>
void decodeExtreme(Decoder &decoder, const Match &match) {
  if (chosen(match, ".NaN"))
    decodeF32<extreme<float, isMax, true, xorSign>>(decoder, match);
  else
    decodeF32<extreme<float, isMax, false, xorSign>>(decoder, match);
}

template <auto f>
void decodeApproximate(Decoder &decoder, const Match &match) {
  if (chosen(match, ".ftz")) {
    constexpr auto flushed = Adjusted<f, true, false>::of;
    setLanewise<flushed>(decoder);
    decoder.op.handler = approximate<lanewise<flushed>, JitterKind::f32>;
  } else {
    constexpr auto plain = Adjusted<f, false, false>::of;
    setLanewise<plain>(decoder);
    decoder.op.handler = approximate<lanewise<plain>, JitterKind::f32>;
  }
}
void decodeEx2(Decoder &decoder, const Match &match) {
  if (chosen(match, ".ftz"))
    decodeApproximate<approximateEx2<true>>(decoder, match);
  else
    decodeApproximate<approximateEx2<false>>(decoder, match);
}

/// rcp.approx.ftz.f64 and rsqrt.approx.ftz.f64 look at the upper half of the
/// operand and make the upper half of the result.
template <bool isRsqrt>
double approximateUpperHalf(double a) {
  constexpr uint64_t upper = 0xffffffff00000000u, infinity = 0x7ffull << 52,
                     sign = uint64_t(1) << 63;
  auto flushed = [](uint64_t bits) {
    return bits & infinity ? bits : bits & sign;
  };
  if (a != a)
    return bitCast<double>(uint64_t(0x7fffffff00000000u));
  uint64_t bits = flushed(bitCast<uint64_t>(a) & upper);
  double x = bitCast<double>(bits);
  double result = isRsqrt ? 1.0 / std::sqrt(x) : 1.0 / x;
  if (result != result)
    return bitCast<double>(uint64_t(0x7fffffff00000000u));
  uint64_t rounded = bitCast<uint64_t>(result);
  if ((rounded & infinity) != infinity)
    rounded += uint64_t(1) << 31;
  return bitCast<double>(flushed(rounded & upper));
}
double approximateRsqrtF64(double a) { return 1.0 / std::sqrt(a); }

enum class Test { finite, infinite, number, notANumber, normal, subnormal };

template <typename T, Test test>
bool testp(T a) {
  using Bits = BitsOf<T>;
  constexpr int mantissaBits = sizeof(T) == 8 ? 52 : 23;
  Bits magnitude = bitCast<Bits>(a) & ~signOf<T>;
  constexpr Bits least = Bits(1) << mantissaBits, infinity = signOf<T> - least;
  switch (test) {
  case Test::finite:
    return magnitude < infinity;
  case Test::infinite:
    return magnitude == infinity;
  case Test::number:
    return magnitude <= infinity;
  case Test::notANumber:
    return magnitude > infinity;
  case Test::normal: // Zero counts as normal.
    return magnitude == 0 || (magnitude >= least && magnitude < infinity);
  case Test::subnormal:
    return magnitude != 0 && magnitude < least;
  }
}

template <typename T>
void decodeTestp(Decoder &decoder, const Match &match) {
  std::string_view test = match[0];
  if (test == ".finite")
    setLanewise<testp<T, Test::finite>>(decoder);
  else if (test == ".infinite")
    setLanewise<testp<T, Test::infinite>>(decoder);
  else if (test == ".number")
    setLanewise<testp<T, Test::number>>(decoder);
  else if (test == ".notanumber")
    setLanewise<testp<T, Test::notANumber>>(decoder);
  else if (test == ".normal")
    setLanewise<testp<T, Test::normal>>(decoder);
  else
    setLanewise<testp<T, Test::subnormal>>(decoder);
}

} // namespace

std::vector<Form> attn::emulator::floatForms() {
  constexpr const char *r2 = "%r0, %r1", *r3 = "%r0, %r1, %r2",
                       *r4 = "%r0, %r1, %r2, %r3", *d2 = "%d0, %d1",
                       *d3 = "%d0, %d1, %d2", *d4 = "%d0, %d1, %d2, %d3";
  return {
      {"add[.rn|.rz|.rm|.rp][.ftz][.sat].f32", r3, decodeF32<add<float>>},
      {"sub[.rn|.rz|.rm|.rp][.ftz][.sat].f32", r3, decodeF32<sub<float>>},
      {"mul[.rn|.rz|.rm|.rp][.ftz][.sat].f32", r3, decodeF32<mul<float>>},
      {"fma<.rn|.rz|.rm|.rp>[.ftz][.sat].f32", r4, decodeF32<fma<float>>},
      {"mad<.rn|.rz|.rm|.rp>[.ftz][.sat].f32", r4, decodeF32<fma<float>>},
      {"add[.rn|.rz|.rm|.rp].f64", d3, decodeF64<add<double>>},
      {"sub[.rn|.rz|.rm|.rp].f64", d3, decodeF64<sub<double>>},
      {"mul[.rn|.rz|.rm|.rp].f64", d3, decodeF64<mul<double>>},
      {"fma<.rn|.rz|.rm|.rp>.f64", d4, decodeF64<fma<double>>},
      {"mad<.rn|.rz|.rm|.rp>.f64", d4, decodeF64<fma<double>>},

      {"div.approx[.ftz].f32", r3, decodeApproximate<approximateDiv>},
      {"div.full[.ftz].f32", r3, decodeApproximate<div<float>>},
      {"div<.rn|.rz|.rm|.rp>[.ftz].f32", r3, decodeF32<div<float>>},
      {"div<.rn|.rz|.rm|.rp>.f64", d3, decodeF64<div<double>>},
      {"rcp.approx[.ftz].f32", r2, decodeApproximate<approximateRcp>},
      {"rcp<.rn|.rz|.rm|.rp>[.ftz].f32", r2, decodeF32<rcp<float>>},
      {"rcp<.rn|.rz|.rm|.rp>.f64", d2, decodeF64<rcp<double>>},
      {"rcp.approx.ftz.f64", d2, decodeLanewise<approximateUpperHalf<false>>},
      {"sqrt.approx[.ftz].f32", r2, decodeApproximate<approximateSqrt>},
      {"sqrt<.rn|.rz|.rm|.rp>[.ftz].f32", r2, decodeF32<sqrt<float>>},
      {"sqrt<.rn|.rz|.rm|.rp>.f64", d2, decodeF64<sqrt<double>>},
      {"rsqrt.approx[.ftz].f32", r2, decodeApproximate<approximateRsqrt>},
      {"rsqrt.approx.f64", d2, decodeLanewise<approximateRsqrtF64>},
      {"rsqrt.approx.ftz.f64", d2, decodeLanewise<approximateUpperHalf<true>>},
      {"ex2.approx[.ftz].f32", r2, decodeEx2},
      {"lg2.approx[.ftz].f32", r2, decodeApproximate<approximateLg2>},
      {"sin.approx[.ftz].f32", r2, decodeApproximate<approximateSin>},
      {"cos.approx[.ftz].f32", r2, decodeApproximate<approximateCos>},
      {"tanh.approx.f32", r2, decodeApproximate<approximateTanh>, 75, false,
       70},

      {"neg[.ftz].f32", r2, decodeSign<neg<float>>},
      {"abs[.ftz].f32", r2, decodeSign<abs<float>>},
      {"neg.f64", d2, decodeLanewise<neg<double>>},
      {"abs.f64", d2, decodeLanewise<abs<double>>},
      {"copysign.f32", r3, decodeLanewise<copysign<float>>},
      {"copysign.f64", d3, decodeLanewise<copysign<double>>},
      {"testp<.finite|.infinite|.number|.notanumber|.normal|.subnormal>.f32",
       "%p0, %r1", decodeTestp<float>},
      {"testp<.finite|.infinite|.number|.notanumber|.normal|.subnormal>.f64",
       "%p0, %d1", decodeTestp<double>},

      {"min[.ftz].f32", r3, decodeExtreme<false, false>},
      {"max[.ftz].f32", r3, decodeExtreme<true, false>},
      {"min[.ftz]<.NaN>.f32", r3, decodeExtreme<false, false>, 80, false, 70},
      {"max[.ftz]<.NaN>.f32", r3, decodeExtreme<true, false>, 80, false, 70},
      {"min[.ftz][.NaN].xorsign.abs.f32", r3, decodeExtreme<false, true>, 86,
       false, 72},
      {"max[.ftz][.NaN].xorsign.abs.f32", r3, decodeExtreme<true, true>, 86,
       false, 72},
      {"min.f64", d3, decodeLanewise<extreme<double, false, false, false>>},
      {"max.f64", d3, decodeLanewise<extreme<double, true, false, false>>},
  };
}
