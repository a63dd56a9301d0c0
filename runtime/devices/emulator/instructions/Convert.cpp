//===- Convert.cpp - cvt and cvt.pack ---------------------------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// PTX ISA, "cvt" and "cvt.pack". Any conversion can be made of a function that
// reads a number and one that writes it, lane by lane; those that compilers
// write often have loops of their own.
//
//===----------------------------------------------------------------------===//

#include "Numbers.h"
#include "Rounded.h"

using namespace attn::emulator;

namespace {

/// The element of a packed type.
Type elementOf(Type type) {
  if (type.packed)
    type.width /= 2;
  type.packed = false;
  return type;
}

// Op: src[0] (and src[1], for the lower half), dst; detail is the Reader,
// immediate the Writer, target the rounding and, from bit 8 on, the bits of the
// result.

enum : uint8_t { isWideSource = 32, isWideResult = 64, nanIsHigh = 128 };

Modes modesOf(const Op &op) {
  return {static_cast<Rounding>(op.target & 0xff), op.bits,
          op.bits & nanIsHigh ? uint64_t(1) << ((op.target >> 8) - 1) : 0};
}

template <typename Result, typename Compute>
void writeConverted(Warp &warp, const Op &op, LaneMask lanes, Compute compute) {
  Result results[lanesPerWarp] = {};
  for (int l = 0; l < lanesPerWarp; ++l)
    if (lanes >> l & 1)
      results[l] = static_cast<Result>(compute(l));
  copyLanes(warp.row<Result>(op.dst), results, lanes);
}

Flow convertAny(Warp &warp, const Op &op, LaneMask lanes) {
  auto read = reinterpret_cast<Reader>(op.detail);
  auto write = reinterpret_cast<Writer>(op.immediate);
  Modes modes = modesOf(op);
  auto compute = [&](int l) {
    uint64_t row = op.bits & isWideSource ? warp.row<uint64_t>(op.src[0])[l]
                                          : warp.row<uint32_t>(op.src[0])[l];
    return write(read(row, modes), modes);
  };
  if (op.bits & isWideResult)
    writeConverted<uint64_t>(warp, op, lanes, compute);
  else
    writeConverted<uint32_t>(warp, op, lanes, compute);
  return Flow::next;
}

/// Two f32 to the halves of the result, the first to the upper one.
template <int bits>
Flow convertTwo(Warp &warp, const Op &op, LaneMask lanes) {
  auto write = reinterpret_cast<Writer>(op.immediate);
  Modes modes = modesOf(op);
  const uint32_t *a = warp.row<uint32_t>(op.src[0]),
                 *b = warp.row<uint32_t>(op.src[1]);
  writeConverted<uint32_t>(warp, op, lanes, [&](int l) {
    return write(readF32(a[l], modes), modes) << bits |
           write(readF32(b[l], modes), modes);
  });
  return Flow::next;
}

/// The halves of the source to the halves of the result.
template <int from, int to>
Flow convertHalves(Warp &warp, const Op &op, LaneMask lanes) {
  auto read = reinterpret_cast<Reader>(op.detail);
  auto write = reinterpret_cast<Writer>(op.immediate);
  Modes modes = modesOf(op);
  const uint32_t *a = warp.row<uint32_t>(op.src[0]);
  writeConverted<uint32_t>(warp, op, lanes, [&](int l) {
    return write(read(a[l] >> from, modes), modes) << to |
           write(read(a[l], modes), modes);
  });
  return Flow::next;
}

//===----------------------------------------------------------------------===//
// Loops of their own
//===----------------------------------------------------------------------===//

template <typename To, typename From>
To cast(From value) {
  return static_cast<To>(value);
}
template <typename T>
float widen(T value) {
  return canonical(toFloat(value));
}
float toNearest(double value) { return canonical(static_cast<float>(value)); }

/// Rows of narrow integers are cut when they are read; the result is extended
/// to its row.
template <typename To, typename From>
Stored<To> castInteger(From value) {
  using Row = std::conditional_t<
      sizeof(To) == 8, uint64_t,
      std::conditional_t<std::is_signed_v<To>, int32_t, uint32_t>>;
  return static_cast<Stored<To>>(static_cast<Row>(static_cast<To>(value)));
}

template <Rounding rounding>
float roundToIntegral(float value) {
  switch (rounding) {
  case Rounding::zero:
    return canonical(std::trunc(value));
  case Rounding::down:
    return canonical(std::floor(value));
  case Rounding::up:
    return canonical(std::ceil(value));
  default:
    return canonical(std::rint(value));
  }
}
template <Rounding rounding>
int32_t toSigned(float value) {
  float whole = roundToIntegral<rounding>(value);
  float clamped = whole < -0x1p31f ? -0x1p31f : whole;
  clamped = clamped < 0x1p31f ? clamped : 0;
  int32_t result = static_cast<int32_t>(clamped);
  return whole >= 0x1p31f ? std::numeric_limits<int32_t>::max() : result;
}
template <Rounding rounding>
uint32_t toUnsigned(float value) {
  float whole = roundToIntegral<rounding>(value);
  float clamped = whole > 0 && whole < 0x1p32f ? whole : 0;
  // In two parts of 31 bits and less.
  bool isLarge = clamped >= 0x1p31f;
  int32_t low = static_cast<int32_t>(isLarge ? clamped - 0x1p31f : clamped);
  uint32_t result = static_cast<uint32_t>(low) + (isLarge ? 0x80000000u : 0);
  return whole >= 0x1p32f ? ~0u : result;
}

template <typename T>
uint32_t twoToNearest(float a, float b) {
  return uint32_t(fromFloat<T>(a).bits) << 16 | fromFloat<T>(b).bits;
}
template <typename T>
uint32_t twoRectified(float a, float b) {
  return twoToNearest<T>(relu(a), relu(b));
}

/// The loop for a conversion with these modifiers, or null.
Handler integerLoop(Type to, Type from) {
  Handler handler = nullptr;
  auto choose = [&](auto toTag) {
    using To = typename decltype(toTag)::type;
    auto inner = [&](auto fromTag) {
      using From = typename decltype(fromTag)::type;
      if (from.width == 8 * sizeof(From) &&
          from.isSigned() == std::is_signed_v<From>)
        handler = lanewise<castInteger<To, From>>;
    };
    if (to.width != 8 * sizeof(To) || to.isSigned() != std::is_signed_v<To>)
      return;
    inner(TypeTag<uint8_t>()), inner(TypeTag<int8_t>());
    inner(TypeTag<uint16_t>()), inner(TypeTag<int16_t>());
    inner(TypeTag<uint32_t>()), inner(TypeTag<int32_t>());
    inner(TypeTag<uint64_t>()), inner(TypeTag<int64_t>());
  };
  choose(TypeTag<uint8_t>()), choose(TypeTag<int8_t>());
  choose(TypeTag<uint16_t>()), choose(TypeTag<int16_t>());
  choose(TypeTag<uint32_t>()), choose(TypeTag<int32_t>());
  choose(TypeTag<uint64_t>()), choose(TypeTag<int64_t>());
  return handler;
}

Handler loopOf(std::string_view to, std::string_view from, uint8_t flags,
               Rounding rounding) {
  bool nearest = rounding == Rounding::nearest;
  auto byRounding = [&](Handler toNearest, Handler toZero, Handler down,
                        Handler up) {
    return nearest                      ? toNearest
           : rounding == Rounding::zero ? toZero
           : rounding == Rounding::down ? down
                                        : up;
  };
  if (from == ".f32" && flags == Modes::isIntegral) {
    if (to == ".s32")
      return byRounding(lanewise<toSigned<Rounding::nearest>>,
                        lanewise<toSigned<Rounding::zero>>,
                        lanewise<toSigned<Rounding::down>>,
                        lanewise<toSigned<Rounding::up>>);
    if (to == ".u32")
      return byRounding(lanewise<toUnsigned<Rounding::nearest>>,
                        lanewise<toUnsigned<Rounding::zero>>,
                        lanewise<toUnsigned<Rounding::down>>,
                        lanewise<toUnsigned<Rounding::up>>);
    if (to == ".f32")
      return byRounding(lanewise<roundToIntegral<Rounding::nearest>>,
                        lanewise<roundToIntegral<Rounding::zero>>,
                        lanewise<roundToIntegral<Rounding::down>>,
                        lanewise<roundToIntegral<Rounding::up>>);
  }
  if (flags || !nearest)
    return nullptr;
  struct Loop {
    std::string_view to, from;
    Handler handler;
  };
  static constexpr Loop loops[] = {
      {".f32", ".s32", lanewise<cast<float, int32_t>>},
      {".f32", ".u32", lanewise<cast<float, uint32_t>>},
      {".f64", ".s32", lanewise<cast<double, int32_t>>},
      {".f64", ".u32", lanewise<cast<double, uint32_t>>},
      {".f64", ".f32", lanewise<cast<double, float>>},
      {".f32", ".f64", lanewise<toNearest>},
      {".f32", ".f16", lanewise<widen<F16>>},
      {".f32", ".bf16", lanewise<widen<BF16>>},
      {".f16", ".f32", lanewise<fromFloat<F16>>},
      {".bf16", ".f32", lanewise<fromFloat<BF16>>},
  };
  for (const Loop &loop : loops)
    if (loop.to == to && loop.from == from)
      return loop.handler;
  return nullptr;
}

//===----------------------------------------------------------------------===//
// Decoding. The last two choices are the types.
//===----------------------------------------------------------------------===//

uint8_t flagsOf(const Match &match) {
  uint8_t flags = 0;
  auto add = [&](std::string_view modifier, uint8_t flag) {
    if (chosen(match, modifier))
      flags |= flag;
  };
  add(".ftz", Modes::flushes);
  add(".sat", Modes::saturates);
  add(".relu", Modes::rectifies);
  add(".satfinite", Modes::isFinite);
  for (std::string_view modifier : {".rni", ".rzi", ".rmi", ".rpi"})
    add(modifier, Modes::isIntegral);
  return flags;
}

/// Registers may be wider than their types, but for bf16 and tf32.
void decodeCvt(Decoder &decoder, const Match &match) {
  if (!decoder.expectOperands(2))
    return;
  Op &op = decoder.op;
  std::string_view to = match.choices[match.choices.size() - 2],
                   from = match.choices.back();
  Type toType = typeOf(to), fromType = typeOf(from);
  auto bitsOf = [&](size_t n, Type type) {
    decoder.allowWider = type.kind != Type::bfloat && type.kind != Type::tfloat;
    int bits = decoder.registerBits(decoder.operand(n));
    return decoder.allowWider && bits > 32 ? 64 : std::max<int>(type.width, 32);
  };
  int fromBits = bitsOf(1, fromType);
  Type fromRow = fromType;
  if (fromBits == 64)
    fromRow.width = 64;
  op.src[0] = decoder.source(1, fromRow);
  int toBits = bitsOf(0, toType);
  op.dst = decoder.destination(0, toType);

  uint8_t flags = flagsOf(match);
  Rounding rounding = roundingOf(match);
  bool areIntegers = !toType.isFloat() && !fromType.isFloat();
  bool areNatural = (fromBits == 64) == (fromType.width == 64) &&
                    (toBits == 64) == (toType.width == 64);
  op.handler = nullptr;
  if (areNatural)
    op.handler = areIntegers && !flags ? integerLoop(toType, fromType)
                                       : loopOf(to, from, flags, rounding);
  if (op.handler)
    return;
  bool isFromF64 = fromType.isFloat() && fromType.width == 64;
  if (isFromF64 || toType.width == 64)
    flags |= nanIsHigh;
  op.bits = flags | (fromBits == 64 ? isWideSource : 0) |
            (toBits == 64 ? isWideResult : 0);
  op.target = static_cast<int32_t>(rounding) | toType.width << 8;
  op.detail = reinterpret_cast<uint64_t>(readerOf(fromType));
  op.immediate = reinterpret_cast<int64_t>(
      writerOf(toType, areIntegers && !(flags & Modes::saturates)));
  op.handler = convertAny;
}

/// d, a, b: two f32 to a pair.
void decodeCvtTwo(Decoder &decoder, const Match &match) {
  if (!decoder.expectOperands(3))
    return;
  Op &op = decoder.op;
  Type type = typeOf(match.choices[match.choices.size() - 2]),
       f32 = typeOf(".f32");
  op.src[0] = decoder.source(1, f32);
  op.src[1] = decoder.source(2, f32);
  op.dst = decoder.destination(0, type);
  op.bits = flagsOf(match);
  Rounding rounding = roundingOf(match);
  op.target = static_cast<int32_t>(rounding);
  op.immediate = reinterpret_cast<int64_t>(writerOf(elementOf(type), false));
  op.handler = type.width == 32 ? convertTwo<16> : convertTwo<8>;
  if (type.width != 32 || rounding != Rounding::nearest)
    return;
  bool isBfloat = type.kind == Type::bfloat;
  if (op.bits == 0)
    op.handler =
        isBfloat ? lanewise<twoToNearest<BF16>> : lanewise<twoToNearest<F16>>;
  else if (op.bits == Modes::rectifies)
    op.handler =
        isBfloat ? lanewise<twoRectified<BF16>> : lanewise<twoRectified<F16>>;
  if (op.handler != convertTwo<16>)
    op.bits = 0;
}

/// d, a: a pair to a pair.
void decodeCvtHalves(Decoder &decoder, const Match &match) {
  if (!decoder.expectOperands(2))
    return;
  Op &op = decoder.op;
  Type to = typeOf(match.choices[match.choices.size() - 2]),
       from = typeOf(match.choices.back());
  op.src[0] = decoder.source(1, from);
  op.dst = decoder.destination(0, to);
  op.bits = flagsOf(match);
  op.target = static_cast<int32_t>(roundingOf(match));
  op.detail = reinterpret_cast<uint64_t>(readerOf(elementOf(from)));
  op.immediate = reinterpret_cast<int64_t>(writerOf(elementOf(to), false));
  op.handler = to.width == 16 ? convertHalves<16, 8> : convertHalves<8, 16>;
}

// cvt.pack: b in the lowest bits, a above, and the rest of c above that.

template <int bits, bool isSigned>
uint32_t clampTo(int32_t value) {
  constexpr int32_t greatest = (1 << (bits - isSigned)) - 1,
                    least = isSigned ? -greatest - 1 : 0;
  return static_cast<uint32_t>(std::min(std::max(value, least), greatest)) &
         ((1u << bits) - 1);
}
template <int bits, bool isSigned>
uint32_t packTwo(int32_t a, int32_t b) {
  return clampTo<bits, isSigned>(a) << bits | clampTo<bits, isSigned>(b);
}
template <int bits, bool isSigned>
uint32_t packOnto(int32_t a, int32_t b, uint32_t c) {
  return c << (2 * bits) | packTwo<bits, isSigned>(a, b);
}
void decodePack(Decoder &decoder, const Match &match) {
  if (match[0] == ".u16")
    setLanewise<packTwo<16, false>>(decoder);
  else
    setLanewise<packTwo<16, true>>(decoder);
}
void decodePackOnto(Decoder &decoder, const Match &match) {
  std::string_view type = match[0];
  if (type == ".u8")
    setLanewise<packOnto<8, false>>(decoder);
  else if (type == ".s8")
    setLanewise<packOnto<8, true>>(decoder);
  else if (type == ".u4")
    setLanewise<packOnto<4, false>>(decoder);
  else if (type == ".s4")
    setLanewise<packOnto<4, true>>(decoder);
  else if (type == ".u2")
    setLanewise<packOnto<2, false>>(decoder);
  else
    setLanewise<packOnto<2, true>>(decoder);
}

} // namespace

std::vector<Form> attn::emulator::convertForms() {
#define ATTN_INTEGERS "<.u8|.u16|.u32|.u64|.s8|.s16|.s32|.s64>"
#define ATTN_WORDS "<.u16|.u32|.u64|.s16|.s32|.s64>"
#define ATTN_ROUND "<.rn|.rz|.rm|.rp>"
#define ATTN_WHOLE "<.rni|.rzi|.rmi|.rpi>"
#define ATTN_MAY_ROUND "[.rn|.rz|.rm|.rp]"
#define ATTN_MAY_WHOLE "[.rni|.rzi|.rmi|.rpi]"
  constexpr const char *t01 = "%$00, %$11", *t12 = "%$10, %$21",
                       *t23 = "%$20, %$31", *t34 = "%$30, %$41",
                       *two = "%r0, %r1, %r2", *r = "%r0, %r1",
                       *fp8 = "%h0, %r1, %r2", *pack = "%r0, %r1, %r2, %r3";
  return {
      // Integers; .sat exists where a number might not fit.
      {"cvt" ATTN_INTEGERS ATTN_INTEGERS, t01, decodeCvt},
      {"cvt<.u32|.s32|.u16|.s16>" ATTN_WORDS, "%d0, %d1", decodeCvt},
      {"cvt<.sat><.s8><.u8>", t12, decodeCvt},
      {"cvt<.sat><.u8|.u16|.u32|.u64><.s8>", t12, decodeCvt},
      {"cvt<.sat><.u8|.s8|.s16><.u16>", t12, decodeCvt},
      {"cvt<.sat><.u8|.s8|.u16|.u32|.u64><.s16>", t12, decodeCvt},
      {"cvt<.sat><.u8|.s8|.u16|.s16|.s32><.u32>", t12, decodeCvt},
      {"cvt<.sat><.u8|.s8|.u16|.s16|.u32|.u64><.s32>", t12, decodeCvt},
      {"cvt<.sat><.u8|.s8|.u16|.s16|.u32|.s32|.s64><.u64>", t12, decodeCvt},
      {"cvt<.sat><.u8|.s8|.u16|.s16|.u32|.s32|.u64><.s64>", t12, decodeCvt},

      // From and to integers.
      {"cvt" ATTN_WHOLE "[.ftz][.sat]" ATTN_INTEGERS "<.f32>", t34, decodeCvt},
      {"cvt" ATTN_WHOLE "[.sat]" ATTN_INTEGERS "<.f64|.f16>", t23, decodeCvt},
      {"cvt" ATTN_WHOLE ATTN_WORDS "<.bf16>", t12, decodeCvt, 90, false, 78},
      {"cvt" ATTN_ROUND "[.ftz][.sat]<.f32>" ATTN_INTEGERS, t34, decodeCvt},
      {"cvt" ATTN_ROUND "[.sat]<.f64|.f16>" ATTN_INTEGERS, t23, decodeCvt},
      {"cvt" ATTN_ROUND "<.bf16>" ATTN_WORDS, t12, decodeCvt, 90, false, 78},

      // Floating point.
      {"cvt" ATTN_MAY_WHOLE "[.ftz][.sat]<.f32><.f32>", t34, decodeCvt},
      {"cvt" ATTN_MAY_WHOLE "[.sat]<.f64><.f64>", t23, decodeCvt},
      {"cvt" ATTN_MAY_WHOLE "[.sat]<.f16><.f16>", t23, decodeCvt},
      {"cvt" ATTN_MAY_WHOLE "<.bf16><.bf16>", t12, decodeCvt, 90, false, 78},
      {"cvt[.ftz][.sat]<.f64><.f32>", t23, decodeCvt},
      {"cvt[.ftz][.sat]<.f32><.f16>", t23, decodeCvt},
      {"cvt[.sat]<.f64><.f16>", t12, decodeCvt},
      {"cvt" ATTN_ROUND "[.ftz][.sat]<.f32><.f64>", t34, decodeCvt},
      {"cvt" ATTN_ROUND "[.ftz][.sat]<.f16><.f32>", t34, decodeCvt},
      {"cvt" ATTN_ROUND "[.sat]<.f16><.f64>", t23, decodeCvt},
      {"cvt" ATTN_ROUND "[.ftz]<.bf16><.f32>", t23, decodeCvt, 80, false, 70},
      {"cvt" ATTN_MAY_ROUND "<.f32><.bf16>", t12, decodeCvt, 80, false, 71},
      {"cvt" ATTN_MAY_ROUND "<.ftz><.f32><.bf16>", t23, decodeCvt, 90, false,
       78},
      {"cvt" ATTN_MAY_ROUND "<.f64><.bf16>", t12, decodeCvt, 90, false, 78},
      {"cvt" ATTN_ROUND "<.f16><.bf16>", t12, decodeCvt, 90, false, 78},
      {"cvt" ATTN_ROUND "<.bf16><.f16|.f64>", t12, decodeCvt, 90, false, 78},

      // .relu and .satfinite.
      {"cvt<.rn|.rz><.satfinite><.f16><.f32>", t23, decodeCvt, 0, false, 81},
      {"cvt<.rn|.rz><.relu><.f16|.bf16><.f32>", t23, decodeCvt, 80, false, 70},
      {"cvt<.rn|.rz><.relu><.satfinite><.f16|.bf16><.f32>", t34, decodeCvt, 80,
       false, 81},
      {"cvt<.rn|.rz><.satfinite><.bf16><.f32>", t23, decodeCvt, 80, false, 81},
      {"cvt<.rn|.rz>[.relu]<.f16x2|.bf16x2><.f32>", two, decodeCvtTwo, 80,
       false, 70},
      {"cvt<.rn|.rz>[.relu]<.satfinite><.f16x2|.bf16x2><.f32>", two,
       decodeCvtTwo, 80, false, 81},
      {"cvt<.rn|.rz><.satfinite><.relu><.f16x2|.bf16x2><.f32>", two,
       decodeCvtTwo, 80, false, 81},
      {"cvt<.rna><.tf32><.f32>", r, decodeCvt, 80, false, 70},
      {"cvt<.rna><.satfinite><.tf32><.f32>", r, decodeCvt, 80, false, 81},
      {"cvt<.rn|.rz>[.relu]<.tf32><.f32>", r, decodeCvt, 90, false, 78},

      // Pairs of 8 bits.
      {"cvt<.rn>[.relu]<.satfinite><.e4m3x2|.e5m2x2><.f32>", fp8, decodeCvtTwo,
       89, false, 78},
      {"cvt<.rn><.satfinite><.relu><.e4m3x2|.e5m2x2><.f32>", fp8, decodeCvtTwo,
       89, false, 78},
      {"cvt<.rn>[.relu]<.satfinite><.e4m3x2|.e5m2x2><.f16x2>", "%h0, %r1",
       decodeCvtHalves, 89, false, 78},
      {"cvt<.rn><.satfinite><.relu><.e4m3x2|.e5m2x2><.f16x2>", "%h0, %r1",
       decodeCvtHalves, 89, false, 78},
      {"cvt<.rn>[.relu]<.f16x2><.e4m3x2|.e5m2x2>", "%r0, %h1", decodeCvtHalves,
       89, false, 78},

      {"cvt.pack.sat<.u16|.s16>.s32", two, decodePack, 72, false, 65},
      {"cvt.pack.sat<.u8|.s8>.s32.b32", pack, decodePackOnto, 72, false, 65},
      {"cvt.pack.sat<.u4|.s4|.u2|.s2>.s32.b32", pack, decodePackOnto, 75, false,
       65},
  };
#undef ATTN_INTEGERS
#undef ATTN_WORDS
#undef ATTN_ROUND
#undef ATTN_WHOLE
#undef ATTN_MAY_ROUND
#undef ATTN_MAY_WHOLE
}
