//===- Integer.cpp - Integer arithmetic -------------------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// PTX ISA, "Integer Arithmetic Instructions" and "Extended-Precision Integer
// Arithmetic Instructions". What overflows wraps. A quotient or a remainder by
// zero is "unspecified" in PTX; here all bits are set, as hardware does.
//
//===----------------------------------------------------------------------===//

#include "Lanes.h"

#include <algorithm>
#include <limits>

using namespace attn::emulator;

namespace {

template <typename T>
using Unsigned = std::make_unsigned_t<T>;
/// Wide enough for a product of two T.
template <typename T>
using Wide = std::conditional_t<
    std::is_signed_v<T>,
    std::conditional_t<sizeof(T) == 2, int32_t,
                       std::conditional_t<sizeof(T) == 4, int64_t, __int128>>,
    std::conditional_t<
        sizeof(T) == 2, uint32_t,
        std::conditional_t<sizeof(T) == 4, uint64_t, unsigned __int128>>>;

// Unsigned, because signed overflow is undefined in C++; 16 bits are promoted
// to int, so those go through 32.
template <typename T>
using Wrapping = std::conditional_t<(sizeof(T) < 4), uint32_t, Unsigned<T>>;

struct Add {
  template <typename T>
  static T of(T a, T b) {
    return static_cast<T>(Wrapping<T>(a) + Wrapping<T>(b));
  }
};
struct Sub {
  template <typename T>
  static T of(T a, T b) {
    return static_cast<T>(Wrapping<T>(a) - Wrapping<T>(b));
  }
};
struct MulLow {
  template <typename T>
  static T of(T a, T b) {
    return static_cast<T>(Wrapping<T>(a) * Wrapping<T>(b));
  }
};
struct MulHigh {
  template <typename T>
  static T of(T a, T b) {
    return static_cast<T>(Wide<T>(a) * Wide<T>(b) >> (8 * sizeof(T)));
  }
};
struct Min {
  template <typename T>
  static T of(T a, T b) {
    return a < b ? a : b;
  }
};
struct Max {
  template <typename T>
  static T of(T a, T b) {
    return a > b ? a : b;
  }
};
struct Abs {
  template <typename T>
  static T of(T a) {
    return a < 0 ? Sub::of(T(0), a) : a;
  }
};
struct Neg {
  template <typename T>
  static T of(T a) {
    return Sub::of(T(0), a);
  }
};

/// The host traps where PTX does not: b is 0, or the quotient overflows.
template <typename T>
bool isHarmless(T a, T b) {
  if constexpr (std::is_signed_v<T>)
    return b != 0 && !(b == -1 && a == std::numeric_limits<T>::min());
  else
    return (void)a, b != 0;
}
struct Div {
  template <typename T>
  static T of(T a, T b) {
    if (!isHarmless(a, b))
      return b == 0 ? static_cast<T>(~T(0)) : a;
    return static_cast<T>(a / b);
  }
};
struct Rem {
  template <typename T>
  static T of(T a, T b) {
    if (!isHarmless(a, b))
      return b == 0 ? static_cast<T>(~T(0)) : T(0);
    return static_cast<T>(a % b);
  }
};
struct Sad {
  template <typename T>
  static T of(T a, T b, T c) {
    return Add::of(c, a < b ? Sub::of(b, a) : Sub::of(a, b));
  }
};
template <typename Product>
struct Mad {
  template <typename T>
  static T of(T a, T b, T c) {
    return Add::of(Product::of(a, b), c);
  }
};

template <typename T>
Wide<T> mulWide(T a, T b) {
  return Wide<T>(a) * Wide<T>(b);
}
template <typename T>
Wide<T> madWide(T a, T b, Wide<T> c) {
  return Add::of(mulWide(a, b), c);
}

int32_t clampTo32(int64_t value) {
  value = std::min<int64_t>(value, std::numeric_limits<int32_t>::max());
  value = std::max<int64_t>(value, std::numeric_limits<int32_t>::min());
  return static_cast<int32_t>(value);
}
int32_t addSaturated(int32_t a, int32_t b) { return clampTo32(int64_t(a) + b); }
int32_t subSaturated(int32_t a, int32_t b) { return clampTo32(int64_t(a) - b); }
int32_t madHighSaturated(int32_t a, int32_t b, int32_t c) {
  return clampTo32(int64_t(MulHigh::of(a, b)) + c);
}

/// The product of the lower 24 bits, 48 bits.
int64_t product24(int32_t a, int32_t b) {
  int32_t shiftedA = static_cast<int32_t>(uint32_t(a) << 8),
          shiftedB = static_cast<int32_t>(uint32_t(b) << 8);
  return int64_t(shiftedA >> 8) * (shiftedB >> 8);
}
uint64_t product24(uint32_t a, uint32_t b) {
  return uint64_t(a & 0xffffff) * (b & 0xffffff);
}
struct Mul24Low {
  template <typename T>
  static T of(T a, T b) {
    return static_cast<T>(product24(a, b));
  }
};
struct Mul24High {
  template <typename T>
  static T of(T a, T b) {
    return static_cast<T>(product24(a, b) >> 16);
  }
};
int32_t mad24HighSaturated(int32_t a, int32_t b, int32_t c) {
  return clampTo32((product24(a, b) >> 16) + c);
}

/// Two 16-bit integers in 32 bits.
template <typename Operation, typename T, bool relu>
uint32_t halves(uint32_t a, uint32_t b) {
  T low = Operation::of(static_cast<T>(a), static_cast<T>(b));
  T high = Operation::of(static_cast<T>(a >> 16), static_cast<T>(b >> 16));
  if constexpr (relu) {
    low = low < 0 ? 0 : low;
    high = high < 0 ? 0 : high;
  }
  return uint32_t(static_cast<uint16_t>(low)) |
         uint32_t(static_cast<uint16_t>(high)) << 16;
}
template <typename Operation>
int32_t withRelu(int32_t a, int32_t b) {
  return std::max(Operation::of(a, b), 0);
}

/// Sums of products of bytes, and of halves with bytes.
template <typename A, typename B>
uint32_t dp4a(uint32_t a, uint32_t b, uint32_t c) {
  for (int byte = 0; byte < 4; ++byte)
    c += static_cast<uint32_t>(int32_t(static_cast<A>(a >> 8 * byte)) *
                               int32_t(static_cast<B>(b >> 8 * byte)));
  return c;
}
template <typename A, typename B, bool high>
uint32_t dp2a(uint32_t a, uint32_t b, uint32_t c) {
  using A16 = std::conditional_t<std::is_signed_v<A>, int16_t, uint16_t>;
  if (high)
    b >>= 16;
  for (int i = 0; i < 2; ++i)
    c += static_cast<uint32_t>(int32_t(static_cast<A16>(a >> 16 * i)) *
                               int32_t(static_cast<B>(b >> 8 * i)));
  return c;
}

// Carries: bit l of Warp::carry is the flag CC.CF of lane l.

template <typename U, bool subtracts, bool usesCarry, bool setsCarry>
struct Carry {
  /// sum(l) = first(l) +- second(l) +- carry.
  template <typename First, typename Second>
  static void write(Warp &warp, const Op &op, LaneMask lanes, First first,
                    Second second) {
    LaneMask carry = usesCarry ? warp.carry : 0;
    if constexpr (setsCarry) {
      LaneMask out = collectLanes([=](int l) {
        U x = first(l), y = second(l), in = (carry >> l) & 1;
        if (subtracts)
          return x < y || (x == y && in != 0);
        U sum = x + y;
        return sum < x || static_cast<U>(sum + in) < sum;
      });
      warp.carry = (warp.carry & ~lanes) | (out & lanes);
    }
    writeLanes(warp.row<U>(op.dst), lanes, [=](int l) {
      U in = (carry >> l) & 1;
      return subtracts ? first(l) - second(l) - in : first(l) + second(l) + in;
    });
  }

  static Flow run(Warp &warp, const Op &op, LaneMask lanes) {
    const U *a = warp.row<U>(op.src[0]), *b = warp.row<U>(op.src[1]);
    write(
        warp, op, lanes, [=](int l) { return a[l]; },
        [=](int l) { return b[l]; });
    return Flow::next;
  }
};

template <typename T, typename Product, bool usesCarry, bool setsCarry>
Flow madCarry(Warp &warp, const Op &op, LaneMask lanes) {
  using U = Unsigned<T>;
  const U *a = warp.row<U>(op.src[0]), *b = warp.row<U>(op.src[1]),
          *c = warp.row<U>(op.src[2]);
  Carry<U, false, usesCarry, setsCarry>::write(
      warp, op, lanes,
      [=](int l) {
        return static_cast<U>(
            Product::of(static_cast<T>(a[l]), static_cast<T>(b[l])));
      },
      [=](int l) { return c[l]; });
  return Flow::next;
}

// Decoding. The last choice is the type.

template <typename Operation>
void decodeUnary(Decoder &decoder, const Match &match) {
  withType<int16_t, int32_t, int64_t>(match.choices.back(), [&](auto tag) {
    setLanewise<Operation::template of<typename decltype(tag)::type>>(decoder);
  });
}
template <typename Operation>
void decodeInteger(Decoder &decoder, const Match &match) {
  withType<uint16_t, uint32_t, uint64_t, int16_t, int32_t, int64_t>(
      match.choices.back(), [&](auto tag) {
        setLanewise<Operation::template of<typename decltype(tag)::type>>(
            decoder);
      });
}
template <typename Operation>
void decode32(Decoder &decoder, const Match &match) {
  withType<uint32_t, int32_t>(match.choices.back(), [&](auto tag) {
    setLanewise<Operation::template of<typename decltype(tag)::type>>(decoder);
  });
}
void decodeMulWide(Decoder &decoder, const Match &match) {
  withType<uint16_t, uint32_t, int16_t, int32_t>(
      match.choices.back(), [&](auto tag) {
        setLanewise<mulWide<typename decltype(tag)::type>>(decoder);
      });
}
void decodeMadWide(Decoder &decoder, const Match &match) {
  withType<uint16_t, uint32_t, int16_t, int32_t>(
      match.choices.back(), [&](auto tag) {
        setLanewise<madWide<typename decltype(tag)::type>>(decoder);
      });
}

template <template <typename, typename> class Function>
void decodeDot(Decoder &decoder, const Match &match) {
  bool isSignedA = match[0] == ".s32", isSignedB = match[1] == ".s32";
  if (isSignedA && isSignedB)
    setLanewise<Function<int8_t, int8_t>::value>(decoder);
  else if (isSignedA)
    setLanewise<Function<int8_t, uint8_t>::value>(decoder);
  else if (isSignedB)
    setLanewise<Function<uint8_t, int8_t>::value>(decoder);
  else
    setLanewise<Function<uint8_t, uint8_t>::value>(decoder);
}
template <typename A, typename B>
struct Dp4a {
  static constexpr auto value = dp4a<A, B>;
};
template <typename A, typename B>
struct Dp2aLow {
  static constexpr auto value = dp2a<A, B, false>;
};
template <typename A, typename B>
struct Dp2aHigh {
  static constexpr auto value = dp2a<A, B, true>;
};

template <bool subtracts, bool usesCarry, bool setsCarry>
void decodeCarry(Decoder &decoder, const Match &match) {
  Type type = typeOf(match.choices.back());
  if (!decoder.expectOperands(3))
    return;
  decoder.op.src[0] = decoder.source(1, type);
  decoder.op.src[1] = decoder.source(2, type);
  decoder.op.dst = decoder.destination(0, type);
  decoder.op.handler =
      type.width == 64 ? Carry<uint64_t, subtracts, usesCarry, setsCarry>::run
                       : Carry<uint32_t, subtracts, usesCarry, setsCarry>::run;
}

template <typename Product, bool usesCarry, bool setsCarry>
void decodeMadCarry(Decoder &decoder, const Match &match) {
  Type type = typeOf(match.choices.back());
  if (!decoder.expectOperands(4))
    return;
  for (size_t n = 0; n < 3; ++n)
    decoder.op.src[n] = decoder.source(n + 1, type);
  decoder.op.dst = decoder.destination(0, type);
  withType<uint32_t, uint64_t, int32_t,
           int64_t>(match.choices.back(), [&](auto tag) {
    decoder.op.handler =
        madCarry<typename decltype(tag)::type, Product, usesCarry, setsCarry>;
  });
}

} // namespace

std::vector<Form> attn::emulator::integerForms() {
  constexpr const char *two = "%$00, %$01", *three = "%$00, %$01, %$02",
                       *four = "%$00, %$01, %$02, %$03", *r3 = "%r0, %r1, %r2",
                       *r4 = "%r0, %r1, %r2, %r3";
#define ATTN_ALL "<.u16|.u32|.u64|.s16|.s32|.s64>"
#define ATTN_CARRY "<.u32|.s32|.u64|.s64>"
  std::vector<Form> forms = {
      {"add" ATTN_ALL, three, decodeInteger<Add>},
      {"sub" ATTN_ALL, three, decodeInteger<Sub>},
      {"add.sat.s32", r3, decodeLanewise<addSaturated>},
      {"sub.sat.s32", r3, decodeLanewise<subSaturated>},
      {"mul.lo" ATTN_ALL, three, decodeInteger<MulLow>},
      {"mul.hi" ATTN_ALL, three, decodeInteger<MulHigh>},
      {"mad.lo" ATTN_ALL, four, decodeInteger<Mad<MulLow>>},
      {"mad.hi" ATTN_ALL, four, decodeInteger<Mad<MulHigh>>},
      {"mad.hi.sat.s32", r4, decodeLanewise<madHighSaturated>},
      {"mul.wide<.u16|.s16>", "%r0, %h1, %h2", decodeMulWide},
      {"mul.wide<.u32|.s32>", "%d0, %r1, %r2", decodeMulWide},
      {"mad.wide<.u16|.s16>", "%r0, %h1, %h2, %r3", decodeMadWide},
      {"mad.wide<.u32|.s32>", "%d0, %r1, %r2, %d3", decodeMadWide},
      {"mul24.lo<.u32|.s32>", three, decode32<Mul24Low>},
      {"mul24.hi<.u32|.s32>", three, decode32<Mul24High>},
      {"mad24.lo<.u32|.s32>", four, decode32<Mad<Mul24Low>>},
      {"mad24.hi<.u32|.s32>", four, decode32<Mad<Mul24High>>},
      {"mad24.hi.sat.s32", r4, decodeLanewise<mad24HighSaturated>},
      {"sad" ATTN_ALL, four, decodeInteger<Sad>},
      {"div" ATTN_ALL, three, decodeInteger<Div>},
      {"rem" ATTN_ALL, three, decodeInteger<Rem>},
      {"abs<.s16|.s32|.s64>", two, decodeUnary<Abs>},
      {"neg<.s16|.s32|.s64>", two, decodeUnary<Neg>},
      {"min" ATTN_ALL, three, decodeInteger<Min>},
      {"max" ATTN_ALL, three, decodeInteger<Max>},

      // sm_90.
      {"add<.u16x2|.s16x2>", r3, decodeLanewise<halves<Add, uint16_t, false>>,
       90, false, 80},
      {"min.u16x2", r3, decodeLanewise<halves<Min, uint16_t, false>>, 90, false,
       80},
      {"max.u16x2", r3, decodeLanewise<halves<Max, uint16_t, false>>, 90, false,
       80},
      {"min.s16x2", r3, decodeLanewise<halves<Min, int16_t, false>>, 90, false,
       80},
      {"max.s16x2", r3, decodeLanewise<halves<Max, int16_t, false>>, 90, false,
       80},
      {"min.relu.s16x2", r3, decodeLanewise<halves<Min, int16_t, true>>, 90,
       false, 80},
      {"max.relu.s16x2", r3, decodeLanewise<halves<Max, int16_t, true>>, 90,
       false, 80},
      {"min.relu.s32", r3, decodeLanewise<withRelu<Min>>, 90, false, 80},
      {"max.relu.s32", r3, decodeLanewise<withRelu<Max>>, 90, false, 80},

      {"dp4a<.u32|.s32><.u32|.s32>", r4, decodeDot<Dp4a>, 61, false, 50},
      {"dp2a.lo<.u32|.s32><.u32|.s32>", r4, decodeDot<Dp2aLow>, 61, false, 50},
      {"dp2a.hi<.u32|.s32><.u32|.s32>", r4, decodeDot<Dp2aHigh>, 61, false, 50},

      {"add.cc" ATTN_CARRY, three, decodeCarry<false, false, true>},
      {"addc" ATTN_CARRY, three, decodeCarry<false, true, false>},
      {"addc.cc" ATTN_CARRY, three, decodeCarry<false, true, true>},
      {"sub.cc" ATTN_CARRY, three, decodeCarry<true, false, true>},
      {"subc" ATTN_CARRY, three, decodeCarry<true, true, false>},
      {"subc.cc" ATTN_CARRY, three, decodeCarry<true, true, true>},
      {"mad.lo.cc" ATTN_CARRY, four, decodeMadCarry<MulLow, false, true>},
      {"mad.hi.cc" ATTN_CARRY, four, decodeMadCarry<MulHigh, false, true>},
      {"madc.lo" ATTN_CARRY, four, decodeMadCarry<MulLow, true, false>},
      {"madc.hi" ATTN_CARRY, four, decodeMadCarry<MulHigh, true, false>},
      {"madc.lo.cc" ATTN_CARRY, four, decodeMadCarry<MulLow, true, true>},
      {"madc.hi.cc" ATTN_CARRY, four, decodeMadCarry<MulHigh, true, true>},
  };
#undef ATTN_ALL
#undef ATTN_CARRY
  return forms;
}
