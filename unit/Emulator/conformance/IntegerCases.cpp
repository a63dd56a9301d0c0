//===- IntegerCases.cpp - Integer arithmetic ------------------------------===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// PTX ISA, "Integer arithmetic instructions" and "Extended-precision integer
// arithmetic instructions".
//
//===----------------------------------------------------------------------===//

#include "Corpus.h"
#include "Elementwise.h"

#include <algorithm>
#include <type_traits>

using namespace attn;
using namespace attn::conformance;

namespace {
using Int128 = __int128;

template <typename T>
const char *typeName() {
  constexpr bool isSigned = std::is_signed_v<T>;
  switch (sizeof(T)) {
  case 2:
    return isSigned ? "s16" : "u16";
  case 4:
    return isSigned ? "s32" : "u32";
  default:
    return isSigned ? "s64" : "u64";
  }
}

template <typename T>
uint64_t bits(Int128 value) {
  return static_cast<std::make_unsigned_t<T>>(static_cast<T>(value));
}

template <typename T>
void arithmetic(const uint64_t *in, uint64_t *out) {
  Int128 a = static_cast<T>(in[0]), b = static_cast<T>(in[1]),
         c = static_cast<T>(in[2]);
  constexpr int width = sizeof(T) * 8;
  using Unsigned = unsigned __int128;
  Unsigned product = static_cast<Unsigned>(a) * static_cast<Unsigned>(b);
  T low = static_cast<T>(product);
  // Two unsigned numbers of 64 bits have a product of 128.
  Int128 signedHigh = std::is_signed_v<T> ? (a * b) >> width : 0;
  T high = static_cast<T>(std::is_signed_v<T>
                              ? static_cast<Unsigned>(signedHigh)
                              : product >> width);
  Int128 results[] = {a + b,          a - b,
                      low,            high,
                      low + c,        high + c,
                      std::min(a, b), std::max(a, b),
                      c + (a < b ? b - a : a - b)};
  for (Int128 result : results)
    *out++ = bits<T>(result);
}

template <typename T>
void unary(const uint64_t *in, uint64_t *out) {
  Int128 a = static_cast<T>(in[0]);
  out[0] = bits<T>(a < 0 ? -a : a);
  out[1] = bits<T>(-a);
}

template <typename T>
void division(const uint64_t *in, uint64_t *out) {
  Int128 a = static_cast<T>(in[0]), b = static_cast<T>(in[1]);
  out[0] = bits<T>(a / b);
  out[1] = bits<T>(a % b);
}

template <typename T, typename Twice>
void wide(const uint64_t *in, uint64_t *out) {
  Int128 product = Int128(static_cast<T>(in[0])) * static_cast<T>(in[1]);
  out[0] = bits<Twice>(product);
  out[1] = bits<Twice>(product + static_cast<Twice>(in[2]));
}

/// The code with $T in place of a type.
template <typename T>
std::string typed(const char *code) {
  return fill(code, {{"T", typeName<T>()}});
}

struct Adder {
  Cases &cases;

  void operator()(const std::string &name, const std::string &inputs,
                  const std::string &outputs, const std::string &code,
                  Reference reference, size_t count = 256, Rows edges = {},
                  Target target = {}) {
    cases.push_back({"integer." + name, target, [=] {
                       Elementwise given{inputs, outputs, code, {}, reference,
                                         {}};
                       given.rows = rowsFor(inputs, count, 1, edges);
                       return elementwise(target, given);
                     }});
  }
};
} // namespace

template <typename T>
static void addType(Cases &cases) {
  Adder add{cases};
  std::string type = typeName<T>();
  add("arithmetic." + type, typed<T>("$T a, $T b, $T c"),
      typed<T>("$T add, $T sub, $T low, $T high, $T madlow, $T madhigh, "
               "$T minimum, $T maximum, $T difference"),
      typed<T>(R"(add.$T add, a, b;
  sub.$T sub, a, b;
  mul.lo.$T low, a, b;
  mul.hi.$T high, a, b;
  mad.lo.$T madlow, a, b, c;
  mad.hi.$T madhigh, a, b, c;
  min.$T minimum, a, b;
  max.$T maximum, a, b;
  sad.$T difference, a, b, c;)"),
      arithmetic<T>, 512);
  if (std::is_signed_v<T>)
    add("unary." + type, typed<T>("$T a"), typed<T>("$T absolute, $T negated"),
        typed<T>("abs.$T absolute, a;\n  neg.$T negated, a;"), unary<T>, 128);

  // Quotients by 0 are not specified, nor is that of the least number by -1.
  std::vector<uint64_t> dividends = edgesOf(elementCalled(type)), divisors;
  uint64_t least = uint64_t(1) << (sizeof(T) * 8 - 1), all = bits<T>(-1);
  for (uint64_t edge : dividends)
    if (edge != 0 && !(std::is_signed_v<T> && edge == all))
      divisors.push_back(edge);
  divisors.push_back(10);
  add("division." + type, typed<T>("$T a, $T b"),
      typed<T>("$T quotient, $T remainder"),
      typed<T>("div.$T quotient, a, b;\n  rem.$T remainder, a, b;"),
      division<T>, 256, {dividends, divisors});
  if (std::is_signed_v<T>) {
    dividends.erase(std::remove(dividends.begin(), dividends.end(), least),
                    dividends.end());
    add("division-by-minus-1." + type, typed<T>("$T a, $T b"),
        typed<T>("$T quotient, $T remainder"),
        typed<T>("div.$T quotient, a, b;\n  rem.$T remainder, a, b;"),
        division<T>, 32, {dividends, {all}});
  }
}

template <typename T, typename Twice>
static void addWide(Cases &cases) {
  std::vector<std::pair<std::string, std::string>> types = {
      {"T", typeName<T>()}, {"W", typeName<Twice>()}};
  Adder{cases}("wide." + std::string(typeName<T>()),
               fill("$T a, $T b, $W c", types),
               fill("$W product, $W sum", types),
               fill("mul.wide.$T product, a, b;\n"
                    "  mad.wide.$T sum, a, b, c;",
                    types),
               wide<T, Twice>, 384);
}

//===----------------------------------------------------------------------===//
// Carry, saturation, dot products, pairs
//===----------------------------------------------------------------------===//

/// Sums of 96 bits from words, and a product of 64 x 64 bits.
static void addCarry(Cases &cases) {
  Adder add{cases};
  add("carry.b32", "u32 a0, u32 a1, u32 a2, u32 b0, u32 b1, u32 b2",
      "u32 s0, u32 s1, u32 s2, u32 d0, u32 d1, u32 d2",
      R"(add.cc.u32 s0, a0, b0;
  addc.cc.u32 s1, a1, b1;
  addc.u32 s2, a2, b2;
  sub.cc.u32 d0, a0, b0;
  subc.cc.u32 d1, a1, b1;
  subc.u32 d2, a2, b2;)",
      [](const uint64_t *in, uint64_t *out) {
        using U = unsigned __int128;
        U a = in[0] | U(in[1]) << 32 | U(in[2]) << 64,
          b = in[3] | U(in[4]) << 32 | U(in[5]) << 64;
        for (U result : {a + b, a - b})
          for (int i = 0; i < 3; ++i)
            *out++ = static_cast<uint32_t>(result >> (32 * i));
      },
      512);
  add("carry.b64", "u64 a0, u64 a1, u64 b0, u64 b1",
      "u64 s0, u64 s1, u64 d0, u64 d1",
      R"(add.cc.u64 s0, a0, b0;
  addc.u64 s1, a1, b1;
  sub.cc.u64 d0, a0, b0;
  subc.u64 d1, a1, b1;)",
      [](const uint64_t *in, uint64_t *out) {
        using U = unsigned __int128;
        U a = in[0] | U(in[1]) << 64, b = in[2] | U(in[3]) << 64;
        for (U result : {a + b, a - b})
          for (int i = 0; i < 2; ++i)
            *out++ = static_cast<uint64_t>(result >> (64 * i));
      });
  add("carry.product", "u32 a0, u32 a1, u32 b0, u32 b1",
      "u32 p0, u32 p1, u32 p2, u32 p3",
      R"(mul.lo.u32 p0, a0, b0;
  mul.hi.u32 p1, a0, b0;
  mad.lo.cc.u32 p1, a0, b1, p1;
  madc.hi.u32 p2, a0, b1, 0;
  mad.lo.cc.u32 p1, a1, b0, p1;
  madc.hi.cc.u32 p2, a1, b0, p2;
  addc.u32 p3, 0, 0;
  mad.lo.cc.u32 p2, a1, b1, p2;
  madc.hi.u32 p3, a1, b1, p3;)",
      [](const uint64_t *in, uint64_t *out) {
        unsigned __int128 product =
            static_cast<unsigned __int128>(in[0] | in[1] << 32) *
            (in[2] | in[3] << 32);
        for (int i = 0; i < 4; ++i)
          out[i] = static_cast<uint32_t>(product >> (32 * i));
      });
}

static uint64_t saturated(Int128 value) {
  Int128 least = INT32_MIN, most = INT32_MAX;
  return bits<int32_t>(std::min(std::max(value, least), most));
}

static void addSaturation(Cases &cases) {
  Adder{cases}("saturation", "s32 a, s32 b, s32 c",
               "s32 add, s32 sub, s32 mad",
               R"(add.sat.s32 add, a, b;
  sub.sat.s32 sub, a, b;
  mad.hi.sat.s32 mad, a, b, c;)",
               [](const uint64_t *in, uint64_t *out) {
                 Int128 a = static_cast<int32_t>(in[0]),
                        b = static_cast<int32_t>(in[1]),
                        c = static_cast<int32_t>(in[2]);
                 out[0] = saturated(a + b);
                 out[1] = saturated(a - b);
                 out[2] = saturated(((a * b) >> 32) + c);
               },
               384);
}

/// Byte or half `n` of a word, extended.
static int64_t part(uint64_t word, int n, int width, bool isSigned) {
  uint64_t value = word >> (n * width) & ((1u << width) - 1);
  if (isSigned && value >> (width - 1))
    return static_cast<int64_t>(value) - (int64_t(1) << width);
  return static_cast<int64_t>(value);
}

template <bool aSigned, bool bSigned>
static void dot(const uint64_t *in, uint64_t *out) {
  int64_t four = 0, low = 0, high = 0;
  for (int i = 0; i < 4; ++i)
    four += part(in[0], i, 8, aSigned) * part(in[1], i, 8, bSigned);
  for (int i = 0; i < 2; ++i) {
    low += part(in[0], i, 16, aSigned) * part(in[1], i, 8, bSigned);
    high += part(in[0], i, 16, aSigned) * part(in[1], i + 2, 8, bSigned);
  }
  out[0] = static_cast<uint32_t>(four + in[2]);
  out[1] = static_cast<uint32_t>(low + in[2]);
  out[2] = static_cast<uint32_t>(high + in[2]);
}

static void addDots(Cases &cases) {
  Reference references[2][2] = {{dot<false, false>, dot<false, true>},
                                {dot<true, false>, dot<true, true>}};
  for (int a = 0; a < 2; ++a)
    for (int b = 0; b < 2; ++b) {
      std::vector<std::pair<std::string, std::string>> types = {
          {"A", a ? "s32" : "u32"}, {"B", b ? "s32" : "u32"}};
      Adder{cases}(fill("dot.$A.$B", types), "u32 a, u32 b, u32 c",
                   "u32 four, u32 low, u32 high",
                   fill(R"(dp4a.$A.$B four, a, b, c;
  dp2a.lo.$A.$B low, a, b, c;
  dp2a.hi.$A.$B high, a, b, c;)",
                        types),
                   references[a][b], 384);
    }
}

static void addPairs(Cases &cases) {
  Adder{cases}("pairs", "s16x2 a, s16x2 b",
               "s16x2 sum, s16x2 smallest, s16x2 largest, u16x2 low, "
               "u16x2 high, s16x2 relu, s32 relu32",
               R"(add.s16x2 sum, a, b;
  min.s16x2 smallest, a, b;
  max.s16x2 largest, a, b;
  min.u16x2 low, a, b;
  max.u16x2 high, a, b;
  min.relu.s16x2 relu, a, b;
  max.relu.s32 relu32, a, b;)",
               [](const uint64_t *in, uint64_t *out) {
                 for (int i = 0; i < 2; ++i) {
                   auto put = [&](int k, int64_t value) {
                     out[k] |= uint64_t(static_cast<uint16_t>(value))
                               << (16 * i);
                   };
                   int64_t a = part(in[0], i, 16, true),
                           b = part(in[1], i, 16, true),
                           ua = part(in[0], i, 16, false),
                           ub = part(in[1], i, 16, false);
                   put(0, a + b);
                   put(1, std::min(a, b));
                   put(2, std::max(a, b));
                   put(3, std::min(ua, ub));
                   put(4, std::max(ua, ub));
                   put(5, std::max(std::min(a, b), int64_t(0)));
                 }
                 out[6] = static_cast<uint32_t>(
                     std::max({static_cast<int32_t>(in[0]),
                               static_cast<int32_t>(in[1]), 0}));
               },
               256, {}, {90, false, 80});
}

void conformance::addIntegerCases(Cases &cases) {
  addType<uint16_t>(cases);
  addType<int16_t>(cases);
  addType<uint32_t>(cases);
  addType<int32_t>(cases);
  addType<uint64_t>(cases);
  addType<int64_t>(cases);
  addWide<uint16_t, uint32_t>(cases);
  addWide<int16_t, int32_t>(cases);
  addWide<uint32_t, uint64_t>(cases);
  addWide<int32_t, int64_t>(cases);
  addCarry(cases);
  addSaturation(cases);
  addDots(cases);
  addPairs(cases);
}
