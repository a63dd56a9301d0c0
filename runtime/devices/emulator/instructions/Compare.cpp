//===- Compare.cpp - setp and set -------------------------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// PTX ISA, "Comparison and Selection Instructions" and "Half Precision
// Comparison Instructions".
//
//===----------------------------------------------------------------------===//

#include "Rounded.h"

using namespace attn::emulator;

namespace {

enum Comparison {
  eq,
  ne,
  lt,
  le,
  gt,
  ge,
  equ, // with u: true as well if an operand is NaN
  neu,
  ltu,
  leu,
  gtu,
  geu,
  num,
  nan,
  comparisonCount
};

/// "lo", "ls", "hi" and "hs" are the unsigned names of four of them.
Comparison comparisonOf(std::string_view text) {
  static constexpr std::pair<std::string_view, Comparison> names[] = {
      {".eq", eq},   {".ne", ne},   {".lt", lt},   {".le", le},   {".gt", gt},
      {".ge", ge},   {".lo", lt},   {".ls", le},   {".hi", gt},   {".hs", ge},
      {".equ", equ}, {".neu", neu}, {".ltu", ltu}, {".leu", leu}, {".gtu", gtu},
      {".geu", geu}, {".num", num}, {".nan", nan}};
  for (auto [name, comparison] : names)
    if (name == text)
      return comparison;
  return eq;
}

template <Comparison comparison, typename T>
bool compare(T a, T b) {
  bool unordered = a != a || b != b; // false of integers
  switch (comparison) {
  case eq:
    return a == b;
  case ne:
    return a < b || a > b;
  case lt:
    return a < b;
  case le:
    return a <= b;
  case gt:
    return a > b;
  case ge:
    return a >= b;
  case equ:
    return a == b || unordered;
  case neu:
    return a != b;
  case ltu:
    return !(a >= b);
  case leu:
    return !(a > b);
  case gtu:
    return !(a <= b);
  case geu:
    return !(a < b);
  case num:
    return !unordered;
  default:
    return unordered;
  }
}

// How operands lie in their rows.

template <typename T>
struct Plain {
  using Lane = Stored<T>;
  static T read(Lane bits) { return fromStored<T>(bits); }
};
struct Flushed {
  using Lane = uint32_t;
  static float read(Lane bits) { return flush(bitCast<float>(bits)); }
};
template <typename Format, int shift, bool ftz>
struct Half {
  using Lane = uint32_t;
  static float read(Lane bits) {
    Format half{static_cast<uint16_t>(bits >> shift)};
    float value = toFloat(half);
    // Subnormal numbers of f16 are normal as f32.
    if constexpr (ftz)
      value = half.bits & 0x7c00 ? value : std::copysign(0.0f, value);
    return value;
  }
};

/// The lanes in which the comparison holds.
using Compare = LaneMask (*)(Warp &, const Op &);

template <typename Operand, Comparison comparison>
LaneMask compareRows(Warp &warp, const Op &op) {
  using Lane = typename Operand::Lane;
  const Lane *a = warp.row<Lane>(op.src[0]), *b = warp.row<Lane>(op.src[1]);
  return collectLanes([=](int l) {
    return compare<comparison>(Operand::read(a[l]), Operand::read(b[l]));
  });
}
/// setp with one destination and nothing to combine with.
template <typename Operand, Comparison comparison>
Flow plainSetp(Warp &warp, const Op &op, LaneMask lanes) {
  writePredicate(warp, op.dst, lanes,
                 compareRows<Operand, comparison>(warp, op));
  return Flow::next;
}

struct Functions {
  Compare compare = nullptr;
  Handler plain = nullptr;
};
template <typename Operand, size_t... n>
Functions pick(Comparison comparison, std::index_sequence<n...>) {
  static constexpr Functions all[] = {
      {compareRows<Operand, static_cast<Comparison>(n)>,
       plainSetp<Operand, static_cast<Comparison>(n)>}...};
  return all[comparison];
}
template <typename Operand>
Functions pickInteger(Comparison comparison) {
  return pick<Operand>(comparison, std::make_index_sequence<ge + 1>());
}
template <typename Operand>
Functions pickFloat(Comparison comparison) {
  return pick<Operand>(comparison, std::make_index_sequence<comparisonCount>());
}

template <typename Format, int shift>
Functions pickHalf(Comparison comparison, bool ftz) {
  return ftz ? pickFloat<Half<Format, shift, true>>(comparison)
             : pickFloat<Half<Format, shift, false>>(comparison);
}

/// The functions for operands of a type; `high` for the upper halves of packed
/// ones.
Functions functionsFor(Type type, Comparison comparison, bool ftz, bool high) {
  if (type.kind == Type::bfloat)
    return high ? pickHalf<BF16, 16>(comparison, false)
                : pickHalf<BF16, 0>(comparison, false);
  if (type.kind == Type::floating && (type.width == 16 || type.packed))
    return high ? pickHalf<F16, 16>(comparison, ftz)
                : pickHalf<F16, 0>(comparison, ftz);
  if (type.kind == Type::floating && type.width == 64)
    return pickFloat<Plain<double>>(comparison);
  if (type.kind == Type::floating)
    return ftz ? pickFloat<Flushed>(comparison)
               : pickFloat<Plain<float>>(comparison);
  switch (type.width) {
  case 16:
    return type.isSigned() ? pickInteger<Plain<int16_t>>(comparison)
                           : pickInteger<Plain<uint16_t>>(comparison);
  case 32:
    return type.isSigned() ? pickInteger<Plain<int32_t>>(comparison)
                           : pickInteger<Plain<uint32_t>>(comparison);
  default:
    return type.isSigned() ? pickInteger<Plain<int64_t>>(comparison)
                           : pickInteger<Plain<uint64_t>>(comparison);
  }
}

// Op: src[0], src[1] are compared, src[2] is combined with, src[3] is the
// second destination; `target` says with which operation.

enum Combination : int32_t { combineNot, combineAnd, combineOr, combineXor };
enum : uint8_t { negatesCombined = 1, hasSecond = 2, isPacked = 4 };

LaneMask combine(Warp &warp, const Op &op, LaneMask mask) {
  if (op.target == combineNot)
    return mask;
  LaneMask other = warp.predicate(op.src[2]);
  if (op.bits & negatesCombined)
    other = ~other;
  return op.target == combineAnd  ? mask & other
         : op.target == combineOr ? mask | other
                                  : mask ^ other;
}

/// What the comparisons give, combined; of lower and upper halves if packed,
/// else of the comparison and its opposite.
struct Results {
  LaneMask first, second;
};
Results evaluate(Warp &warp, const Op &op) {
  LaneMask first = reinterpret_cast<Compare>(op.detail)(warp, op);
  LaneMask second = op.bits & isPacked
                        ? reinterpret_cast<Compare>(op.immediate)(warp, op)
                        : ~first;
  return {combine(warp, op, first), combine(warp, op, second)};
}

Flow runSetp(Warp &warp, const Op &op, LaneMask lanes) {
  Results results = evaluate(warp, op);
  writePredicate(warp, op.dst, lanes, results.first);
  if (op.bits & hasSecond)
    writePredicate(warp, op.src[3], lanes, results.second);
  return Flow::next;
}

/// What `set` writes for true, by the type.
template <uint32_t low, uint32_t high>
Flow runSet(Warp &warp, const Op &op, LaneMask lanes) {
  Results results = evaluate(warp, op);
  writeLanes(warp.row<uint32_t>(op.dst), lanes, [=](int l) {
    return (laneSelect(results.first, l) & low) |
           (laneSelect(results.second, l) & high);
  });
  return Flow::next;
}

// Decoding. Operands: d, a, b and c, if a combination is chosen.

Functions decodeComparison(Decoder &decoder, const Match &match) {
  Op &op = decoder.op;
  Type type = typeOf(match.choices.back());
  bool combines =
      chosen(match, ".and") || chosen(match, ".or") || chosen(match, ".xor");
  if (!decoder.expectOperands(combines ? 4 : 3))
    return {};
  op.src[0] = decoder.source(1, type);
  op.src[1] = decoder.source(2, type);
  op.target = combineNot;
  if (combines) {
    bool negated = false;
    op.src[2] = decoder.sourcePredicate(3, &negated);
    op.bits |= negated ? negatesCombined : 0;
    op.target = chosen(match, ".and")  ? combineAnd
                : chosen(match, ".or") ? combineOr
                                       : combineXor;
  }
  Comparison comparison = comparisonOf(match[0]);
  bool ftz = chosen(match, ".ftz");
  Functions functions = functionsFor(type, comparison, ftz, false);
  op.detail = reinterpret_cast<uint64_t>(functions.compare);
  if (type.packed) {
    op.bits |= isPacked;
    op.immediate = reinterpret_cast<int64_t>(
        functionsFor(type, comparison, ftz, true).compare);
  }
  return functions;
}

void decodeSetp(Decoder &decoder, const Match &match) {
  Op &op = decoder.op;
  Functions functions = decodeComparison(decoder, match);
  if (decoder.failed())
    return;
  const ptx::Operand &destination = decoder.operand(0);
  if (destination.kind == ptx::Operand::Kind::pair) {
    Type type = typeOf(match.choices.back());
    if (type.isFloat() && type.width == 16)
      return decoder.fail("one destination is expected");
    op.dst = decoder.destinationPredicate(destination.elements[0]);
    op.src[3] = decoder.destinationPredicate(destination.elements[1]);
    op.bits |= hasSecond;
  } else {
    if (op.bits & isPacked)
      return decoder.fail("the destination is a pair, as in %p0|%p1");
    op.dst = decoder.destinationPredicate(0);
  }
  bool isPlain = op.bits == 0 && op.target == combineNot;
  op.handler = isPlain ? functions.plain : runSetp;
}

void decodeSet(Decoder &decoder, const Match &match) {
  Op &op = decoder.op;
  decodeComparison(decoder, match);
  if (decoder.failed())
    return;
  // The type of the destination comes before that of the operands.
  Type type = typeOf(match.choices[match.choices.size() - 2]);
  if (op.bits & isPacked)
    op.handler = type.kind == Type::floating ? runSet<0x3c00, 0x3c000000>
                 : type.kind == Type::bfloat ? runSet<0x3f80, 0x3f800000>
                                             : runSet<0xffff, 0xffff0000>;
  else if (type.isFloat())
    op.handler = type.kind == Type::bfloat ? runSet<0x3f80, 0>
                 : type.width == 16        ? runSet<0x3c00, 0>
                                           : runSet<0x3f800000, 0>;
  else
    op.handler = type.width == 16 ? runSet<0xffff, 0> : runSet<0xffffffff, 0>;
  op.dst = decoder.destination(0, type);
}

} // namespace

std::vector<Form> attn::emulator::compareForms() {
#define ATTN_EQUAL "<.eq|.ne>"
#define ATTN_ORDER "<.eq|.ne|.lt|.le|.gt|.ge>"
#define ATTN_UNSIGNED "<.eq|.ne|.lt|.le|.gt|.ge|.lo|.ls|.hi|.hs>"
#define ATTN_FLOAT                                                             \
  "<.eq|.ne|.lt|.le|.gt|.ge|.equ|.neu|.ltu|.leu|.gtu|.geu|.num|.nan>"
#define ATTN_LOGIC "<.and|.or|.xor>"
#define ATTN_B "<.b16|.b32|.b64>"
#define ATTN_U "<.u16|.u32|.u64>"
#define ATTN_S "<.s16|.s32|.s64>"
#define ATTN_WORDS "<.u32|.s32|.f32>"
#define ATTN_INTEGERS "<.u16|.s16|.u32|.s32>"
  constexpr const char *p1 = "%p0, %$11, %$12", *q1 = "%p0|%p1, %$11, %$12",
                       *p2 = "%p0, %$21, %$22, !%p2",
                       *q2 = "%p0|%p1, %$21, %$22, %p2", *rf = "%p0, %r1, %r2",
                       *rf2 = "%p0|%p1, %r1, %r2, %p2", *df = "%p0, %d1, %d2",
                       *df2 = "%p0|%p1, %d1, %d2, !%p2", *hf = "%p0, %h1, %h2",
                       *hf2 = "%p0, %h1, %h2, !%p2", *xf = "%p0|%p1, %r1, %r2",
                       *d1 = "%$10, %$21, %$22", *d2 = "%$20, %$31, %$32, !%p2",
                       *x1 = "%$20, %$31, %$32", *x2 = "%$30, %$41, %$42, %p2";
  return {
      {"setp" ATTN_EQUAL ATTN_B, p1, decodeSetp},
      {"setp" ATTN_UNSIGNED ATTN_U, q1, decodeSetp},
      {"setp" ATTN_ORDER ATTN_S, p1, decodeSetp},
      {"setp" ATTN_FLOAT "[.ftz]<.f32>", rf, decodeSetp},
      {"setp" ATTN_FLOAT "<.f64>", df, decodeSetp},
      {"setp" ATTN_FLOAT "[.ftz]<.f16>", hf, decodeSetp, 53, false, 42},
      {"setp" ATTN_FLOAT "[.ftz]<.f16x2>", xf, decodeSetp, 53, false, 42},
      {"setp" ATTN_FLOAT "<.bf16>", hf, decodeSetp, 90, false, 78},
      {"setp" ATTN_FLOAT "<.bf16x2>", xf, decodeSetp, 90, false, 78},

      {"setp" ATTN_EQUAL ATTN_LOGIC ATTN_B, p2, decodeSetp},
      {"setp" ATTN_UNSIGNED ATTN_LOGIC ATTN_U, q2, decodeSetp},
      {"setp" ATTN_ORDER ATTN_LOGIC ATTN_S, p2, decodeSetp},
      {"setp" ATTN_FLOAT ATTN_LOGIC "[.ftz]<.f32>", rf2, decodeSetp},
      {"setp" ATTN_FLOAT ATTN_LOGIC "<.f64>", df2, decodeSetp},
      {"setp" ATTN_FLOAT ATTN_LOGIC "[.ftz]<.f16>", hf2, decodeSetp, 53, false,
       42},
      {"setp" ATTN_FLOAT ATTN_LOGIC "[.ftz]<.f16x2>", rf2, decodeSetp, 53,
       false, 42},
      {"setp" ATTN_FLOAT ATTN_LOGIC "<.bf16>", hf2, decodeSetp, 90, false, 78},
      {"setp" ATTN_FLOAT ATTN_LOGIC "<.bf16x2>", rf2, decodeSetp, 90, false,
       78},

      {"set" ATTN_EQUAL ATTN_WORDS ATTN_B, d1, decodeSet},
      {"set" ATTN_UNSIGNED ATTN_WORDS ATTN_U, d1, decodeSet},
      {"set" ATTN_ORDER ATTN_WORDS ATTN_S, d1, decodeSet},
      {"set" ATTN_FLOAT "[.ftz]" ATTN_WORDS "<.f32>", x1, decodeSet},
      {"set" ATTN_FLOAT ATTN_WORDS "<.f64>", d1, decodeSet},
      {"set" ATTN_EQUAL "<.f16>" ATTN_B, d1, decodeSet, 53, false, 42},
      {"set" ATTN_UNSIGNED "<.f16>" ATTN_U, d1, decodeSet, 53, false, 42},
      {"set" ATTN_ORDER "<.f16>" ATTN_S, d1, decodeSet, 53, false, 42},
      {"set" ATTN_FLOAT "[.ftz]<.f16><.f16|.f32>", x1, decodeSet, 53, false,
       42},
      {"set" ATTN_FLOAT "<.f16><.f64>", d1, decodeSet, 53, false, 42},
      {"set" ATTN_FLOAT "[.ftz]" ATTN_INTEGERS "<.f16>", x1, decodeSet, 53,
       false, 42},
      {"set" ATTN_FLOAT "[.ftz]<.f16x2|.u32|.s32><.f16x2>", x1, decodeSet, 53,
       false, 42},
      {"set" ATTN_FLOAT "<.bf16><.bf16>", d1, decodeSet, 90, false, 78},
      {"set" ATTN_FLOAT ATTN_INTEGERS "<.bf16>", d1, decodeSet, 90, false, 78},
      {"set" ATTN_FLOAT "<.bf16x2|.u32|.s32><.bf16x2>", d1, decodeSet, 90,
       false, 78},

      {"set" ATTN_EQUAL ATTN_LOGIC ATTN_WORDS ATTN_B, d2, decodeSet},
      {"set" ATTN_UNSIGNED ATTN_LOGIC ATTN_WORDS ATTN_U, d2, decodeSet},
      {"set" ATTN_ORDER ATTN_LOGIC ATTN_WORDS ATTN_S, d2, decodeSet},
      {"set" ATTN_FLOAT ATTN_LOGIC "[.ftz]" ATTN_WORDS "<.f32>", x2, decodeSet},
      {"set" ATTN_FLOAT ATTN_LOGIC ATTN_WORDS "<.f64>", d2, decodeSet},
      {"set" ATTN_FLOAT ATTN_LOGIC "[.ftz]<.f16><.f16|.f32>", x2, decodeSet, 53,
       false, 42},
      {"set" ATTN_FLOAT ATTN_LOGIC "[.ftz]" ATTN_INTEGERS "<.f16>", x2,
       decodeSet, 53, false, 42},
      {"set" ATTN_FLOAT ATTN_LOGIC "[.ftz]<.f16x2|.u32|.s32><.f16x2>", x2,
       decodeSet, 53, false, 42},
      {"set" ATTN_FLOAT ATTN_LOGIC "<.bf16><.bf16>", d2, decodeSet, 90, false,
       78},
      {"set" ATTN_FLOAT ATTN_LOGIC ATTN_INTEGERS "<.bf16>", d2, decodeSet, 90,
       false, 78},
      {"set" ATTN_FLOAT ATTN_LOGIC "<.bf16x2|.u32|.s32><.bf16x2>", d2,
       decodeSet, 90, false, 78},
  };
#undef ATTN_EQUAL
#undef ATTN_ORDER
#undef ATTN_UNSIGNED
#undef ATTN_FLOAT
#undef ATTN_LOGIC
#undef ATTN_B
#undef ATTN_U
#undef ATTN_S
#undef ATTN_WORDS
#undef ATTN_INTEGERS
}
