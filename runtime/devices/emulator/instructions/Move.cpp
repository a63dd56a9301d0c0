//===- Move.cpp - mov, prmt, selp, slct, cvta, isspacep ---------*- C++ -*-===//
//
// Part of attn-mlir, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// PTX ISA, "Data Movement and Conversion Instructions" (those without memory)
// and "Comparison and Selection Instructions" (selp, slct).
//
//===----------------------------------------------------------------------===//

#include "Floats.h"

using namespace attn::emulator;
using Kind = ptx::Operand::Kind;

namespace {

//===----------------------------------------------------------------------===//
// mov
//===----------------------------------------------------------------------===//

template <typename T>
T same(T value) {
  return value;
}

Flow movePredicate(Warp &warp, const Op &op, LaneMask lanes) {
  LaneMask value = warp.predicate(op.src[0]) ^ (op.bits ? allLanes : 0);
  writePredicate(warp, op.dst, lanes, value);
  return Flow::next;
}

/// Clocks count the warp instructions of the launch; Op::detail is a shift for
/// the upper halves.
template <typename T>
Flow readClock(Warp &warp, const Op &op, LaneMask lanes) {
  T value = static_cast<T>(warp.cta.launch.executed >> op.detail);
  writeLanes(warp.row<T>(op.dst), lanes, [=](int) { return value; });
  return Flow::next;
}

/// The row of a special register, or handler and detail of a clock.
void decodeSpecial(Decoder &decoder, const std::string &name, Type type) {
  Op &op = decoder.op;
  if (name == "is_explicit_cluster")
    return decoder.fail("'%" + name + "' is a predicate");
  bool isWideClock = name == "clock64" || name == "globaltimer";
  bool isClock = isWideClock || name == "clock" || name == "clock_hi" ||
                 name == "globaltimer_lo" || name == "globaltimer_hi";
  if (isClock ? type.width != (isWideClock ? 64 : 32)
              : type.width == 64 && name != "gridid")
    return decoder.fail("the register '%" + name + "' has " +
                        (isWideClock ? "64" : "32") + " bits");
  if (isClock) {
    op.detail = name == "clock_hi" || name == "globaltimer_hi" ? 32 : 0;
    op.handler = isWideClock ? readClock<uint64_t> : readClock<uint32_t>;
  } else if (type.width == 64) {
    op.src[0] = decoder.constantRow(0, type); // %gridid
    op.handler = lanewise<same<uint64_t>>;
  } else {
    op.src[0] = decoder.specialRow(name);
    op.handler = lanewise<same<uint32_t>>;
  }
}

/// Element k of a vector lies at bit k * its width.
template <typename Element, int count>
Flow pack(Warp &warp, const Op &op, LaneMask lanes) {
  constexpr int width = 8 * sizeof(Element);
  using T = std::conditional_t<width * count == 64, uint64_t, uint32_t>;
  const uint32_t *rows[count];
  for (int k = 0; k < count; ++k)
    rows[k] = warp.row<uint32_t>(warp.listed(op, static_cast<unsigned>(k)));
  writeLanes(warp.row<T>(op.dst), lanes, [=](int l) {
    T value = 0;
    for (int k = 0; k < count; ++k)
      value |= T(static_cast<Element>(rows[k][l])) << (k * width);
    return value;
  });
  return Flow::next;
}
template <typename Element, int count>
Flow unpack(Warp &warp, const Op &op, LaneMask lanes) {
  constexpr int width = 8 * sizeof(Element);
  using T = std::conditional_t<width * count == 64, uint64_t, uint32_t>;
  const T *row = warp.row<T>(op.src[0]);
  for (int k = 0; k < count; ++k) {
    Ref ref = warp.listed(op, static_cast<unsigned>(k));
    writeLanes(warp.row<uint32_t>(ref), lanes, [=](int l) {
      return uint32_t(static_cast<Element>(row[l] >> (k * width)));
    });
  }
  return Flow::next;
}

void decodeVector(Decoder &decoder, Type type, bool packs) {
  size_t count = decoder.operand(packs ? 1 : 0).elements.size();
  int width = count ? type.width / static_cast<int>(count) : 0;
  struct Choice {
    int width, count;
    Handler packs, unpacks;
  };
  static constexpr Choice choices[] = {
      {8, 2, pack<uint8_t, 2>, unpack<uint8_t, 2>},
      {8, 4, pack<uint8_t, 4>, unpack<uint8_t, 4>},
      {16, 2, pack<uint16_t, 2>, unpack<uint16_t, 2>},
      {16, 4, pack<uint16_t, 4>, unpack<uint16_t, 4>},
      {32, 2, pack<uint32_t, 2>, unpack<uint32_t, 2>},
  };
  for (const Choice &choice : choices) {
    if (choice.width != width || choice.count != static_cast<int>(count))
      continue;
    Type element{Type::bits, static_cast<uint8_t>(width)};
    if (packs) {
      decoder.listSources(1, element, count);
      decoder.op.dst = decoder.destination(0, type);
      decoder.op.handler = choice.packs;
    } else {
      decoder.op.src[0] = decoder.source(1, type);
      decoder.listDestinations(0, element, count);
      decoder.op.handler = choice.unpacks;
    }
    return;
  }
  decoder.fail("a vector of " + std::to_string(count) +
               " elements does not make " + std::to_string(type.width) +
               " bits");
}

void decodeMove(Decoder &decoder, const Match &match) {
  Type type = typeOf(match.choices.back());
  if (!decoder.expectOperands(2))
    return;
  Op &op = decoder.op;
  const ptx::Operand &to = decoder.operand(0), &from = decoder.operand(1);
  if (to.kind == Kind::vector || from.kind == Kind::vector) {
    if (type.kind != Type::bits ||
        (to.kind == Kind::vector && from.kind == Kind::vector))
      return decoder.fail("one vector is packed or unpacked, with .b16, .b32 "
                          "or .b64");
    return decodeVector(decoder, type, from.kind == Kind::vector);
  }
  if (from.kind == Kind::special) {
    decodeSpecial(decoder, from.name, type);
  } else {
    op.src[0] = decoder.source(1, type);
    op.handler =
        type.width == 64 ? lanewise<same<uint64_t>> : lanewise<same<uint32_t>>;
  }
  op.dst = decoder.destination(0, type);
}

/// The special register that is a predicate: no cluster was asked for.
Flow moveIsExplicitCluster(Warp &warp, const Op &op, LaneMask lanes) {
  writePredicate(warp, op.dst, lanes, 0);
  return Flow::next;
}

void decodeMovePredicate(Decoder &decoder, const Match &) {
  if (!decoder.expectOperands(2))
    return;
  if (decoder.operand(1).kind == Kind::special) {
    if (decoder.operand(1).name != "is_explicit_cluster")
      return decoder.fail("'%" + decoder.operand(1).name + "' is no predicate");
    decoder.op.dst = decoder.destinationPredicate(0);
    decoder.op.handler = moveIsExplicitCluster;
    return;
  }
  bool negated = false;
  decoder.op.src[0] = decoder.sourcePredicate(1, &negated);
  decoder.op.bits = negated;
  decoder.op.dst = decoder.destinationPredicate(0);
  decoder.op.handler = movePredicate;
}

//===----------------------------------------------------------------------===//
// prmt
//===----------------------------------------------------------------------===//

/// Bytes of b:a; bit 3 of a selector takes the sign of the byte instead.
uint32_t permute(uint32_t a, uint32_t b, uint32_t selectors) {
  uint64_t both = uint64_t(b) << 32 | a;
  uint32_t result = 0;
  for (int n = 0; n < 4; ++n) {
    uint32_t selector = selectors >> (4 * n);
    uint32_t byte = static_cast<uint32_t>(both >> (8 * (selector & 7))) & 0xff;
    uint32_t sign = (0 - (byte >> 7)) & 0xff;
    result |= (selector & 8 ? sign : byte) << (8 * n);
  }
  return result;
}
uint32_t lowerHalves(uint32_t a, uint32_t b, uint32_t) {
  return (a & 0xffff) | b << 16;
}
uint32_t upperHalves(uint32_t a, uint32_t b, uint32_t) {
  return a >> 16 | (b & 0xffff0000);
}

/// The selectors that a mode makes of the two lowest bits of c.
template <uint16_t s0, uint16_t s1, uint16_t s2, uint16_t s3>
uint32_t permuteByMode(uint32_t a, uint32_t b, uint32_t c) {
  uint32_t n = c & 3;
  return permute(a, b, n == 0 ? s0 : n == 1 ? s1 : n == 2 ? s2 : s3);
}

void decodePrmt(Decoder &decoder, const Match &match) {
  std::string_view mode = match[0];
  if (mode == ".f4e")
    return setLanewise<permuteByMode<0x3210, 0x4321, 0x5432, 0x6543>>(decoder);
  if (mode == ".b4e")
    return setLanewise<permuteByMode<0x5670, 0x6701, 0x7012, 0x0123>>(decoder);
  if (mode == ".rc8")
    return setLanewise<permuteByMode<0x0000, 0x1111, 0x2222, 0x3333>>(decoder);
  if (mode == ".ecl")
    return setLanewise<permuteByMode<0x3210, 0x3211, 0x3222, 0x3333>>(decoder);
  if (mode == ".ecr")
    return setLanewise<permuteByMode<0x0000, 0x1110, 0x2210, 0x3210>>(decoder);
  if (mode == ".rc16")
    return setLanewise<permuteByMode<0x1010, 0x3232, 0x1010, 0x3232>>(decoder);
  setLanewise<permute>(decoder);
  const ptx::Operand &selectors = decoder.operand(3);
  if (selectors.kind != Kind::integer)
    return;
  if ((selectors.bits & 0xffff) == 0x5410)
    decoder.op.handler = lanewise<lowerHalves>;
  else if ((selectors.bits & 0xffff) == 0x7632)
    decoder.op.handler = lanewise<upperHalves>;
}

//===----------------------------------------------------------------------===//
// selp, slct
//===----------------------------------------------------------------------===//

template <typename T>
T selp(T a, T b, bool c) {
  T select = T(0) - T(c);
  return static_cast<T>((a & select) | (b & ~select));
}

template <typename T>
T slctInteger(T a, T b, int32_t c) {
  return c >= 0 ? a : b;
}
template <typename T, bool ftz>
T slctFloat(T a, T b, float c) {
  return (ftz ? flush(c) : c) >= 0 ? a : b;
}

/// Calls function(TypeTag<T>()) with unsigned integers of the type's size.
template <typename Function>
void withSize(std::string_view text, Function function) {
  switch (typeOf(text).width) {
  case 16:
    return function(TypeTag<uint16_t>());
  case 32:
    return function(TypeTag<uint32_t>());
  default:
    return function(TypeTag<uint64_t>());
  }
}

/// f32 and f64 take numbers with a point, so their sources are decoded again.
void decodeSelectedSources(Decoder &decoder, std::string_view text) {
  Type type = typeOf(text);
  for (size_t n : {0, 1})
    decoder.op.src[n] = decoder.source(n + 1, type);
  decoder.op.dst = decoder.destination(0, type);
}

void decodeSelp(Decoder &decoder, const Match &match) {
  if (!decoder.expectOperands(4))
    return;
  decodeSelectedSources(decoder, match[0]);
  bool negated = false;
  decoder.op.src[2] = decoder.sourcePredicate(3, &negated);
  decoder.op.bits = uint8_t(negated) << 2;
  withSize(match[0], [&](auto tag) {
    decoder.op.handler = lanewise<selp<typename decltype(tag)::type>>;
  });
}

template <typename C>
void decodeSlct(Decoder &decoder, const Match &match) {
  if (!decoder.expectOperands(4))
    return;
  std::string_view type = match.choices.back();
  decodeSelectedSources(decoder, type);
  decoder.op.src[2] = decoder.source(3, typeFor<C>());
  withSize(type, [&](auto tag) {
    using T = typename decltype(tag)::type;
    if constexpr (std::is_same_v<C, int32_t>)
      decoder.op.handler = lanewise<slctInteger<T>>;
    else if (match[0] == ".ftz")
      decoder.op.handler = lanewise<slctFloat<T, true>>;
    else
      decoder.op.handler = lanewise<slctFloat<T, false>>;
  });
}

//===----------------------------------------------------------------------===//
// Generic addresses
//===----------------------------------------------------------------------===//

/// The window of a space; 0 where its addresses are generic ones already.
uint64_t windowOf(std::string_view space) {
  if (space.substr(0, 7) == ".shared")
    return sharedWindow;
  if (space.substr(0, 6) == ".param")
    return paramWindow;
  return space == ".local" ? localWindow : 0;
}

/// Into the window op.detail.
Flow intoWindow(Warp &warp, const Op &op, LaneMask lanes) {
  const uint64_t *address = warp.row<uint64_t>(op.src[0]), window = op.detail;
  writeLanes(warp.row<uint64_t>(op.dst), lanes, [=](int l) {
    return window ? (address[l] & ~windowMask) | window : address[l];
  });
  return Flow::next;
}
/// Out of it. An address of another window keeps it: whoever uses it is found.
Flow outOfWindow(Warp &warp, const Op &op, LaneMask lanes) {
  const uint64_t *address = warp.row<uint64_t>(op.src[0]), window = op.detail;
  writeLanes(warp.row<uint64_t>(op.dst), lanes, [=](int l) {
    return (address[l] & windowMask) == window ? address[l] ^ window
                                               : address[l];
  });
  return Flow::next;
}

template <bool isGeneric>
void decodeCvta(Decoder &decoder, const Match &match) {
  if (!decoder.expectOperands(2))
    return;
  Type type = typeOf(".u64");
  decoder.op.src[0] = decoder.source(1, type);
  decoder.op.dst = decoder.destination(0, type);
  decoder.op.detail = windowOf(match[0]);
  decoder.op.handler = isGeneric ? intoWindow : outOfWindow;
}

/// Op::detail is the window; immediate 1 asks for constants, which lie among
/// the global variables.
Flow runIsspacep(Warp &warp, const Op &op, LaneMask lanes) {
  const uint64_t *address = warp.row<uint64_t>(op.src[0]);
  Launch &launch = warp.cta.launch;
  LaneMask inside = 0;
  for (int l = 0; l < lanesPerWarp; ++l) {
    if (!(lanes >> l & 1) || (address[l] & windowMask) != op.detail)
      continue;
    const Allocation *found =
        op.detail ? nullptr : launch.findGlobal(address[l]);
    bool isConstant = found && found->isConstant;
    inside |= LaneMask(op.detail || isConstant == (op.immediate == 1)) << l;
  }
  writePredicate(warp, op.dst, lanes, inside);
  return Flow::next;
}
void decodeIsspacep(Decoder &decoder, const Match &match) {
  if (!decoder.expectOperands(2))
    return;
  decoder.op.src[0] = decoder.source(1, typeOf(".u64"));
  decoder.op.dst = decoder.destinationPredicate(0);
  decoder.op.detail = windowOf(match[0]);
  decoder.op.immediate = match[0] == ".const";
  decoder.op.handler = runIsspacep;
}

} // namespace

std::vector<Form> attn::emulator::moveForms() {
#define ATTN_TYPES "<.b16|.b32|.b64|.u16|.u32|.u64|.s16|.s32|.s64|.f32|.f64>"
  return {
      {"mov" ATTN_TYPES, "%$00, %$01", decodeMove},
      {"mov.pred", "%p0, %p1", decodeMovePredicate},
      {"mov<.b32>", "%r0, {%h0, %h1}", decodeMove},
      {"mov<.b32>", "{%h0, %h1}, %r0", decodeMove},
      {"mov<.b64>", "%d0, {%r0, %r1}", decodeMove},
      {"mov<.b64>", "{_, %r1}, %d0", decodeMove},
      {"mov<.b64>", "%d0, {%h0, %h1, %h2, %h3}", decodeMove},
      {"mov<.b64>", "{%h0, %h1, %h2, %h3}, %d0", decodeMove},
      {"mov<.b64|.u64>", "%d0, shared", decodeMove},
      {"mov<.b64|.u64>", "%d0, global_+8", decodeMove},
      {"mov<.b32|.u32>", "%r0, shared+16", decodeMove},
      {"mov.pred", "%p0, %is_explicit_cluster", decodeMovePredicate, 90, false,
       78},
      {"mov<.b32|.u32>", "%r0, %tid.x", decodeMove},
      {"mov<.b32|.u32>", "%r0, %clock", decodeMove},
      {"mov<.b64|.u64>", "%d0, %clock64", decodeMove},
      {"mov<.b64|.u64>", "%d0, %globaltimer", decodeMove},

      {"prmt.b32[.f4e|.b4e|.rc8|.ecl|.ecr|.rc16]", "%r0, %r1, %r2, %r3",
       decodePrmt},
      {"selp" ATTN_TYPES, "%$00, %$01, %$02, %p0", decodeSelp},
      {"slct" ATTN_TYPES ".s32", "%$00, %$01, %$02, %r3", decodeSlct<int32_t>},
      {"slct[.ftz]" ATTN_TYPES ".f32", "%$10, %$11, %$12, %r3",
       decodeSlct<float>},

      {"cvta<.const|.global|.local|.shared>.u64", "%d0, %d1", decodeCvta<true>},
      {"cvta.to<.const|.global|.local|.shared>.u64", "%d0, %d1",
       decodeCvta<false>},
      {"cvta<.shared::cta>.u64", "%d0, %d1", decodeCvta<true>, 0, false, 78},
      {"cvta.to<.shared::cta>.u64", "%d0, %d1", decodeCvta<false>, 0, false,
       78},
      {"cvta<.shared::cluster>.u64", "%d0, %d1", decodeCvta<true>, 90, false,
       78},
      {"cvta.to<.shared::cluster>.u64", "%d0, %d1", decodeCvta<false>, 90,
       false, 78},
      {"cvta<.param>.u64", "%d0, %d1", decodeCvta<true>, 70, false, 77},
      {"cvta.to<.param>.u64", "%d0, %d1", decodeCvta<false>, 70, false, 77},
      {"cvta<.param::entry>.u64", "%d0, %d1", decodeCvta<true>, 70, false, 83},
      {"cvta.to<.param::entry>.u64", "%d0, %d1", decodeCvta<false>, 70, false,
       83},
      {"cvta<.global>.u64", "%d0, global_+4", decodeCvta<true>},
      {"cvta<.shared>.u64", "%d0, shared", decodeCvta<true>},
      {"isspacep<.const|.global|.local|.shared>", "%p0, %d1", decodeIsspacep},
      {"isspacep<.shared::cta>", "%p0, %d1", decodeIsspacep, 0, false, 78},
      {"isspacep<.shared::cluster>", "%p0, %d1", decodeIsspacep, 90, false, 78},
      {"isspacep<.param>", "%p0, %d1", decodeIsspacep, 70, false, 77},
      {"isspacep<.param::entry>", "%p0, %d1", decodeIsspacep, 70, false, 83},
  };
#undef ATTN_TYPES
}
