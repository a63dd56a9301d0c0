//===- Half.cpp - f16, bf16 and pairs of them -------------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// PTX ISA, "Half Precision Floating Point Instructions". Each result is rounded
// once: it is computed as f32 (or f64, rounded to odd) such that the rounding
// to 16 bits is as if from the exact value. NaN results are canonical.
//
//===----------------------------------------------------------------------===//

#include "Approximations.h"
#include "Rounded.h"

using namespace attn::emulator;

namespace {

// What is to be rounded. f32 has more than twice the bits of both formats, and
// a sum or product of theirs that is not exact in it keeps its side.

struct Add {
  template <typename T>
  static float of(T a, T b) {
    return toFloat(a) + toFloat(b);
  }
};
struct Sub {
  template <typename T>
  static float of(T a, T b) {
    return toFloat(a) - toFloat(b);
  }
};
struct Mul {
  static float of(F16 a, F16 b) { return toFloat(a) * toFloat(b); }
  /// May be subnormal as f32.
  static float of(BF16 a, BF16 b) {
    return toFloatOdd(double(toFloat(a)) * double(toFloat(b)));
  }
};
struct Fma {
  template <typename T>
  static float of(T a, T b, T c) {
    return toFloatOdd(fmaOdd(toFloat(a), toFloat(b), toFloat(c)));
  }
};
template <bool isMax, bool keepsNan, bool xorSign>
struct Extreme {
  template <typename T>
  static float of(T a, T b) {
    return extreme<float, isMax, keepsNan, xorSign>(toFloat(a), toFloat(b));
  }
};
struct Ex2 {
  static float of(F16 a) { return approximateEx2<false>(toFloat(a)); }
  /// Exists with .ftz only: of f32, which has the same exponents.
  static float of(BF16 a) { return approximateEx2<true>(flush(toFloat(a))); }
};
struct Tanh {
  template <typename T>
  static float of(T a) {
    return approximateTanh(toFloat(a));
  }
};

// Modifiers.

enum class Clamp { none, sat, relu };

template <bool ftz, typename T>
T flushHalf(T value) {
  if constexpr (ftz)
    return {static_cast<uint16_t>(value.bits & 0x7c00 ? value.bits
                                                      : value.bits & 0x8000)};
  return value;
}

template <typename T, typename Operation, bool ftz, Clamp clamp, typename... A>
T compute(A... operands) {
  float result = Operation::of(flushHalf<ftz>(operands)...);
  // Clamping before rounding is the same: 0 and 1 stay.
  if constexpr (clamp == Clamp::sat)
    result = saturate(result);
  if constexpr (clamp == Clamp::relu)
    result = relu(result);
  return flushHalf<ftz>(fromFloat<T>(result));
}

/// A function of the rows of T, with `arity` operands: of halves or of pairs.
template <typename T, typename Operation, bool ftz, Clamp clamp>
struct Function {
  static T unary(T a) { return compute<T, Operation, ftz, clamp>(a); }
  static T binary(T a, T b) { return compute<T, Operation, ftz, clamp>(a, b); }
  static T ternary(T a, T b, T c) {
    return compute<T, Operation, ftz, clamp>(a, b, c);
  }
};
template <typename P, typename Operation, bool ftz, Clamp clamp>
struct PairFunction {
  using Half = Function<typename P::Element, Operation, ftz, clamp>;
  static P unary(P a) {
    return pairOf<P>(Half::unary(lowOf(a)), Half::unary(highOf(a)));
  }
  static P binary(P a, P b) {
    return pairOf<P>(Half::binary(lowOf(a), lowOf(b)),
                     Half::binary(highOf(a), highOf(b)));
  }
  static P ternary(P a, P b, P c) {
    return pairOf<P>(Half::ternary(lowOf(a), lowOf(b), lowOf(c)),
                     Half::ternary(highOf(a), highOf(b), highOf(c)));
  }
};
template <typename Operation, bool ftz, Clamp clamp>
struct Function<F16x2, Operation, ftz, clamp>
    : PairFunction<F16x2, Operation, ftz, clamp> {};
template <typename Operation, bool ftz, Clamp clamp>
struct Function<BF16x2, Operation, ftz, clamp>
    : PairFunction<BF16x2, Operation, ftz, clamp> {};

template <int arity, typename T, typename Operation, bool ftz, Clamp clamp>
void set(Decoder &decoder) {
  using Chosen = Function<T, Operation, ftz, clamp>;
  if constexpr (arity == 1)
    setLanewise<Chosen::unary>(decoder);
  else if constexpr (arity == 2)
    setLanewise<Chosen::binary>(decoder);
  else
    setLanewise<Chosen::ternary>(decoder);
}

template <int arity, typename T, typename Operation, bool ftz>
void setClamped(Decoder &decoder, const Match &match) {
  if (chosen(match, ".sat"))
    set<arity, T, Operation, ftz, Clamp::sat>(decoder);
  else if (chosen(match, ".relu"))
    set<arity, T, Operation, ftz, Clamp::relu>(decoder);
  else
    set<arity, T, Operation, ftz, Clamp::none>(decoder);
}

/// The last choice is the type.
template <int arity, typename Operation>
void decodeHalf(Decoder &decoder, const Match &match) {
  withType<F16, F16x2, BF16, BF16x2>(match.choices.back(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    if constexpr (T::type.kind == Type::floating)
      if (chosen(match, ".ftz"))
        return setClamped<arity, T, Operation, true>(decoder, match);
    setClamped<arity, T, Operation, false>(decoder, match);
  });
}

template <bool isMax>
void decodeExtreme(Decoder &decoder, const Match &match) {
  bool keepsNan = chosen(match, ".NaN");
  if (chosen(match, ".xorsign.abs"))
    return keepsNan
               ? decodeHalf<2, Extreme<isMax, true, true>>(decoder, match)
               : decodeHalf<2, Extreme<isMax, false, true>>(decoder, match);
  return keepsNan ? decodeHalf<2, Extreme<isMax, true, false>>(decoder, match)
                  : decodeHalf<2, Extreme<isMax, false, false>>(decoder, match);
}

template <typename Operation>
void decodeApproximate(Decoder &decoder, const Match &match) {
  withType<F16, F16x2, BF16, BF16x2>(match.choices.back(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    constexpr JitterKind kind = std::is_same_v<T, F16>     ? JitterKind::f16
                                : std::is_same_v<T, F16x2> ? JitterKind::f16x2
                                : std::is_same_v<T, BF16>  ? JitterKind::bf16
                                                           : JitterKind::bf16x2;
    constexpr auto f = Function<T, Operation, false, Clamp::none>::unary;
    setLanewise<f>(decoder);
    decoder.op.handler = approximate<lanewise<f>, kind>;
  });
}

// neg and abs change one bit and keep NaNs.

template <typename T, uint32_t flips, uint32_t keeps, bool ftz>
T changeSign(T a) {
  uint32_t bits = a.bits;
  if constexpr (ftz) {
    uint32_t low = bits & 0x7c00 ? 0xffff : 0x8000,
             high = bits & 0x7c000000 ? 0xffff0000 : 0x80000000;
    bits &= low | high;
  }
  bits = (bits ^ flips) & keeps;
  return {static_cast<decltype(a.bits)>(bits)};
}
template <uint32_t flips, uint32_t keeps>
void decodeSign(Decoder &decoder, const Match &match) {
  withType<F16, F16x2, BF16, BF16x2>(match.choices.back(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    if constexpr (T::type.kind == Type::floating)
      if (chosen(match, ".ftz"))
        return setLanewise<changeSign<T, flips, keeps, true>>(decoder);
    setLanewise<changeSign<T, flips, keeps, false>>(decoder);
  });
}

} // namespace

std::vector<Form> attn::emulator::halfForms() {
  constexpr const char *two = "%$00, %$01", *h2 = "%$10, %$11",
                       *t3 = "%$10, %$11, %$12", *three = "%$30, %$31, %$32",
                       *four = "%$20, %$21, %$22, %$23",
                       *fourB = "%$10, %$11, %$12, %$13";
#define ATTN_F16 "<.f16|.f16x2>"
#define ATTN_BF16 "<.bf16|.bf16x2>"
  constexpr auto neg = decodeSign<0x80008000, ~0u>;
  constexpr auto abs = decodeSign<0, 0x7fff7fff>;
  return {
      {"add[.rn][.ftz][.sat]" ATTN_F16, three, decodeHalf<2, Add>, 53, false,
       42},
      {"sub[.rn][.ftz][.sat]" ATTN_F16, three, decodeHalf<2, Sub>, 53, false,
       42},
      {"mul[.rn][.ftz][.sat]" ATTN_F16, three, decodeHalf<2, Mul>, 53, false,
       42},
      {"add[.rn]" ATTN_BF16, t3, decodeHalf<2, Add>, 90, false, 78},
      {"sub[.rn]" ATTN_BF16, t3, decodeHalf<2, Sub>, 90, false, 78},
      {"mul[.rn]" ATTN_BF16, t3, decodeHalf<2, Mul>, 90, false, 78},
      {"fma.rn[.ftz][.sat]" ATTN_F16, four, decodeHalf<3, Fma>, 53, false, 42},
      {"fma.rn[.ftz]<.relu>" ATTN_F16, four, decodeHalf<3, Fma>, 80, false, 70},
      {"fma.rn[.relu]" ATTN_BF16, fourB, decodeHalf<3, Fma>, 80, false, 70},

      {"neg[.ftz]" ATTN_F16, h2, neg, 53, false, 60},
      {"abs[.ftz]" ATTN_F16, h2, abs, 53, false, 65},
      {"neg" ATTN_BF16, two, neg, 80, false, 70},
      {"abs" ATTN_BF16, two, abs, 80, false, 70},

      {"min[.ftz][.NaN]" ATTN_F16, "%$20, %$21, %$22", decodeExtreme<false>, 80,
       false, 70},
      {"max[.ftz][.NaN]" ATTN_F16, "%$20, %$21, %$22", decodeExtreme<true>, 80,
       false, 70},
      {"min[.NaN]" ATTN_BF16, t3, decodeExtreme<false>, 80, false, 70},
      {"max[.NaN]" ATTN_BF16, t3, decodeExtreme<true>, 80, false, 70},
      {"min[.ftz][.NaN]<.xorsign.abs>" ATTN_F16, three, decodeExtreme<false>,
       86, false, 72},
      {"max[.ftz][.NaN]<.xorsign.abs>" ATTN_F16, three, decodeExtreme<true>, 86,
       false, 72},
      {"min[.NaN]<.xorsign.abs>" ATTN_BF16, "%$20, %$21, %$22",
       decodeExtreme<false>, 86, false, 72},
      {"max[.NaN]<.xorsign.abs>" ATTN_BF16, "%$20, %$21, %$22",
       decodeExtreme<true>, 86, false, 72},

      {"ex2.approx" ATTN_F16, two, decodeApproximate<Ex2>, 75, false, 70},
      {"ex2.approx.ftz" ATTN_BF16, two, decodeApproximate<Ex2>, 90, false, 78},
      {"tanh.approx" ATTN_F16, two, decodeApproximate<Tanh>, 75, false, 70},
      {"tanh.approx" ATTN_BF16, two, decodeApproximate<Tanh>, 90, false, 78},
  };
#undef ATTN_F16
#undef ATTN_BF16
}
